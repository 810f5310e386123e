import { afterEach, beforeEach, expect, it } from 'vitest';
import { openStore, promoteReplacement, type Store } from '#store';
import { makeTempDir, type TempDir } from '#test-support';
import { openDerivation } from './derivation.ts';
import { deriveRequests } from './derive-requests.ts';
import { exchange } from './testing/exchange.ts';

let directory: TempDir;
let writer: Store;
const config = () => ({ engine: 'sqlite', path: directory.join('throughline.db') }) as const;

beforeEach(async () => {
  directory = makeTempDir('own-prices');
  writer = await openStore(config(), { role: 'writer' });
});
afterEach(async () => {
  await writer.close();
  directory.remove();
});

/** Derives with these prices, and says what the requests cost in all and how many have no price. */
async function costWith(input: number | undefined): Promise<{ kind: string; cost: number; unknown: number }> {
  const own = input === undefined ? [] : [{ model: 'mine', fromMs: 0, rates: { input, output: 10 } }];
  const stores = await openDerivation(config(), own);
  const step = deriveRequests(stores.facts, stores.derived, own);
  while ((await step.run()) === 'more');
  const [sums] = await stores.derived.statistics.sums({ by: [] });
  await Promise.all([stores.facts.close(), stores.derived.close(), stores.transcripts.close()]);
  if (stores.kind === 'replacement') await promoteReplacement(config());
  return { kind: stores.kind, cost: sums!.costNanos, unknown: sums!.costUnknown };
}

it('costs are computed anew beside the old ones when prices change, and unknown ones are counted', async () => {
  const asked = {
    provider: 'in-the-cellar',
    askedModel: 'mine',
    usage: { inputTokens: 1_000, outputTokens: 100 },
  };
  await writer.commit({
    exchanges: [exchange(1, asked), exchange(2, asked), exchange(3, { ...asked, askedModel: 'another' })],
    positions: [],
  });
  expect(await costWith(undefined)).toEqual({ kind: 'anew', cost: 0, unknown: 3 });
  // Twice 1,000 × 2 + 100 × 10 millionths of a dollar.
  expect(await costWith(2)).toEqual({ kind: 'replacement', cost: 6_000_000, unknown: 1 });
  expect(await costWith(2)).toEqual({ kind: 'going-on', cost: 6_000_000, unknown: 1 });
  // Twice 1,000 × 3 + 100 × 10.
  expect(await costWith(3)).toEqual({ kind: 'replacement', cost: 8_000_000, unknown: 1 });
});
