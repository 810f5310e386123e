import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exchangeIdToBytes, type JournalEntry, journalKinds } from '#exchange';
import { encodeFrame, frameMagic, headerBytes, segmentSalt } from './format.ts';
import { createFrameReader, type FrameReaderCounts, type ReadFrame } from './frame-reader.ts';
import { someExchangeId, someOpened } from './journal-fixture.ts';

const segment = { coreId: 'core-a', segmentNumber: 1 };
const tricky = { coreId: 'core-a', segmentNumber: 2 };

interface Made {
  readonly file: Buffer;
  readonly frames: readonly { readonly start: number; readonly end: number }[];
}

/** A segment with these payloads; heads when they are objects, body bytes otherwise. */
function makeSegment(payloads: readonly (object | Uint8Array)[], where = segment): Made {
  const salt = segmentSalt(where.coreId, where.segmentNumber);
  const pieces: Buffer[] = [];
  const frames: { start: number; end: number }[] = [];
  let offset = 0;
  for (const [sequence, payload] of payloads.entries()) {
    const isBody = payload instanceof Uint8Array;
    const frame = encodeFrame(
      {
        kind: isBody ? journalKinds['response-bytes'] : journalKinds['exchange-opened'],
        flags: 0,
        exchangeId: exchangeIdToBytes(someExchangeId(sequence)),
        sequence,
        atUs: sequence * 1000,
      },
      isBody ? payload : Buffer.from(JSON.stringify(payload)),
      { salt, offset },
    );
    pieces.push(frame);
    frames.push({ start: offset, end: offset + frame.length });
    offset += frame.length;
  }
  return { file: Buffer.concat(pieces), frames };
}

function readAll(file: Uint8Array, where = segment): { frames: ReadFrame[]; counts: FrameReaderCounts } {
  const reader = createFrameReader(where);
  return { frames: [...reader.feed(file), ...reader.finish()], counts: reader.counts };
}

/** An entry in words that can be compared. */
function told(entry: JournalEntry): string {
  if (!('bytes' in entry)) return JSON.stringify(entry);
  return `${entry.kind} ${entry.exchangeId} ${entry.sequence} ${entry.bytes.length} ${crc32(entry.bytes)}`;
}

const three = makeSegment([someOpened(), Buffer.from('data: one\n\n'), Buffer.alloc(3000, 'x')]);

describe('a whole segment', () => {
  it('comes out the same however it is cut', () => {
    const whole = readAll(three.file).frames;
    expect(whole).toHaveLength(3);
    for (let cut = 1; cut < three.file.length; cut += 1) {
      const reader = createFrameReader(segment);
      const frames = [...reader.feed(three.file.subarray(0, cut)), ...reader.feed(three.file.subarray(cut))];
      expect(frames.map(({ entry }) => told(entry))).toEqual(whole.map(({ entry }) => told(entry)));
      expect(reader.offset).toBe(three.file.length);
    }
  });

  it('comes out the same byte by byte', () => {
    const reader = createFrameReader(segment);
    const frames: ReadFrame[] = [];
    for (let at = 0; at < three.file.length; at += 1)
      frames.push(...reader.feed(three.file.subarray(at, at + 1)));
    expect(frames.map(({ entry }) => told(entry))).toEqual(
      readAll(three.file).frames.map((f) => told(f.entry)),
    );
  });

  it('can be resumed at the end of any frame', () => {
    for (const { end } of three.frames) {
      const reader = createFrameReader({ ...segment, offset: end });
      const rest = reader.feed(three.file.subarray(end));
      expect(rest).toHaveLength(three.frames.filter(({ start }) => start >= end).length);
      expect(reader.counts.damagedBytes).toBe(0);
    }
  });

  it('says where the payload of each frame lies', () => {
    const body = readAll(three.file).frames[1]!;
    expect(three.file.subarray(body.payloadOffset, body.endOffset).toString()).toBe('data: one\n\n');
    expect(body.startOffset).toBe(body.payloadOffset - headerBytes);
  });
});

describe('a segment that ends anywhere', () => {
  it('DUR-08: keeps every frame before the tear, whichever byte is the last one', () => {
    for (let cut = 0; cut <= three.file.length; cut += 1) {
      const { frames, counts } = readAll(three.file.subarray(0, cut));
      const whole = three.frames.filter(({ end }) => end <= cut);
      const lastEnd = whole.at(-1)?.end ?? 0;
      expect(frames).toHaveLength(whole.length);
      expect(counts.tornFrames).toBe(cut === lastEnd ? 0 : 1);
      expect(counts.tornBytes).toBe(cut - lastEnd);
      expect(counts.damagedBytes).toBe(0);
    }
  });

  it('is not called torn while more may come', () => {
    const reader = createFrameReader(segment);
    const lastStart = three.frames[2]!.start;
    expect(reader.feed(three.file.subarray(0, lastStart + 60))).toHaveLength(2);
    expect(reader.offset).toBe(lastStart);
    expect(reader.counts).toMatchObject({ tornFrames: 0, damagedBytes: 0 });
    expect(reader.feed(three.file.subarray(lastStart + 60))).toHaveLength(1);
  });
});

describe('a segment of a later version', () => {
  it('gives the kinds that are known and counts the others', () => {
    const salt = segmentSalt(segment.coreId, segment.segmentNumber);
    const head = { kind: 200, flags: 0, exchangeId: new Uint8Array(16), sequence: 0, atUs: 0 };
    const stranger = encodeFrame(head, Buffer.from('whatever'), { salt, offset: three.file.length });
    const { frames, counts } = readAll(Buffer.concat([three.file, stranger]));
    expect(frames).toHaveLength(3);
    expect(counts).toMatchObject({ unknownFrames: 1, damagedBytes: 0, tornFrames: 0 });
  });
});

/**
 * Bodies that look as much like frames as they can: rows of magics, frames of another segment, and what an agent
 * would send that reads the live journal: a part of this very segment as it stands so far.
 */
type Body = (soFar: Buffer) => Buffer;
const trickyBody: fc.Arbitrary<Body> = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map(
    (bytes): Body =>
      () =>
        Buffer.from(bytes),
  ),
  fc.tuple(fc.nat(), fc.nat(5000)).map(
    ([from, length]): Body =>
      (soFar) => {
        const start = from % (soFar.length + 1);
        return soFar.subarray(start, start + length);
      },
  ),
  fc.nat(three.file.length).map(
    (from): Body =>
      () =>
        three.file.subarray(from),
  ),
  fc.integer({ min: 1, max: 50 }).map((times): Body => {
    return () => Buffer.concat(new Array<Buffer>(times).fill(frameMagic));
  }),
  fc.constant((): Buffer => Buffer.alloc(9000)),
);
const trickySegment = fc.array(trickyBody, { minLength: 1, maxLength: 12 }).map((bodies) => {
  const payloads: Buffer[] = [];
  for (const body of bodies) payloads.push(Buffer.from(body(makeSegment(payloads, tricky).file)));
  return makeSegment(payloads, tricky);
});

type Damage = (file: Buffer) => { from: number; to: number }[];
const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(fc.nat(), fc.nat(7)).map(
    ([position, bit]): Damage =>
      (file) => {
        const at = position % file.length;
        file[at] = file[at]! ^ (1 << bit);
        return [{ from: at, to: at + 1 }];
      },
  ),
  fc.tuple(fc.nat(), fc.constantFrom(1, 64, 512, 4096)).map(
    ([position, size]): Damage =>
      (file) => {
        const from = Math.floor((position % file.length) / size) * size;
        const to = Math.min(file.length, from + size);
        file.fill(0, from, to);
        return [{ from, to }];
      },
  ),
  fc.tuple(fc.nat(), fc.nat(), fc.constantFrom(16, 64, 512)).map(
    ([a, b, size]): Damage =>
      (file) => {
        const sectors = Math.floor(file.length / size);
        if (sectors < 2) return [];
        const first = (a % sectors) * size;
        const second = (b % sectors) * size;
        const saved = Buffer.from(file.subarray(first, first + size));
        file.copy(file, first, second, second + size);
        saved.copy(file, second);
        return [
          { from: first, to: first + size },
          { from: second, to: second + size },
        ];
      },
  ),
);

describe('a damaged segment', () => {
  it('DUR-09: never gives a frame that was not written, and loses only what was damaged', () => {
    fc.assert(
      fc.property(
        trickySegment,
        fc.array(damage, { minLength: 1, maxLength: 3 }),
        ({ file, frames }, damages) => {
          const written = new Map(
            readAll(file, tricky).frames.map((frame) => [frame.startOffset, told(frame.entry)]),
          );
          const broken = Buffer.from(file);
          const ranges = damages.flatMap((apply) => apply(broken));
          const found = readAll(broken, tricky);
          for (const { startOffset, entry } of found.frames)
            expect(told(entry)).toBe(written.get(startOffset));
          const foundAt = new Set(found.frames.map((frame) => frame.startOffset));
          for (const { start, end } of frames) {
            const isHit = ranges.some(({ from, to }) => from < end && to > start);
            if (!isHit) expect(foundAt.has(start)).toBe(true);
          }
        },
      ),
      { numRuns: 4000 },
    );
  });

  it('gives the same frames whether it is read whole or in pieces', () => {
    fc.assert(
      fc.property(
        trickySegment,
        damage,
        fc.array(fc.integer({ min: 1, max: 5000 })),
        ({ file }, apply, sizes) => {
          const broken = Buffer.from(file);
          apply(broken);
          const reader = createFrameReader(tricky);
          const frames: ReadFrame[] = [];
          let at = 0;
          for (const size of sizes) {
            frames.push(...reader.feed(broken.subarray(at, at + size)));
            at += size;
          }
          frames.push(...reader.feed(broken.subarray(at)), ...reader.finish());
          const whole = readAll(broken, tricky);
          expect(frames.map((frame) => frame.startOffset)).toEqual(
            whole.frames.map((frame) => frame.startOffset),
          );
          const { damagedBytes, tornBytes } = reader.counts;
          expect(damagedBytes + tornBytes).toBe(whole.counts.damagedBytes + whole.counts.tornBytes);
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('does not take the frames of another segment for its own', () => {
    const other = createFrameReader({ ...segment, segmentNumber: 2 });
    expect([...other.feed(three.file), ...other.finish()]).toEqual([]);
    expect(other.counts.damagedBytes + other.counts.tornBytes).toBe(three.file.length);
  });

  it('SEC-21: is read in linear time though it is full of false beginnings', () => {
    const megabytes = 8;
    const lures = Buffer.alloc(megabytes * 1024 * 1024);
    for (let at = 0; at + 16 <= lures.length; at += 16) {
      frameMagic.copy(lures, at);
      lures.writeUInt32LE(1024 * 1024, at + 12);
    }
    const { frames, counts } = readAll(lures);
    expect(frames).toEqual([]);
    expect(counts.damagedBytes + counts.tornBytes).toBe(lures.length);
  });
});
