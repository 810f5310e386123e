import type { JournalConfig } from '#core-config';
import { type ExchangeId, type ExchangeOpened, type JournalEntry, newExchangeId } from '#exchange';
import type { ClosedFacts } from './exchange-log.ts';
import { createFrameReader, type FrameReaderCounts, type ReadFrame } from './frame-reader.ts';
import { listJournals, readSegmentFrom } from './journal-directory.ts';

/** What the tests of the journal share: a small configuration, words for an exchange, and a reader of it all. */
export function testConfig(directory: string, changes: Partial<JournalConfig> = {}): JournalConfig {
  return {
    directory,
    pendingBytesMax: 64 * 1024 * 1024,
    segmentBytesMax: 64 * 1024 * 1024,
    segmentAgeMsMax: 3_600_000,
    durability: 'process',
    fsyncIntervalMs: 20,
    quotaBytes: 4_000_000_000,
    ballastBytes: 0,
    bodyBytesMax: 256 * 1024 * 1024,
    ...changes,
  };
}

export function someExchangeId(number: number): ExchangeId {
  const random = Buffer.alloc(10);
  random.writeUInt32BE(number, 6);
  return newExchangeId(1_800_000_000_000 + number, random);
}

export function someOpened(): ExchangeOpened {
  return {
    receivedAtMs: 1_800_000_000_000,
    method: 'POST',
    target: '/v1/messages',
    httpVersion: '1.1',
    headers: ['content-type', 'application/json'],
    coreVersion: '0.0.0',
  };
}

export function someTallies(): Omit<ClosedFacts, 'end'> {
  const tally = { bytes: 0, crc32: 0 };
  return {
    requestReceived: tally,
    requestSent: tally,
    responseReceived: tally,
    responseSent: tally,
    requestComplete: true,
  };
}

export interface WholeJournal {
  readonly frames: readonly ReadFrame[];
  readonly entries: readonly JournalEntry[];
  /** Summed over the segments. */
  readonly reader: FrameReaderCounts;
}

/** Everything a core wrote, its segments read to their ends. */
export async function readWholeJournal(directory: string, coreId: string): Promise<WholeJournal> {
  const journal = (await listJournals(directory)).find((candidate) => candidate.coreId === coreId);
  const frames: ReadFrame[] = [];
  const counts = { tornFrames: 0, tornBytes: 0, damagedBytes: 0, damagedStretches: 0, unknownFrames: 0 };
  for (const segment of journal?.segments ?? []) {
    const reader = createFrameReader({ coreId, segmentNumber: segment.number });
    for (let offset = 0; ; ) {
      const bytes = await readSegmentFrom(segment.path, offset);
      if (bytes === undefined || bytes.length === 0) break;
      frames.push(...reader.feed(bytes));
      offset += bytes.length;
    }
    frames.push(...reader.finish());
    for (const name of Object.keys(counts) as (keyof typeof counts)[]) counts[name] += reader.counts[name];
  }
  return { frames, entries: frames.map((frame) => frame.entry), reader: counts };
}

/** Waits for a condition; fails with it after ten seconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never came true: ${condition}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
