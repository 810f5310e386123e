import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore, type Store } from '#store';
import { makeTempDir, type TempDir } from '#test-support';
import { createRetention } from './retention.ts';
import { createStoreAccess, type StoreAccess } from './store-access.ts';
import { exampleExchange } from './testing/example-exchange.ts';

let directory: TempDir;
let store: Store;
let access: StoreAccess;
const dayMs = 24 * 60 * 60 * 1000;

beforeEach(async () => {
  directory = makeTempDir('retention');
  const config = { engine: 'sqlite', path: directory.join('throughline.db') } as const;
  store = await openStore(config, { role: 'writer' });
  access = createStoreAccess(() => openStore(config, { role: 'reader' }), {
    nowMs: () => performance.now(),
    pauseMs: 1,
  });
});
afterEach(async () => {
  await access.close();
  await store.close();
  directory.remove();
});

const nowMs = Date.UTC(2026, 5, 1);

function receivedDaysAgo(number: number, days: number) {
  const example = exampleExchange({ number });
  return { ...example, exchange: { ...example.exchange, receivedAtMs: nowMs - days * dayMs } };
}

describe('what is older than is kept', () => {
  it('is deleted, noted before it goes, and counted; what is younger stays', async () => {
    const kept = receivedDaysAgo(1, 29);
    const old = [receivedDaysAgo(2, 31), receivedDaysAgo(3, 400)];
    await store.commit({ exchanges: [kept, ...old], positions: [] });
    const noted: string[] = [];
    const deleted: number[] = [];
    const retention = createRetention({
      access,
      keepMs: 30 * dayMs,
      nowMs: () => nowMs,
      noteDeletion: () => ({ add: async (ids) => void noted.push(...ids) }),
      onDeleted: (exchanges) => deleted.push(exchanges),
      onTrouble: (error) => expect.unreachable(String(error)),
    });
    await retention.run();
    retention.stop();
    expect((await store.list({}, { offset: 0, limit: 0 })).exchanges.map(({ id }) => id)).toEqual([
      kept.exchange.id,
    ]);
    expect(noted.sort()).toEqual(old.map(({ exchange }) => exchange.id as string).sort());
    expect(deleted).toEqual([2]);
  });

  it('stays when it cannot be noted, and is tried again', async () => {
    await store.commit({ exchanges: [receivedDaysAgo(1, 31)], positions: [] });
    const troubles: unknown[] = [];
    let isFull = true;
    const retention = createRetention({
      access,
      keepMs: 30 * dayMs,
      nowMs: () => nowMs,
      noteDeletion: () => ({
        add: async () => (isFull ? Promise.reject(new Error('disk full')) : undefined),
      }),
      onDeleted: () => undefined,
      onTrouble: (error) => troubles.push(error),
    });
    await retention.run();
    expect(await store.count({})).toBe(1);
    expect(troubles).toEqual([new Error('disk full')]);
    isFull = false;
    await retention.run();
    retention.stop();
    expect(await store.count({})).toBe(0);
  });
});
