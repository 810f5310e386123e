import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultyFs } from './faulty-fs.ts';
import { createFrameReader, type ReadFrame } from './frame-reader.ts';
import { listJournals, readPayloads, readSegmentFrom } from './journal-directory.ts';
import {
  readWholeJournal,
  someExchangeId,
  someOpened,
  someTallies,
  testConfig,
  until,
} from './journal-fixture.ts';
import type { JournalWriter } from './journal-writer.ts';
import { openJournal } from './open-journal.ts';
import { thinSegment } from './thin-segment.ts';

let directory: string;
let writer: JournalWriter;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'journal-quota-'));
});
afterEach(async () => {
  await writer.close();
  await rm(directory, { recursive: true, force: true });
});

const coreId = 'core-a';
const bodyBytes = 100_000;

/** Fills segments of about two exchanges each. */
async function fill(quotaBytes: number, exchanges: number): Promise<void> {
  const config = testConfig(directory, { quotaBytes, segmentBytesMax: 150_000 });
  writer = await openJournal(config, { coreId, upkeepIntervalMs: 20 });
  await recordRange(1, exchanges);
}

async function recordRange(from: number, to: number): Promise<void> {
  for (let number = from; number <= to; number += 1) {
    const log = writer.open(someExchangeId(number), someOpened());
    log.bytes('request', Buffer.alloc(bodyBytes, number));
    log.bytes('response', Buffer.from('small'));
    await log.closed({ end: 'finished', ...someTallies() });
  }
}

async function usedBytes(): Promise<number> {
  const segments = (await listJournals(directory)).flatMap((journal) => journal.segments);
  return segments.reduce((sum, segment) => sum + segment.bytesOnDisk, 0);
}

/** What is left of each exchange: its request body, a gap, or nothing. */
async function remains(): Promise<Map<string, string>> {
  const { entries } = await readWholeJournal(directory, coreId);
  const found = new Map<string, string>();
  for (const entry of entries) {
    if (entry.kind === 'request-bytes') found.set(entry.exchangeId, `${entry.bytes.length} bytes`);
    if (entry.kind === 'gap')
      found.set(entry.exchangeId, `gap ${entry.payload.reason} ${entry.payload.bytes}`);
  }
  return found;
}

describe('a journal beyond its quota', () => {
  it('DUR-03: loses its oldest bodies first, keeps all heads and ends, and counts each gap', async () => {
    await fill(1_000_000, 20);
    let left: string[] = [];
    let thinned = 0;
    await until(async () => {
      left = [...(await remains()).values()];
      thinned = left.filter((what) => what === `gap quota ${bodyBytes}`).length;
      const { bytesDropped, bodiesDropped } = writer.state();
      const isCounted = bytesDropped.quota === thinned * bodyBytes && bodiesDropped === thinned;
      return isCounted && (await usedBytes()) < 1_000_000;
    });
    expect(thinned).toBeGreaterThanOrEqual(10);
    // The oldest and only they: everything after the first whole body is whole.
    expect(left.slice(thinned)).toEqual(new Array(20 - thinned).fill(`${bodyBytes} bytes`));
    const { entries, reader } = await readWholeJournal(directory, coreId);
    for (const kind of ['exchange-opened', 'response-bytes', 'exchange-closed']) {
      expect(entries.filter((entry) => entry.kind === kind)).toHaveLength(20);
    }
    expect(reader).toMatchObject({ damagedBytes: 0, tornFrames: 0, unknownFrames: 0 });
    expect(writer.state().healthy).toBe(true);
  });

  it('DUR-03: refuses new bodies when no sealed segment has any left, and takes them again later', async () => {
    // The fifth is alone in the newest segment, which is never thinned.
    await fill(98_000, 5);
    await until(() => !writer.state().healthy);
    expect(writer.state().trouble).toMatch(/quota/);
    await recordRange(6, 6);
    expect((await remains()).get(someExchangeId(6))).toMatch(/^gap quota/);
    const { entries } = await readWholeJournal(directory, coreId);
    expect(entries.filter((entry) => entry.kind === 'exchange-closed')).toHaveLength(6);
    // When the segment ends, its bodies go too and there is room again.
    writer.open(someExchangeId(7), { ...someOpened(), headers: ['x', 'y'.repeat(50_000)] });
    await until(() => writer.state().healthy);
    await recordRange(8, 8);
    expect((await remains()).get(someExchangeId(8))).toBe(`${bodyBytes} bytes`);
  });

  it('keeps every offset, so that a reader in the middle of a segment reads on', async () => {
    await fill(0, 4);
    const segment = (await listJournals(directory))[0]!.segments[0]!;
    const reader = createFrameReader({ coreId, segmentNumber: 1 });
    const half = Math.floor(segment.bytes / 2);
    const before = reader.feed((await readSegmentFrom(segment.path, 0, half))!);
    const held = await open(segment.path, 'r');
    await thinSegment(new FaultyFs().fs, segment, `${segment.path}.test`);

    // With the file it holds open it finds everything; with the new one, the same frames at the same places.
    const rest = Buffer.alloc(segment.bytes - half);
    await held.read(rest, 0, rest.length, half);
    await held.close();
    const whole = [...before, ...reader.feed(rest)];
    const thin = createFrameReader({ coreId, segmentNumber: 1 });
    const after = thin.feed((await readSegmentFrom(segment.path, 0))!);
    const place = (frame: ReadFrame): [number, number] => [frame.startOffset, frame.endOffset];
    expect(after.map(place)).toEqual(whole.map(place));
    expect(after.filter(({ entry }) => entry.kind === 'gap')).toHaveLength(2);

    // A body whose place was remembered is not mistaken for the hole it has become.
    const bodies = whole.filter(({ entry }) => entry.kind === 'request-bytes');
    expect(await readPayloads(segment, bodies)).toEqual([undefined, undefined]);
    const small = whole.filter(({ entry }) => entry.kind === 'response-bytes');
    expect((await readPayloads(segment, small)).map(String)).toEqual(['small', 'small']);
  });

  it.each(['create', 'openToRead', 'readAt', 'writeAt', 'ftruncate', 'fdatasync', 'rename'] as const)(
    'leaves a segment as it was when thinning fails at %s',
    async (operation) => {
      await fill(0, 4);
      const segment = (await listJournals(directory))[0]!.segments[0]!;
      const disk = new FaultyFs();
      disk.decide = (asked) => (asked === operation ? 'EIO' : undefined);
      await expect(thinSegment(disk.fs, segment, `${segment.path}.test`)).rejects.toThrow('injected');
      expect([...(await remains()).values()]).toEqual(new Array(4).fill(`${bodyBytes} bytes`));
      expect((await readdir(join(directory, coreId))).filter((name) => name.endsWith('.test'))).toEqual([]);
    },
  );

  it('does not bring back a segment that was deleted while it was thinned', async () => {
    await fill(0, 4);
    const segment = (await listJournals(directory))[0]!.segments[0]!;
    const { fs } = new FaultyFs();
    const { fdatasync } = fs;
    fs.fdatasync = async (fd) => {
      await rm(segment.path);
      await fdatasync(fd);
    };
    await expect(thinSegment(fs, segment, `${segment.path}.test`)).rejects.toThrow('ENOENT');
    expect(await readdir(join(directory, coreId))).not.toContain('00000001.seg');
  });
});
