import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore, type Store, type StoreBatch, StoreError } from '#store';
import { seededRandom, waitFor } from '#test-support';
import { Recorder } from './recorder.ts';
import {
  answerEvents,
  askBody,
  bodyOf,
  makeRecorderHome,
  type RecorderHome,
  type WrittenExchange,
  writeExchange,
} from './recorder-fixture.ts';
import { createStoreKeeper } from './store-keeper.ts';
import { createTail } from './tail.ts';

// A store that fails as one behind a network does: gone for an hour, then unreliable, then slow. The time between two
// attempts is not waited for but counted.
let home: RecorderHome;
beforeEach(() => {
  home = makeRecorderHome();
});
afterEach(() => home.remove());

interface Faults {
  /** Runs before each opening, and each commit of so many exchanges; throws to fail it. */
  before(exchanges?: number): Promise<void> | void;
  /** Runs after a commit went well; throws to lose its reply. */
  after?(): void;
}

const unreachable = (): never => {
  throw new StoreError('unusable', 'the connection to the store was refused');
};

/** Runs a recorder over the real store behind these faults. */
function record(faults: Faults) {
  const ending = new AbortController();
  const clock = { nowMs: 0 };
  const messages: string[] = [];
  const line = (_: object, message: string): void => void messages.push(message);
  const keeper = createStoreKeeper({
    async open() {
      await faults.before();
      return withFaults(await openStore(home.config.store, { role: 'writer' }), faults);
    },
    setAside: () => '',
    signal: ending.signal,
    random: () => 0.5,
    async wait(ms, signal) {
      clock.nowMs += ms;
      await nextTurn();
      signal.throwIfAborted();
    },
    onTrouble: () => undefined,
    onSetAside: () => undefined,
  });
  const recorder = new Recorder({
    createTail: (positions) =>
      createTail({ directory: home.config.journalDirectory, positions, nowMs: () => performance.now() }),
    keeper,
    replayAgeMsMax: home.config.replayAgeMsMax,
    replayBytesMax: home.config.replayBytesMax,
    log: { info: line, warn: line, error: line },
    signal: ending.signal,
  });
  const ended = recorder.run().catch((error: unknown) => {
    if (!ending.signal.aborted) throw error;
  });
  return {
    clock,
    keeper,
    messages,
    async stop() {
      ending.abort();
      await ended;
      await keeper.close();
    },
  };
}

function withFaults(real: Store, faults: Faults): Store {
  const commit = async (batch: StoreBatch) => {
    await faults.before(batch.exchanges.length);
    const result = await real.commit(batch);
    faults.after?.();
    return result;
  };
  return {
    commit,
    journalPositions: () => real.journalPositions(),
    forgetJournal: (coreId: string) => real.forgetJournal(coreId),
    close: () => real.close(),
  } as Store; // The recorder uses no other part of it.
}

async function write(journal: Awaited<ReturnType<RecorderHome['journal']>>, from: number, count: number) {
  const written: WrittenExchange[] = [];
  for (let n = from; n < from + count; n += 1) {
    const exchange = { request: askBody({ n }), response: answerEvents(`answer ${n}`) };
    written.push(await writeExchange(journal, exchange));
  }
  return written;
}

/** Everything once, byte for byte. */
async function expectAllOnce(written: readonly WrittenExchange[]): Promise<void> {
  const store = await home.store();
  try {
    await waitFor(async () => (await store.count({})) >= written.length, { timeoutMs: 30_000 });
    expect(await store.count({})).toBe(written.length);
    for (const { id, request, response } of written) {
      expect((await bodyOf(store, id, 'request')).equals(request)).toBe(true);
      expect((await bodyOf(store, id, 'response')).equals(response)).toBe(true);
    }
  } finally {
    await store.close();
  }
}

describe('a store behind a network', () => {
  it('DUR-06: that is gone for an hour, then fails one time in ten, then is slow loses nothing', async () => {
    const random = seededRandom(6);
    const hour = 3_600_000;
    let phase: 'gone' | 'unreliable' | 'slow' = 'gone';
    let attempts = 0;
    const running = record({
      async before() {
        attempts += 1;
        if (phase === 'gone' && running.clock.nowMs < hour) unreachable();
        if (phase === 'gone') phase = 'unreliable';
        if (phase === 'unreliable' && random.next() < 0.1) unreachable();
        if (phase === 'slow') await delay(100);
      },
    });
    const journal = await home.journal({ segmentBytesMax: 200_000 });
    const written = await write(journal, 0, 60);
    await waitFor(() => phase === 'unreliable', { timeoutMs: 30_000 });
    // It was asked at a bearable rate: about every five seconds.
    expect(attempts).toBeGreaterThan(600);
    expect(attempts).toBeLessThan(1_200);
    for (let n = 60; n < 200; n += 10) {
      written.push(...(await write(journal, n, 10)));
    }
    await expectAllOnce(written);
    phase = 'slow';
    written.push(...(await write(journal, 200, 50)));
    await expectAllOnce(written);
    expect(running.messages.filter((message) => message.includes('not recorded'))).toEqual([]);
    await running.stop();
  });

  it('DUR-06: that takes exchanges only every fourth time gives up none', async () => {
    let count = 0;
    const running = record({
      before(exchanges = 0) {
        if (exchanges === 0) return;
        count += 1;
        if (count % 4 !== 0) unreachable();
      },
    });
    const journal = await home.journal();
    await expectAllOnce(await write(journal, 0, 60));
    await running.stop();
  });

  it('DUR-07: that stores and then loses the connection stores nothing twice', async () => {
    const random = seededRandom(7);
    let lost = 0;
    const running = record({
      before: () => undefined,
      after() {
        if (random.next() < 0.4) {
          lost += 1;
          throw new Error('the connection ended before the reply');
        }
      },
    });
    const journal = await home.journal();
    const written: WrittenExchange[] = [];
    for (let n = 0; n < 100; n += 10) {
      written.push(...(await write(journal, n, 10)));
      await expectAllOnce(written);
    }
    expect(lost).toBeGreaterThan(5);
    await running.stop();
  });
});
