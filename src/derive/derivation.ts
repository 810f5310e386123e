import { type OwnPrice, versionOfPrices } from '#prices';
import { discardReplacement, openDerivedStore, openStore, openTranscripts, type Store } from '#store';
import type { IndexerStores } from './indexer.ts';

type StoreConfig = Parameters<typeof openStore>[0];

/** Goes up when the same facts give other rows than before: everything is derived again then. */
const derivationVersion = 1;

/**
 * Opens what the indexer works on. Rows that were derived in another way, or from another store, go on being served
 * while their replacement is derived beside them.
 * @throws StoreError
 */
export async function openDerivation(
  config: StoreConfig,
  ownPrices: readonly OwnPrice[] = [],
): Promise<IndexerStores> {
  const opened: { close(): Promise<void> }[] = [];
  try {
    const facts = await openStore(config, { role: 'reader' });
    opened.push(facts);
    const transcripts = await openTranscripts(config);
    opened.push(transcripts);
    return { facts, transcripts, ...(await openDerived(config, await derivationOf(facts, ownPrices))) };
  } catch (error) {
    await Promise.allSettled(opened.map((store) => store.close()));
    throw error;
  }
}

async function openDerived(
  config: StoreConfig,
  derivation: string,
): Promise<Pick<IndexerStores, 'derived' | 'derivation' | 'kind'>> {
  const derived = await openDerivedStore(config, { role: 'writer' });
  const found = await derived.derivation();
  if (found === derivation) return { derived, derivation, kind: 'going-on' };
  if (found === undefined) {
    // A replacement of something that is gone has a place to go to by itself.
    discardReplacement(config);
    await derived.beginDerivation(derivation);
    return { derived, derivation, kind: 'anew' };
  }
  await derived.close();
  const replacement = { role: 'writer', isReplacement: true } as const;
  let next = await openDerivedStore(config, replacement);
  if ((await next.derivation()) !== derivation) {
    await next.close();
    discardReplacement(config);
    next = await openDerivedStore(config, replacement);
    await next.beginDerivation(derivation);
  }
  return { derived: next, derivation, kind: 'replacement' };
}

/** What rows are derived from, and how; rows of another one are not continued. */
async function derivationOf(facts: Store, ownPrices: readonly OwnPrice[]): Promise<string> {
  return `${derivationVersion} prices ${versionOfPrices(ownPrices)} facts ${await facts.epoch()}`;
}
