import { type OwnPrice, versionOfPrices } from '#prices';
import { type DerivedStore, discardReplacement, openDerivedStore, openStore, openTranscripts } from '#store';
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
    const derived = await openDerived(config, ownPrices, await facts.epoch());
    return { facts, transcripts, ...derived };
  } catch (error) {
    await Promise.allSettled(opened.map((store) => store.close()));
    throw error;
  }
}

async function openDerived(
  config: StoreConfig,
  ownPrices: readonly OwnPrice[],
  epoch: string,
): Promise<Omit<IndexerStores, 'facts' | 'transcripts'>> {
  const derivation = `${derivationVersion} prices ${versionOfPrices(ownPrices)}${ofFacts(epoch)}`;
  const derived = await openDerivedStore(config, { role: 'writer' });
  const found = await derived.derivation();
  if (found === derivation) return { derived, derivation, kind: 'going-on' };
  if (found === undefined) {
    // A replacement of something that is gone has a place to go to by itself.
    discardReplacement(config);
    await derived.beginDerivation(derivation);
    return { derived, derivation, kind: 'anew' };
  }
  // Sequences of another epoch are those of other requests: by them nothing can be found that was deleted.
  const isOfSameFacts = found.endsWith(ofFacts(epoch));
  if (!isOfSameFacts) await derived.close();
  try {
    const next = await openReplacement(config, derivation);
    return {
      derived: next,
      ...(isOfSameFacts ? { served: derived } : {}),
      derivation,
      kind: 'replacement',
    };
  } catch (error) {
    await derived.close();
    throw error;
  }
}

async function openReplacement(config: StoreConfig, derivation: string): Promise<DerivedStore> {
  const replacement = { role: 'writer', isReplacement: true } as const;
  let next = await openDerivedStore(config, replacement);
  if ((await next.derivation()) !== derivation) {
    await next.close();
    discardReplacement(config);
    next = await openDerivedStore(config, replacement);
    await next.beginDerivation(derivation);
  }
  return next;
}

/** The end of every derivation from these facts, also when it was asked for anew. */
function ofFacts(epoch: string): string {
  return ` facts ${epoch}`;
}
