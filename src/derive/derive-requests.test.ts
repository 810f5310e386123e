import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DerivedStore, openDerivedStore, openStore, type Store } from '#store';
import { makeTempDir, type TempDir } from '#test-support';
import { deriveRequests } from './derive-requests.ts';
import { exchange } from './testing/exchange.ts';

let directory: TempDir;
let facts: Store;
let derived: DerivedStore;

beforeEach(async () => {
  directory = makeTempDir('derive');
  facts = await openStore(config(), { role: 'writer' });
  derived = await openDerivedStore(config(), { role: 'writer' });
});
afterEach(async () => {
  await facts.close();
  await derived.close();
  directory.remove();
});

const config = () => ({ engine: 'sqlite', path: directory.join('throughline.db') }) as const;
const record = (...numbers: number[]) =>
  facts.commit({ exchanges: numbers.map((number) => exchange(number)), positions: [] });

describe('deriving requests', () => {
  it('makes one row of each exchange, a piece at a time', async () => {
    await record(...Array.from({ length: 450 }, (_, index) => index));
    const step = deriveRequests(facts, derived);
    expect([await step.run(), await step.run(), await step.run()]).toEqual(['more', 'more', 'idle']);
    expect(await derived.health()).toMatchObject({ requests: 450, through: 450 });
  });

  it('changes nothing when it is done twice', async () => {
    await record(1, 2, 3);
    const again = await facts.storedAfter(0, 10);
    await deriveRequests(facts, derived).run();
    await derived.requests.append(
      again.map((each) => ({ exchange: each, costNanos: undefined })),
      3,
    );
    expect(await derived.health()).toMatchObject({ requests: 3, through: 3 });
  });

  it('goes on where another one stopped', async () => {
    await record(1, 2);
    await deriveRequests(facts, derived).run();
    await derived.close();
    derived = await openDerivedStore(config(), { role: 'writer' });
    await record(3);
    await deriveRequests(facts, derived).run();
    expect(await derived.health()).toMatchObject({ requests: 3, through: 3 });
  });
});
