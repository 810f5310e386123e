import { readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RecorderStatus } from '#exchange';
import { openStore, type Store, type StoreBatch, StoreError } from '#store';
import { endProcess, type OwnProcess, startNode, waitFor } from '#test-support';
import { Recorder } from './recorder.ts';
import {
  answerEvents,
  askBody,
  bodyOf,
  makeRecorderHome,
  type RecorderHome,
  storedExchanges,
  type WrittenExchange,
  writeExchange,
} from './recorder-fixture.ts';
import { createStoreKeeper } from './store-keeper.ts';
import { createTail } from './tail.ts';

let home: RecorderHome;
const processes: OwnProcess[] = [];
beforeEach(() => {
  home = makeRecorderHome();
});
afterEach(async () => {
  for (const child of processes.splice(0)) await endProcess(child);
  await home.remove();
});

const path = () => home.config.store.path;
const status = () =>
  JSON.parse(readFileSync(home.dir.join('status', 'recorder.json'), 'utf8')) as RecorderStatus;

async function holdWriteLock(): Promise<OwnProcess> {
  const child = startNode('src/store/testing/hold-database.ts', [path(), 'BEGIN IMMEDIATE'], {
    env: {},
    input: '',
  });
  processes.push(child);
  await waitFor(() => child.stdout().includes('holding'), { what: 'the other process to hold the database' });
  return child;
}

async function writeSome(
  journal: Parameters<typeof writeExchange>[0],
  count: number,
  from = 0,
): Promise<WrittenExchange[]> {
  const written: WrittenExchange[] = [];
  for (let n = from; n < from + count; n += 1) {
    written.push(
      await writeExchange(journal, { request: askBody({ n }), response: answerEvents(`answer ${n}`) }),
    );
  }
  return written;
}

async function expectStored(written: readonly WrittenExchange[]): Promise<void> {
  // Opened again for every look, because the file may be replaced meanwhile.
  await waitFor(() => withStore(async (store) => (await store.count({})) >= written.length), {
    timeoutMs: 30_000,
    what: `${written.length} stored exchanges`,
  });
  await withStore(async (store) => {
    expect(await store.count({})).toBe(written.length);
    for (const { id, request, response } of written) {
      expect((await bodyOf(store, id, 'request')).equals(request)).toBe(true);
      expect((await bodyOf(store, id, 'response')).equals(response)).toBe(true);
    }
  });
}

async function withStore<T>(work: (store: Store) => Promise<T>): Promise<T> {
  const store = await home.store();
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

describe('a recorder whose store makes trouble', () => {
  it('DUR-01: waits while another process holds the write lock and loses nothing', async () => {
    const journal = await home.journal();
    const recorder = home.start();
    const written = await writeSome(journal, 3);
    await storedExchanges(home, 3);
    const other = await holdWriteLock();
    written.push(...(await writeSome(journal, 20, 3)));
    await waitFor(() => status().state === 'waiting-for-store' && status().lagMs > 500, {
      timeoutMs: 15_000,
    });
    expect(status().trouble).toContain('another process holds the write lock');
    expect(status().storeErrors).toBeGreaterThan(0);
    await endProcess(other);
    await expectStored(written);
    await waitFor(() => status().state === 'recording' && status().lagMs === 0);
    await recorder.drain();
  });

  it('DUR-01: is ready at once although the store is locked from the start', async () => {
    await (await home.store()).close();
    const other = await holdWriteLock();
    const journal = await home.journal();
    const recorder = home.start();
    await waitFor(() => recorder.lines.includes('ready'));
    const written = await writeSome(journal, 5);
    await endProcess(other);
    await expectStored(written);
  });

  it('leaves within its drain although the store is locked, and the next one stores everything', async () => {
    const journal = await home.journal();
    await (await home.store()).close();
    const other = await holdWriteLock();
    const recorder = home.start();
    const written = await writeSome(journal, 5);
    await recorder.drain();
    await endProcess(other);
    home.start();
    await expectStored(written);
  });

  it('DUR-04: builds the store again when its files were deleted', async () => {
    const journal = await home.journal({ segmentBytesMax: 30_000 });
    home.start();
    const written = await writeSome(journal, 40);
    await expectStored(written);
    for (const suffix of ['', '-wal', '-shm']) rmSync(path() + suffix, { force: true });
    // Noticed without any traffic.
    await expectStored(written);
    written.push(...(await writeSome(journal, 5, 40)));
    await expectStored(written);
  });

  it('DUR-04: builds the store again when its file was moved or replaced by another', async () => {
    const journal = await home.journal();
    home.start();
    const written = await writeSome(journal, 10);
    await expectStored(written);
    renameSync(path(), `${path()}.moved`);
    await expectStored(written);
    const other = makeRecorderHome();
    await (await other.store()).close();
    for (const suffix of ['-wal', '-shm']) rmSync(path() + suffix, { force: true });
    renameSync(other.config.store.path, path());
    await other.remove();
    written.push(...(await writeSome(journal, 2, 10)));
    await expectStored(written);
  });

  it.each([
    ['its header is garbage', () => writeFileSync(path(), 'this was a database once'.repeat(1_000))],
    ['it was cut', () => truncateSync(path(), 5_000)],
  ])('DUR-05: sets a store aside and builds a new one when %s', async (_, damage) => {
    const journal = await home.journal();
    const recorder = home.start();
    const written = await writeSome(journal, 10);
    await expectStored(written);
    await recorder.drain();
    damage();
    const again = home.start();
    await expectStored(written);
    expect(readdirSync(home.dir.path).some((name) => name.includes('.corrupt-'))).toBe(true);
    expect(again.lines.some((line) => line.includes('damaged'))).toBe(true);
  });

  it('does not let one exchange that the store refuses hold up the others', async () => {
    const journal = await home.journal();
    const written = await writeSome(journal, 6);
    const poison = written[2]!.id;
    await runWith((store) => ({
      commit: (batch) => {
        if (batch.exchanges.some(({ exchange }) => exchange.id === poison))
          throw new StoreError('unusable', 'refused');
        return store.commit(batch);
      },
    }));
    await expectStored(written.filter(({ id }) => id !== poison));
  });
});

describe('a recorder that crashes', () => {
  it('DUR-17: before a commit loses nothing', async () => {
    const journal = await home.journal({ segmentBytesMax: 20_000 });
    const written = await writeSome(journal, 30);
    for (let crashes = 0; crashes < 4; crashes += 1) {
      let commits = 0;
      await runWith((store, crash) => ({
        commit: (batch) => (++commits > crashes ? crash() : store.commit(batch)),
      }));
    }
    home.start();
    await expectStored(written);
  });

  it('DUR-17: after a commit and before it knows of it stores nothing twice', async () => {
    const journal = await home.journal({ segmentBytesMax: 20_000 });
    const written = await writeSome(journal, 30);
    for (let crashes = 0; crashes < 4; crashes += 1) {
      await runWith((store, crash) => ({
        async commit(batch) {
          await store.commit(batch);
          return crash();
        },
      }));
    }
    home.start();
    await expectStored(written);
  });

  it('DUR-17: when all its positions are lost stores nothing twice', async () => {
    const journal = await home.journal({ segmentBytesMax: 20_000 });
    const written = await writeSome(journal, 30);
    for (let run = 0; run < 3; run += 1) {
      await runWith((store) => ({ commit: (batch) => store.commit({ ...batch, positions: [] }) }));
      await expectStored(written);
    }
  });
});

/** Runs a recorder over a store with changed methods until it has nothing to do or crashes. */
async function runWith(
  change: (store: Store, crash: () => never) => { commit(batch: StoreBatch): ReturnType<Store['commit']> },
): Promise<void> {
  const ending = new AbortController();
  let store: Store | undefined;
  const keeper = createStoreKeeper({
    async open() {
      const real = await openStore(home.config.store, { role: 'writer' });
      store = real;
      const crash = (): never => {
        ending.abort();
        throw new Error('crash');
      };
      const { commit } = change(real, crash);
      return {
        commit: async (batch: StoreBatch) => commit(batch),
        journalPositions: () => real.journalPositions(),
        forgetJournal: (coreId: string) => real.forgetJournal(coreId),
        close: () => real.close(),
      } as Store; // The recorder uses no other part of it.
    },
    setAside: () => '',
    signal: ending.signal,
    onTrouble: () => undefined,
    onSetAside: () => undefined,
  });
  const quiet = () => undefined;
  const recorder = new Recorder({
    createTail: (positions) =>
      createTail({ directory: home.config.journalDirectory, positions, nowMs: () => performance.now() }),
    keeper,
    replayAgeMsMax: home.config.replayAgeMsMax,
    replayBytesMax: home.config.replayBytesMax,
    log: { info: quiet, warn: quiet, error: quiet },
    signal: ending.signal,
  });
  recorder.drain(30_000);
  await recorder.run().catch((error: unknown) => {
    if (!ending.signal.aborted) throw error;
  });
  await store?.close().catch(() => undefined);
}
