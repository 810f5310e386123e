import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processStartToken } from '#generation';
import { type JournalDirectory, listJournals } from '#journal/read';
import type { JournalWriter } from '#journal/write';
import { waitFor } from '#test-support';
import { JournalTail } from './journal-tail.ts';
import { createRecentBytes } from './recent-bytes.ts';
import {
  anExchangeId,
  answerEvents,
  askBody,
  makeRecorderHome,
  opened,
  type RecorderHome,
  writeExchange,
} from './recorder-fixture.ts';
import { createTail, type Tail, type TailOptions } from './tail.ts';

let home: RecorderHome;
beforeEach(() => {
  home = makeRecorderHome();
});
afterEach(() => home.remove());

async function write(journal: JournalWriter): Promise<string> {
  return (await writeExchange(journal, { request: askBody(), response: answerEvents('Seven.') })).id;
}

/** Several exchanges, each in a segment of its own. */
async function writeSegments(count: number): Promise<string[]> {
  const journal = await home.journal({ segmentBytesMax: 1_000 });
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) ids.push(await write(journal));
  await journal.close();
  return ids;
}

async function listed(coreId?: string): Promise<JournalDirectory> {
  const journals = await listJournals(home.config.journalDirectory);
  return journals.find((journal) => coreId === undefined || journal.coreId === coreId)!;
}

/** Reads until there is nothing more to do at once. */
async function idsOf(tail: Pick<Tail, 'next'>): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const step = await tail.next();
    ids.push(...step.finished.map(({ id }) => id));
    if (!step.isMoving) return ids;
  }
}

describe('a gap in the numbers of segments', () => {
  function tailOf(directory: JournalDirectory) {
    const journal = new JournalTail(directory, {
      position: undefined,
      recent: createRecentBytes(1024 * 1024),
    });
    return { journal, next: () => journal.step() };
  }

  it('is no gap when the next listing has the segment', async () => {
    const ids = await writeSegments(4);
    const whole = await listed();
    expect(whole.segments.length).toBeGreaterThan(3);
    const torn = { ...whole, segments: whole.segments.filter(({ number }) => number !== 2) };
    const tail = tailOf(torn);
    const early = await idsOf(tail);
    expect(early).toEqual(ids.slice(0, 1));
    tail.journal.update(whole, false);
    expect([...early, ...(await idsOf(tail))]).toEqual(ids);
  });

  it('is passed when the segment is gone for good', async () => {
    const ids = await writeSegments(4);
    const whole = await listed();
    const segments = whole.segments.filter(({ number }) => number !== 2);
    const tail = tailOf({ ...whole, segments });
    const early = await idsOf(tail);
    tail.journal.update({ ...whole, segments }, false);
    expect([...early, ...(await idsOf(tail))]).toEqual([ids[0], ...ids.slice(2)]);
  });
});

describe('a segment that is thinned for the quota', () => {
  it('DUR-03: costs the bodies that went, and no frame that was half read then counts as damage', async () => {
    const journal = await home.journal({ segmentBytesMax: 2_500_000 });
    const ids: string[] = [];
    for (let n = 0; n < 8; n += 1) {
      const request = Buffer.alloc(500_000, n);
      ids.push((await writeExchange(journal, { request, response: answerEvents('Seven.') })).id);
    }
    await journal.close();
    const before = await listed(journal.coreId);
    expect(before.segments.length).toBeGreaterThan(1);
    const tail = new JournalTail(before, { position: undefined, recent: createRecentBytes(1024 * 1024) });
    const first = await tail.step();

    const other = await home.journal({ quotaBytes: 100_000, upkeepIntervalMs: 20 });
    await waitFor(async () => (await listed(journal.coreId)).segments[0]!.bytesOnDisk < 100_000, {
      what: 'the quota to be kept',
    });
    await other.close();

    const rest = await idsOf({ next: () => tail.step() });
    expect([...first.finished.map(({ id }) => id), ...rest]).toEqual(ids);
    expect(tail.counts).toEqual({ tornFrames: 0, damagedBytes: 0, unknownFrames: 0 });
  });
});

describe('the death of a core', () => {
  let nowMs = 0;
  function follow(options: Partial<TailOptions> = {}): Tail {
    const directory = home.config.journalDirectory;
    return createTail({ directory, positions: new Map(), nowMs: () => nowMs, ...options });
  }
  /** Long enough for a new listing. */
  async function later(tail: Tail, ms = 1_000): Promise<string[]> {
    nowMs += ms;
    return idsOf(tail);
  }

  it('is taken back when its journal grows again', async () => {
    const journal = await home.journal();
    const first = await write(journal);
    const tail = follow({ isAlive: () => false });
    const ids = [...(await later(tail)), ...(await later(tail)), ...(await later(tail))];
    expect(ids).toEqual([first]);
    expect(tail.journals()[0]!.hasEnded).toBe(true);
    const second = await write(journal);
    expect(await later(tail)).toEqual([second]);
    // From now on it is judged by its growth alone.
    journal.open(anExchangeId(), opened());
    await later(tail);
    expect([...(await later(tail)), ...(await later(tail))]).toEqual([]);
  });

  it('is taken back when it was found before this recorder began', async () => {
    const journal = await home.journal();
    await write(journal);
    const { coreId } = journal;
    const positions = new Map([[coreId, { coreId, segmentNumber: 2, offset: 0 }]]);
    const tail = follow({ positions, isAlive: () => true });
    await later(tail);
    const next = await write(journal);
    expect(await later(tail)).toContain(next);
  });

  it('is believed when all was stored before: nothing is read, and nothing stored, a second time', async () => {
    const journal = await home.journal();
    await write(journal);
    await journal.close();
    const position = { coreId: journal.coreId, segmentNumber: 2, offset: 0 };
    const tail = follow({ positions: new Map([[journal.coreId, position]]), isAlive: () => false });
    expect([...(await later(tail)), ...(await later(tail)), ...(await later(tail))]).toEqual([]);
    expect(tail.journal(journal.coreId)).toMatchObject({ hasEnded: true });
    expect(tail.journal(journal.coreId)!.position()).toEqual(position);
  });

  it('is never read from a pid of another namespace', async () => {
    const elsewhere = processStartToken(process.pid)!.replace(/\d+$/, '1');
    const journal = await home.journal({ startToken: elsewhere });
    const id = anExchangeId();
    const log = journal.open(id, opened());
    log.bytes('request', askBody());
    await write(journal);
    const tail = follow({ isAlive: () => false });
    await later(tail);
    expect(await later(tail, 30_000)).toEqual([]);
    await write(journal);
    await later(tail, 40_000);
    expect(tail.journals()[0]!.hasEnded).toBe(false);
    await journal.close();
    await later(tail);
    await later(tail, 61_000);
    expect(await later(tail)).toEqual([id]);
    expect(tail.journals()[0]!.hasEnded).toBe(true);
  });

  it('waits for a segment that appeared after the listing', async () => {
    await writeSegments(3);
    const { path } = await listed();
    const aside = home.dir.join('aside');
    const late = readdirSync(path).sort().slice(2);
    mkdirSync(aside);
    for (const name of late) renameSync(join(path, name), join(aside, name));
    let isMissing = true;
    const tail = follow({
      isAlive: () => {
        // Written and died between the listing and the look at the process.
        if (isMissing) for (const name of late) renameSync(join(aside, name), join(path, name));
        isMissing = false;
        return false;
      },
    });
    const ids = [...(await later(tail)), ...(await later(tail)), ...(await later(tail))];
    expect(ids).toHaveLength(3);
  });
});
