import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore, type Store } from '#store';
import { makeTempDir, type TempDir, waitFor } from '#test-support';
import { createRetention, type RetentionLimits } from './retention.ts';
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
      limits: { keepMs: 30 * dayMs },
      freeBytes: async () => undefined,
      nowMs: () => nowMs,
      noteDeletion: () => ({ add: async (ids) => void noted.push(...ids) }),
      onDeleted: ({ exchanges }) => deleted.push(exchanges),
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
      limits: { keepMs: 30 * dayMs },
      freeBytes: async () => undefined,
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

describe('bodies that are more than is kept', () => {
  async function bodiesLeft(): Promise<number> {
    return (await store.bodiesOf({})).exchanges;
  }

  function retentionOf(limits: RetentionLimits, freeBytes?: number) {
    const retention = createRetention({
      access,
      limits,
      freeBytes: async () => freeBytes,
      nowMs: () => nowMs,
      noteDeletion: () => ({ add: async () => undefined }),
      onDeleted: () => undefined,
      onTrouble: (error) => expect.unreachable(String(error)),
    });
    retention.stop();
    return retention;
  }

  async function fill(count: number): Promise<void> {
    const exchanges = Array.from({ length: count }, (_, number) => {
      const example = exampleExchange({ number, response: randomBytes(20_000) });
      return {
        ...example,
        exchange: { ...example.exchange, receivedAtMs: nowMs - (count - number) * dayMs },
      };
    });
    await store.commit({ exchanges, positions: [] });
  }

  it('go when they are too old, and everything else about their requests stays', async () => {
    await fill(10);
    await retentionOf({ keepBodiesMs: 4.5 * dayMs }).run();
    expect([await store.count({}), await bodiesLeft()]).toEqual([10, 4]);
    const [newest, oldest] = await Promise.all([0, 9].map((offset) => store.list({}, { offset, limit: 1 })));
    expect(newest?.exchanges[0]?.bodiesPrunedAtMs).toBeUndefined();
    expect(oldest?.exchanges[0]?.bodiesPrunedAtMs).toBe(nowMs);
    for await (const found of store.verify()) expect(found).toMatchObject({ kind: 'totals', damaged: 0 });
  });

  it('SEC-18: leave nothing behind in any file of the database', async () => {
    await fill(3);
    const oldest = (await store.list({}, { offset: 2, limit: 1 })).exchanges[0]!;
    const pieces: Uint8Array[] = [];
    for await (const piece of (await store.body(oldest.id, 'response'))!) pieces.push(piece);
    // What is random cannot be packed, so it stands there as it is.
    const canary = Buffer.concat(pieces).subarray(1_000, 1_016);
    const filesWithIt = () =>
      readdirSync(directory.path).filter((name) => readFileSync(directory.join(name)).includes(canary));
    expect(filesWithIt()).not.toEqual([]);
    await retentionOf({ keepBodiesMs: 2.5 * dayMs }).run();
    expect(await store.body(oldest.id, 'response')).toBeUndefined();
    await waitFor(() => filesWithIt().length === 0);
  });

  it('go, the oldest first, when the database is larger than it may be; requests go when no body is left', async () => {
    await fill(60);
    const { bytes } = await store.health();
    const retention = retentionOf({ storeBytesMax: bytes - 200_000 });
    await retention.run();
    const left = await bodiesLeft();
    expect(left).toBeLessThan(60);
    expect(left).toBeGreaterThan(10);
    expect(await store.count({})).toBe(60);
    const listed = await store.list({}, { offset: 0, limit: 0 });
    expect(listed.exchanges.slice(0, left).every((one) => one.bodiesPrunedAtMs === undefined)).toBe(true);
    const none = retentionOf({ storeBytesMax: 1 });
    await none.run();
    expect([await bodiesLeft(), await store.count({})]).toEqual([0, 60]);
    await none.run();
    expect(await store.count({})).toBe(0);
  });

  it('go when the disk is nearly full, and nothing else ever does for that', async () => {
    await fill(30);
    await retentionOf({ freeBytesMin: 1000 }, 1000).run();
    expect(await bodiesLeft()).toBe(30);
    await retentionOf({ freeBytesMin: 1000 }).run();
    expect(await bodiesLeft()).toBe(30);
    for (let i = 0; i < 3; i += 1) await retentionOf({ freeBytesMin: 1e12 }, 1000).run();
    expect([await bodiesLeft(), await store.count({})]).toEqual([0, 30]);
  });
});
