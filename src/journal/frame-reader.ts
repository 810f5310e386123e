import {
  type ExchangeId,
  exchangeIdFromBytes,
  type JournalEntry,
  type JournalKind,
  journalKinds,
} from '#exchange';
import {
  checkFrame,
  checkHead,
  type FrameHead,
  frameFlags,
  frameMagic,
  headerBytes,
  readHead,
  segmentSalt,
} from './format.ts';

/** One frame as it stands in its segment. Offsets are bytes from the beginning of the segment file. */
export interface ReadFrame {
  readonly entry: JournalEntry;
  readonly startOffset: number;
  /** First byte of the payload; the bytes of a body can be read again from here. */
  readonly payloadOffset: number;
  /** First byte after the frame: where reading can resume. */
  readonly endOffset: number;
  /** Said before in a segment that was lost: ignore it when the exchange is already known. */
  readonly isRepeated: boolean;
}

export interface FrameReaderCounts {
  /** Segments whose last frame is cut off, which is what a killed process leaves: 0 or 1. */
  readonly tornFrames: number;
  readonly tornBytes: number;
  /** Bytes that belong to no frame, and how many stretches of them there are. */
  readonly damagedBytes: number;
  readonly damagedStretches: number;
  /** Frames of a kind, or with a payload, that this version does not know. */
  readonly unknownFrames: number;
}

/**
 * Reads one segment, in whatever pieces it is fed. Never throws on what it reads.
 *
 * Bytes that do not make a whole frame *yet* wait: only `finish` declares them torn. So a live segment is followed
 * with `feed` alone, and `finish` is called when nothing can follow any more: a later segment exists, or its
 * core is dead.
 */
export type FrameReader = FeedReader<ReadFrame>;

export interface FeedReader<Frame> {
  /**
   * Frames that are complete now, in file order. `bytes` of an entry are views into what was fed; besides them nothing
   * refers to it, so its memory can be used again when they are done with.
   */
  feed(bytes: Uint8Array): Frame[];
  /** Frames that only the certainty of the end can free from behind a damaged one. Then counts the rest. */
  finish(): Frame[];
  /** Where a new reader would resume: everything before is delivered or known as damaged. */
  readonly offset: number;
  readonly counts: FrameReaderCounts;
}

/** A frame before anybody asked what it says. */
export interface RawFrame {
  /** Header and payload. */
  readonly bytes: Buffer;
  readonly startOffset: number;
}

interface SegmentPlace {
  readonly coreId: string;
  readonly segmentNumber: number;
  /** Offset of the first byte that will be fed; 0 when absent. */
  readonly offset?: number;
}

/** @param segment where the bytes come from: frames are bound to their place */
export function createFrameReader(segment: SegmentPlace): FrameReader {
  return new SegmentFrames(segment, readFrame);
}

/** Gives whole frames, those of unknown kinds too. */
export function createRawFrameReader(segment: SegmentPlace): FeedReader<RawFrame> {
  return new SegmentFrames(segment, (frame) => frame);
}

class SegmentFrames<Frame> implements FeedReader<Frame> {
  readonly #salt: number;
  /** Undefined for a frame that this version does not know. */
  readonly #read: (frame: RawFrame) => Frame | undefined;
  /** Fed but not consumed; `#base` is the file offset of its first byte. */
  #buffer: Buffer = Buffer.alloc(0);
  #base: number;
  /** Pieces that are put behind the buffer as soon as they can complete a frame. */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #bytesNeeded = headerBytes;
  #isInDamage = false;
  #counts = { tornFrames: 0, tornBytes: 0, damagedBytes: 0, damagedStretches: 0, unknownFrames: 0 };

  constructor(segment: SegmentPlace, read: (frame: RawFrame) => Frame | undefined) {
    this.#salt = segmentSalt(segment.coreId, segment.segmentNumber);
    this.#read = read;
    this.#base = segment.offset ?? 0;
  }

  get offset(): number {
    return this.#base;
  }

  get counts(): FrameReaderCounts {
    return { ...this.#counts };
  }

  feed(bytes: Uint8Array): Frame[] {
    if (bytes.length === 0) return [];
    // Only the frame that began before is joined; all others are read where they lie.
    const missing = this.#bytesNeeded - this.#buffer.length - this.#waitingBytes;
    const isBegun = this.#buffer.length + this.#waitingBytes > 0;
    if (isBegun && !this.#isInDamage && missing > 0 && missing < bytes.length) {
      const frames = this.#feed(bytes.subarray(0, missing));
      return frames.concat(this.feed(bytes.subarray(missing)));
    }
    return this.#feed(bytes);
  }

  #feed(bytes: Uint8Array): Frame[] {
    this.#waitingBytes += bytes.length;
    // Joining only when a frame can be complete keeps many tiny pieces of a large frame linear.
    if (this.#buffer.length + this.#waitingBytes < this.#bytesNeeded) {
      this.#waiting.push(Buffer.from(bytes));
      return [];
    }
    this.#waiting.push(bytes);
    this.#join();
    const frames = this.#take(false);
    this.#buffer = Buffer.from(this.#buffer);
    return frames;
  }

  finish(): Frame[] {
    this.#join();
    const frames = this.#take(true);
    this.#skip(this.#buffer.length);
    return frames;
  }

  #join(): void {
    if (this.#waiting.length === 0) return;
    const only = this.#buffer.length === 0 && this.#waiting.length === 1 ? this.#waiting[0] : undefined;
    this.#buffer =
      only === undefined
        ? Buffer.concat([this.#buffer, ...this.#waiting])
        : Buffer.from(only.buffer, only.byteOffset, only.byteLength);
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #take(isEnd: boolean): Frame[] {
    const frames: Frame[] = [];
    this.#bytesNeeded = headerBytes;
    let at = 0;
    for (;;) {
      const step = this.#next(at, isEnd);
      if (step.kind === 'wait') break;
      if (step.kind === 'frame') {
        this.#isInDamage = false;
        const frame = this.#read({
          bytes: this.#buffer.subarray(at, step.end),
          startOffset: this.#base + at,
        });
        if (frame === undefined) this.#counts.unknownFrames += 1;
        else frames.push(frame);
      } else {
        this.#count(step.kind, step.end - at);
      }
      at = step.end;
    }
    this.#skip(at);
    return frames;
  }

  #next(at: number, isEnd: boolean): Step {
    const left = this.#buffer.length - at;
    if (left === 0) return wait;
    if (left < headerBytes) {
      // A tail that begins like a frame was cut off in its header.
      const begins = frameMagic.subarray(0, left).equals(this.#buffer.subarray(at, at + Math.min(left, 4)));
      if (!isEnd) return wait;
      return { kind: begins && !this.#isInDamage ? 'torn' : 'damage', end: this.#buffer.length };
    }
    const place = { salt: this.#salt, offset: this.#base + at };
    const head = checkHead(this.#buffer, at, place);
    if (head.kind === 'false') return this.#resync(at, isEnd);
    const end = at + headerBytes + head.payloadBytes;
    if (end > this.#buffer.length) {
      if (isEnd) return this.#cutOff(at);
      this.#bytesNeeded = headerBytes + head.payloadBytes;
      return wait;
    }
    if (!checkFrame(this.#buffer, at, place, head)) return this.#resync(at, isEnd);
    return { kind: 'frame', end };
  }

  /** The last frame claims more bytes than there are: torn, unless whole frames follow inside the claim. */
  #cutOff(at: number): Step {
    for (let next = this.#buffer.indexOf(frameMagic, at + 4); next >= 0; ) {
      if (this.#isWholeFrame(next)) return { kind: 'damage', end: next };
      next = this.#buffer.indexOf(frameMagic, next + 4);
    }
    return { kind: 'torn', end: this.#buffer.length };
  }

  #isWholeFrame(at: number): boolean {
    if (this.#buffer.length - at < headerBytes) return false;
    const place = { salt: this.#salt, offset: this.#base + at };
    const head = checkHead(this.#buffer, at, place);
    if (head.kind === 'false' || at + headerBytes + head.payloadBytes > this.#buffer.length) return false;
    return checkFrame(this.#buffer, at, place, head);
  }

  #resync(at: number, isEnd: boolean): Step {
    const next = this.#buffer.indexOf(frameMagic, at + 1);
    if (next >= 0) return { kind: 'damage', end: next };
    // The last three bytes may be the beginning of a magic.
    return { kind: 'damage', end: isEnd ? this.#buffer.length : this.#buffer.length - 3 };
  }

  #count(kind: 'damage' | 'torn', bytes: number): void {
    if (kind === 'torn') {
      this.#counts.tornFrames += 1;
      this.#counts.tornBytes += bytes;
      return;
    }
    if (!this.#isInDamage) this.#counts.damagedStretches += 1;
    this.#isInDamage = true;
    this.#counts.damagedBytes += bytes;
  }

  #skip(bytes: number): void {
    this.#base += bytes;
    this.#buffer = this.#buffer.subarray(bytes);
  }
}

function readFrame({ bytes, startOffset }: RawFrame): ReadFrame | undefined {
  const head = readHead(bytes, 0);
  const entry = decodeEntry(head, bytes.subarray(headerBytes));
  if (entry === undefined) return undefined;
  return {
    entry,
    startOffset,
    payloadOffset: startOffset + headerBytes,
    endOffset: startOffset + bytes.length,
    isRepeated: (head.flags & frameFlags.repeated) !== 0,
  };
}

type Step = { readonly kind: 'wait' } | { readonly kind: 'frame' | 'damage' | 'torn'; readonly end: number };

const wait: Step = { kind: 'wait' };

const kindNames: ReadonlyMap<number, JournalKind> = new Map(
  Object.entries(journalKinds).map(([name, number]) => [number, name as JournalKind]),
);

function decodeEntry(head: FrameHead, payload: Buffer): JournalEntry | undefined {
  const kind = kindNames.get(head.kind);
  if (kind === undefined) return undefined;
  const frame = {
    exchangeId: exchangeIdFromBytes(head.exchangeId),
    sequence: head.sequence,
    atUs: head.atUs,
  };
  if (isBodyKind(kind)) {
    if ((head.flags & frameFlags.thinned) === 0) return { kind, ...frame, bytes: payload };
    return thinned(kind, frame, head.payloadBytes);
  }
  const value = parseHead(payload);
  if (value === undefined) return undefined;
  // The CRC says that this is what our own writer wrote: the payload has the shape of its kind.
  if (kind === 'segment-opened') return { kind, atUs: head.atUs, payload: value } as JournalEntry;
  return { kind, ...frame, payload: value } as JournalEntry;
}

type BodyKind = Extract<JournalEntry, { readonly bytes: Uint8Array }>['kind'];

function isBodyKind(kind: JournalKind): kind is BodyKind {
  return kind.endsWith('-bytes');
}

/** What was given up for the quota is a gap to whoever reads it. */
function thinned(
  kind: BodyKind,
  frame: { readonly exchangeId: ExchangeId; readonly sequence: number; readonly atUs: number },
  bytes: number,
): JournalEntry {
  const reason = 'quota';
  switch (kind) {
    case 'request-bytes':
      return { kind: 'gap', ...frame, payload: { side: 'request', bytes, reason } };
    case 'response-bytes':
      return { kind: 'gap', ...frame, payload: { side: 'response', bytes, reason } };
    case 'provider-request-bytes':
      return { kind: 'provider-gap', ...frame, payload: { side: 'provider-request', bytes, reason } };
    case 'provider-response-bytes':
      return { kind: 'provider-gap', ...frame, payload: { side: 'provider-response', bytes, reason } };
  }
}

function parseHead(payload: Buffer): object | undefined {
  try {
    const value: unknown = JSON.parse(payload.toString('utf8'));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
