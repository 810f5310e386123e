import {
  closeSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  endProcess,
  makeTempDir,
  type OwnProcess,
  seededRandom,
  startNode,
  type TempDir,
  waitFor,
} from '#test-support';
import { openStore, setAside } from '../open-store.ts';
import { type Store, StoreError } from '../store.ts';
import { chunk, exchangeToStore } from '../testing/exchange-to-store.ts';

let directory: TempDir;
let path: string;
let store: Store;
const opened: Store[] = [];
const processes: OwnProcess[] = [];

beforeEach(async () => {
  directory = makeTempDir('store-faults');
  path = directory.join('throughline.db');
  store = await open('writer');
});
afterEach(async () => {
  for (const child of processes.splice(0)) await endProcess(child);
  for (const each of opened.splice(0)) await each.close();
  directory.remove();
});

async function open(role: 'writer' | 'reader'): Promise<Store> {
  const each = await openStore({ engine: 'sqlite', path }, { role });
  opened.push(each);
  return each;
}

const item = (number: number) =>
  exchangeToStore(number, {
    request: [chunk(seededRandom(number).bytes(3_000))],
    facts: { sessionId: `s${number}` },
  });
const commit = (...numbers: number[]) =>
  store.commit({
    exchanges: numbers.map(item),
    positions: [{ coreId: 'core', segmentNumber: 1, offset: numbers[0]! }],
  });

/** What an operation was refused with. */
async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'nothing';
  } catch (error) {
    if (error instanceof StoreError) return error.code;
    throw error;
  }
}

async function hold(statements: string): Promise<OwnProcess> {
  const child = startNode('src/store/testing/hold-database.ts', [path, statements], { env: {}, input: '' });
  processes.push(child);
  await waitFor(() => child.stdout().includes('holding'), { what: 'the other process to hold the database' });
  return child;
}

describe('a SQLite store in trouble', () => {
  it('says busy at once while another process holds the write lock, and stores afterwards', async () => {
    await commit(1);
    const other = await hold('BEGIN IMMEDIATE');
    expect(await refusal(commit(2))).toBe('busy');
    expect(await store.count({})).toBe(1);
    expect((await store.journalPositions()).get('core')?.offset).toBe(1);
    await endProcess(other);
    expect(await commit(2)).toEqual({ stored: 1, known: 0 });
  });

  it('DUR-01: opens and reads while another process holds the write lock', async () => {
    await commit(1);
    const other = await hold('BEGIN IMMEDIATE');
    const reader = await open('reader');
    expect(await reader.count({})).toBe(1);
    await endProcess(other);
  });

  it('DUR-12: commits and bounds its log while a reader keeps an old snapshot', async () => {
    await commit(1);
    const other = await hold('BEGIN; SELECT count(*) FROM exchanges');
    for (let n = 2; n < 60; n += 1) await commit(n);
    expect(await store.count({})).toBe(59);
    await endProcess(other);
    await commit(60);
    await waitFor(() => statSync(`${path}-wal`).size < 5_000_000, { what: 'the log to be small' });
  });

  it('has another epoch once its file was made anew, and so has a copy', async () => {
    await commit(1);
    const copy = directory.join('copy.db');
    await store.backup(copy);
    const epochs = [await store.epoch()];
    await store.close();
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    epochs.push(await (await open('writer')).epoch());
    const copied = await openStore({ engine: 'sqlite', path: copy }, { role: 'reader' });
    opened.push(copied);
    epochs.push(await copied.epoch());
    expect(await copied.count({})).toBe(1);
    expect(new Set(epochs).size).toBe(3);
  });

  it('reads on from an old page while others commit', async () => {
    for (let n = 0; n < 10; n += 1) await commit(n);
    const reader = await open('reader');
    const first = await reader.list({}, { after: undefined, limit: 4 });
    await commit(50);
    await store.delete({ sessionId: 's3' });
    const second = await reader.list({}, { after: first.next, limit: 4 });
    expect(second.exchanges.map((exchange) => exchange.sessionId)).toEqual(['s5', 's4', 's2', 's1']);
  });

  it('DUR-04: notices that its file was deleted, moved or replaced', async () => {
    await commit(1);
    await store.backup(directory.join('copy.db'));
    const changes = [
      () => rmSync(path),
      () => renameSync(path, directory.join('elsewhere.db')),
      () => renameSync(directory.join('copy.db'), path),
    ];
    for (const change of changes) {
      const reader = await open('reader');
      change();
      expect(await refusal(commit(2))).toBe('moved');
      expect(await refusal(reader.count({}))).toBe('moved');
      await store.close();
      await reader.close();
      for (const left of ['-wal', '-shm']) rmSync(`${path}${left}`, { force: true });
      store = await open('writer');
      expect(await refusal(commit(2))).toBe('nothing');
    }
  });

  it('DUR-04: notices that only its log was deleted', async () => {
    await commit(1);
    rmSync(`${path}-wal`);
    expect(await refusal(commit(2))).toBe('moved');
  });

  it('DUR-05: says corrupt for a file that is not a database any more, and starts afresh beside it', async () => {
    await commit(1);
    await store.close();
    overwrite(path, 0, Buffer.from('this is no header at all, only words'));
    expect(await refusal(open('writer'))).toBe('corrupt');
    const aside = setAside({ engine: 'sqlite', path }, Date.UTC(2026, 0, 2, 3, 4, 5, 678));
    expect(aside).toBe(`${path}.corrupt-20260102T030405-678Z`);
    store = await open('writer');
    expect(await commit(1)).toEqual({ stored: 1, known: 0 });
    expect(readdirSync(directory.path)).toContain('throughline.db.corrupt-20260102T030405-678Z');
  });

  it('DUR-05: says corrupt when pages were overwritten while nobody looked', async () => {
    for (let n = 0; n < 40; n += 1) await commit(n);
    await store.close();
    const size = statSync(path).size;
    for (let page = 2; page < size / 4096; page += 1) overwrite(path, page * 4096, Buffer.alloc(4096, 0xa5));
    const results: string[] = [];
    try {
      store = await open('writer');
      results.push(await refusal(store.list({}, { offset: 0, limit: 0 })));
      results.push(await refusal(commit(100)));
    } catch (error) {
      results.push((error as StoreError).code);
    }
    expect(results).toContain('corrupt');
    expect(results.filter((result) => result !== 'corrupt' && result !== 'nothing')).toEqual([]);
  });

  it('DUR-05: finds overwritten pages when it is checked, and nothing in a store that is in order', async () => {
    for (let n = 0; n < 40; n += 1) await commit(n);
    expect(await refusal(store.check())).toBe('nothing');
    await store.close();
    overwrite(path, (statSync(path).size / 4096 - 3) * 4096, Buffer.alloc(4096, 0xa5));
    store = await open('writer');
    expect(await refusal(store.check())).toBe('corrupt');
  });

  it('DUR-05: survives a log that was cut, with what is in the database', async () => {
    for (let n = 0; n < 10; n += 1) await commit(n);
    await store.close();
    store = await open('writer');
    await commit(10, 11);
    truncateSync(`${path}-wal`, 100);
    expect(await refusal(commit(12))).toBe('moved');
    await store.close();
    store = await open('writer');
    expect(await store.count({})).toBe(10);
    expect(await commit(10, 11, 12)).toEqual({ stored: 3, known: 0 });
  });

  it('DUR-05: opens again when the shared index was deleted', async () => {
    await commit(1);
    rmSync(`${path}-shm`);
    expect(await refusal(commit(2))).toBe('moved');
    await store.close();
    store = await open('writer');
    expect(await refusal(commit(2))).toBe('nothing');
    expect(await store.count({})).toBe(2);
  });

  it('finds damaged pieces and names the bodies that need them', async () => {
    await commit(1, 2, 3);
    const damaging = new Database(path);
    damaging.exec(`UPDATE chunks SET packed = zeroblob(length(packed)) WHERE id = 2`);
    damaging.close();
    const damage: unknown[] = [];
    for await (const step of store.verify()) damage.push(step);
    expect(damage).toMatchObject([
      { kind: 'damage', sentence: expect.stringContaining('hunk 2') },
      { kind: 'damage', exchangeId: item(2).exchange.id, side: 'request' },
      { kind: 'totals', exchanges: 3, bodies: 6, chunks: 3, damaged: 2 },
    ]);
    const body = await store.body(item(2).exchange.id, 'request');
    expect(await refusal(collect(body!))).toBe('corrupt');
    expect(await refusal(collect((await store.body(item(3).exchange.id, 'request'))!))).toBe('nothing');
  });

  it('DUR-16: makes a consistent copy while exchanges are stored', async () => {
    for (let n = 0; n < 20; n += 1) await commit(n);
    const reader = await open('reader');
    const storing = (async () => {
      for (let n = 20; n < 40; n += 1) await commit(n);
    })();
    const target = directory.join('backup.db');
    await reader.backup(target);
    await storing;
    expect(await refusal(reader.backup(target))).toBe('unusable');
    expect(statSync(target).mode & 0o777).toBe(0o600);
    const check = new Database(target);
    expect(check.pragma('integrity_check', { simple: true })).toBe('ok');
    check.close();
    const copy = await openStore({ engine: 'sqlite', path: target }, { role: 'reader' });
    opened.push(copy);
    expect(await copy.count({})).toBeGreaterThanOrEqual(20);
    for await (const step of copy.verify()) expect(step).toMatchObject({ kind: 'totals', damaged: 0 });
  });

  it('gives space back after deleting', async () => {
    for (let n = 0; n < 100; n += 1) {
      await store.commit({
        exchanges: [exchangeToStore(n, { request: [chunk(seededRandom(n).bytes(40_000))] })],
        positions: [],
      });
    }
    await store.delete({});
    await store.close();
    expect(statSync(path).size).toBeLessThan(400_000);
    store = await open('writer');
    expect(await store.count({})).toBe(0);
  });

  it('leaves no deleted words in its files', async () => {
    await store.commit({
      exchanges: [exchangeToStore(1, { facts: { sessionId: 'a-word-that-must-go' } })],
      positions: [],
    });
    await store.delete({});
    await store.close();
    const probe = startNode(
      '-e',
      [
        `process.stdout.write(String(require('fs').readFileSync(${JSON.stringify(path)}).includes('a-word-that-must-go')))`,
      ],
      { env: {}, input: '' },
    );
    processes.push(probe);
    await probe.exited;
    expect(probe.stdout()).toBe('false');
  });
});

function overwrite(file: string, offset: number, bytes: Buffer): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, bytes, 0, bytes.length, offset);
  closeSync(descriptor);
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of body);
}
