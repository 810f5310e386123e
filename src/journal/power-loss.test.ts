import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JournalConfig } from '#core-config';
import { FaultyFs } from './faulty-fs.ts';
import { createFrameReader } from './frame-reader.ts';
import { someExchangeId, someOpened, someTallies, testConfig, until } from './journal-fixture.ts';
import type { ExchangeJournal, JournalWriter } from './journal-writer.ts';
import { openJournal } from './open-journal.ts';
import { type DiskImage, PowerCutFs } from './power-cut-fs.ts';

// The power may go at any instant: between any two operations on the disk, and in the middle of each.
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'journal-power-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const coreId = 'core-a';
const bodyBytes = 2_000;

interface Instant {
  /** Numbers of the exchanges whose end a client could have seen by now. */
  readonly ended: ReadonlySet<number>;
  readonly image: DiskImage;
  /** What the journal says a power cut would take. */
  readonly unsyncedBytes: number;
}

/** Clients that come and go while segments fill up; gives every instant at which the power could have gone. */
async function session(changes: Partial<JournalConfig>): Promise<readonly Instant[]> {
  const disk = new PowerCutFs(root);
  const config = testConfig(join(root, 'journal'), { segmentBytesMax: 5_000, ...changes });
  const writer = await openJournal(config, { coreId, fs: disk.fs, upkeepIntervalMs: 20 });
  // A later segment may be on the disk before an earlier one.
  disk.slowSync = async (path) => {
    const turns = /[13579]\.seg$/.test(path) ? 100 : 0;
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const ended = new Set<number>();
  const instants: Instant[] = [];
  disk.onStep = () => {
    const { unsyncedBytes } = writer.state();
    instants.push({ ended: new Set(ended), image: disk.image(), unsyncedBytes });
  };
  const client = async (first: number): Promise<void> => {
    for (let number = first; number < first + 8; number += 1) {
      await record(writer, number);
      ended.add(number);
    }
  };
  await Promise.all([client(100), client(200), client(300)]);
  // Nobody asks for it: the last exchanges become safe by themselves.
  await until(() => writer.state().pendingBytes === 0 && writer.state().unsyncedBytes === 0);
  disk.onStep();
  await writer.close();
  return instants;
}

/** An exchange whose body spreads over several writes, and sometimes over several segments. */
async function record(writer: JournalWriter, number: number): Promise<void> {
  const log = writer.open(someExchangeId(number), someOpened());
  for (let piece = 0; piece < 4; piece += 1) {
    log.bytes('request', Buffer.alloc(bodyBytes / 4, number));
    await until(() => writer.state().pendingBytes === 0);
  }
  await end(log);
}

function end(log: ExchangeJournal): Promise<void> {
  return log.closed({ end: 'finished', ...someTallies() });
}

/** Which of these exchanges are not whole in the image. */
async function missingIn(image: DiskImage, numbers: ReadonlySet<number>): Promise<number[]> {
  const bytesOf = new Map<string, number>();
  const parts = new Map<string, Set<string>>();
  for (const [path, bytes] of image) {
    if (!path.endsWith('.seg')) continue;
    const reader = createFrameReader({ coreId, segmentNumber: Number.parseInt(basename(path), 10) });
    const segment = (await readFile(path)).subarray(0, bytes);
    for (const { entry } of [...reader.feed(segment), ...reader.finish()]) {
      if (entry.kind === 'segment-opened') continue;
      const { exchangeId } = entry;
      parts.set(exchangeId, (parts.get(exchangeId) ?? new Set()).add(entry.kind));
      if ('bytes' in entry) bytesOf.set(exchangeId, (bytesOf.get(exchangeId) ?? 0) + entry.bytes.length);
    }
  }
  return [...numbers].filter((number) => {
    const id = someExchangeId(number);
    const kinds = parts.get(id);
    const isClosed = kinds?.has('exchange-opened') && kinds.has('exchange-closed');
    return !isClosed || bytesOf.get(id) !== bodyBytes;
  });
}

describe('the power goes', () => {
  it('DUR-11: with "power" at any instant: every exchange whose end was given free is whole', async () => {
    const instants = await session({ durability: 'power', fsyncIntervalMs: 500 });
    expect(instants.at(-1)?.ended.size).toBe(24);
    expect(instants.length).toBeGreaterThan(100);
    for (const { ended, image } of instants) expect(await missingIn(image, ended)).toEqual([]);
  });

  it('DUR-11: with "process" at any instant: nothing is missing that was said to be safe', async () => {
    const instants = await session({ fsyncIntervalMs: 10 });
    expect(instants.at(-1)).toMatchObject({ ended: { size: 24 }, unsyncedBytes: 0 });
    let safe: ReadonlySet<number> = new Set();
    let lost = 0;
    for (const { ended, image, unsyncedBytes } of instants) {
      if (unsyncedBytes === 0) safe = ended;
      const missing = await missingIn(image, ended);
      expect(missing.filter((number) => safe.has(number))).toEqual([]);
      lost = Math.max(lost, missing.length);
    }
    // A disk that never loses anything would prove nothing.
    expect(lost).toBeGreaterThan(0);
  });

  it('DUR-11: with "process", a sync begins one interval after the first write that needs it', async () => {
    const disk = new FaultyFs();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const config = testConfig(join(root, 'journal'), { fsyncIntervalMs: 100 });
      const writer = await openJournal(config, { coreId, fs: disk.fs, upkeepIntervalMs: 60_000 });
      await vi.advanceTimersByTimeAsync(100);
      await until(() => writer.state().unsyncedBytes === 0);
      for (let round = 0; round < 3; round += 1) {
        const syncs = () => disk.log.filter((name) => name === 'fdatasync').length;
        const before = syncs();
        // The second one must not put off the sync of the first.
        await end(writer.open(someExchangeId(10 + round), someOpened()));
        await vi.advanceTimersByTimeAsync(60);
        await end(writer.open(someExchangeId(20 + round), someOpened()));
        await vi.advanceTimersByTimeAsync(39);
        expect(syncs()).toBe(before);
        await vi.advanceTimersByTimeAsync(1);
        expect(syncs()).toBe(before + 1);
        await until(() => writer.state().unsyncedBytes === 0);
      }
      await writer.close();
    } finally {
      vi.useRealTimers();
    }
  });
});
