import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createFrameReader,
  type FrameReader,
  type FrameReaderCounts,
  type JournalDirectory,
  type JournalSegment,
  type ReadFrame,
  readSegmentPiece,
  type SegmentPiece,
} from '#journal/read';
import type { JournalPosition } from '#store';
import { type AssembledExchange, type Assembler, createAssembler, type JournalPlace } from './assemble.ts';
import type { RecentBytes } from './recent-bytes.ts';

export interface TailStep {
  /** Exchanges that ended, in the order of their ends. */
  readonly finished: readonly AssembledExchange[];
  readonly readBytes: number;
  /** True when there may be more to do at once. */
  readonly isMoving: boolean;
}

const noBlock = Buffer.alloc(0);
const nothing: TailStep = { finished: [], readBytes: 0, isMoving: false };

/** Frames are at most 1 MiB, so two reads hold any of them. */
const readBytesMax = 1024 * 1024;

/** Follows the journal of one core from segment to segment, in bounded steps. */
export class JournalTail {
  readonly coreId: string;
  readonly assembler: Assembler;
  readonly #recent: RecentBytes;
  readonly #resumedAt: JournalPlace;
  #directory: JournalDirectory;
  #isCoreDead = false;
  #wasFoundDead = false;
  #hasEnded = false;
  /** The last place in front of an incomplete frame, and how long its segment was, when that seemed to be the end. */
  #end: (JournalPlace & { readonly bytes: number }) | undefined;
  /** The listing that showed a gap in the numbers for the first time. */
  #gapSeenIn: JournalDirectory | undefined;
  #segmentNumber: number;
  /** Bytes of the current segment that were read; `#reader.offset` lags behind by an incomplete frame. */
  #readOffset: number;
  /** The file that the bytes were read from; undefined before the first. */
  #inode: number | undefined;
  #reader: FrameReader;
  #pastCounts = { tornFrames: 0, damagedBytes: 0, unknownFrames: 0 };
  readonly #unsettled = new Set<AssembledExchange>();

  constructor(
    directory: JournalDirectory,
    options: { position: JournalPosition | undefined; recent: RecentBytes },
  ) {
    this.coreId = directory.coreId;
    this.#directory = directory;
    this.#recent = options.recent;
    this.#segmentNumber = options.position?.segmentNumber ?? 1;
    this.#readOffset = options.position?.offset ?? 0;
    this.#resumedAt = { segmentNumber: this.#segmentNumber, offset: this.#readOffset };
    this.#reader = this.#newReader();
    this.assembler = createAssembler(directory.coreId);
  }

  /** The core is dead and everything it left was read. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get directory(): JournalDirectory {
    return this.#directory;
  }

  get counts(): Pick<FrameReaderCounts, 'tornFrames' | 'damagedBytes' | 'unknownFrames'> {
    const now = this.#reader.counts;
    return {
      tornFrames: this.#pastCounts.tornFrames + now.tornFrames,
      damagedBytes: this.#pastCounts.damagedBytes + now.damagedBytes,
      unknownFrames: this.#pastCounts.unknownFrames + now.unknownFrames + this.assembler.unreadableHeads,
    };
  }

  /** Bytes of the listing that were not read yet. */
  get unreadBytes(): number {
    let bytes = 0;
    for (const segment of this.#directory.segments) {
      if (segment.number > this.#segmentNumber) bytes += segment.bytes;
      else if (segment.number === this.#segmentNumber) bytes += Math.max(0, segment.bytes - this.#readOffset);
    }
    return bytes;
  }

  /**
   * What is known now about the directory. A death counts from the second listing on: the first one may be older than
   * the last segment of a core that died right after it.
   */
  update(directory: JournalDirectory, isCoreDead: boolean): void {
    this.#directory = directory;
    this.#isCoreDead = isCoreDead && this.#wasFoundDead;
    this.#wasFoundDead = isCoreDead;
    if (this.#hasEnded && this.#hasGrown()) this.#goOn();
  }

  segmentPath(segmentNumber: number): string {
    const known = this.#directory.segments.find((segment) => segment.number === segmentNumber);
    return known?.path ?? join(this.#directory.path, `${String(segmentNumber).padStart(8, '0')}.seg`);
  }

  async step(): Promise<TailStep> {
    if (this.#hasEnded) return nothing;
    const { segments } = this.#directory;
    const isCoreDead = this.#isCoreDead;
    const current = segments.find((segment) => segment.number >= this.#segmentNumber);
    if (current === undefined && isCoreDead) return this.#interrupt();
    if (current === undefined) return this.#wasFoundDead ? nothing : this.#returnToLast();
    if (current.number !== this.#segmentNumber) {
      if (!this.#isGapCertain()) return nothing;
      this.#moveTo(current.number);
    }

    const isSealed = segments.at(-1)!.number > current.number;
    const read = await this.#readMore(current);
    if (read === 'other-file') return { ...nothing, isMoving: true };
    if (read !== undefined) {
      const { bytes, block } = read;
      this.#readOffset += bytes.length;
      return {
        finished: this.#take(this.#reader.feed(bytes), block),
        readBytes: bytes.length,
        isMoving: true,
      };
    }
    if (!isSealed && !isCoreDead) return nothing;
    this.#end = { segmentNumber: current.number, offset: this.#reader.offset, bytes: this.#readOffset };
    const finished = this.#take(this.#reader.finish(), noBlock);
    this.#moveTo(current.number + 1);
    return { finished, readBytes: 0, isMoving: true };
  }

  /** These exchanges are stored: the journal is not needed for them any more. */
  settled(exchange: AssembledExchange): void {
    this.#unsettled.delete(exchange);
  }

  /** Everything before this place is stored, or will not be needed. */
  position(): JournalPosition {
    let place: JournalPlace = { segmentNumber: this.#segmentNumber, offset: this.#reader.offset };
    const open = this.assembler.oldestPlace();
    if (open !== undefined && isBefore(open, place)) place = open;
    for (const { first } of this.#unsettled) if (isBefore(first, place)) place = first;
    return { coreId: this.coreId, ...place };
  }

  async #readMore(
    segment: JournalSegment,
  ): Promise<{ readonly bytes: Buffer; readonly block: Buffer } | 'other-file' | undefined> {
    // Asking for the size first makes an idle round cost one system call instead of a megabyte.
    const size = await sizeOf(segment.path);
    if (size === undefined || size <= this.#readOffset) return undefined;
    const wanted = Math.min(readBytesMax, size - this.#readOffset);
    const block = this.#recent.block(wanted);
    const piece = await readSegmentPiece(segment.path, this.#readOffset, wanted, block);
    if (piece === undefined || piece.bytes.length === 0) return undefined;
    if (this.#isHalfOfAnother(piece)) {
      this.#moveTo(segment.number, this.#reader.offset);
      return 'other-file';
    }
    this.#inode = piece.inode;
    return { bytes: piece.bytes, block };
  }

  /**
   * The quota may thin the segment between two reads. Every frame keeps its place, but half a body of the old file and
   * half the hole of the new one make no frame: the frame that was begun has to be read again.
   */
  #isHalfOfAnother({ inode }: SegmentPiece): boolean {
    const isBegun = this.#readOffset > this.#reader.offset;
    return isBegun && this.#inode !== undefined && this.#inode !== inode;
  }

  #take(frames: readonly ReadFrame[], block: Buffer): AssembledExchange[] {
    const finished: AssembledExchange[] = [];
    for (const frame of frames) {
      const exchange = this.assembler.feed(frame, this.#segmentNumber);
      if (exchange !== undefined && this.#isOurs(exchange)) finished.push(exchange);
    }
    this.#recent.add(this.assembler.takeBodyFrames(), block);
    for (const exchange of finished) this.#unsettled.add(exchange);
    return finished;
  }

  /**
   * An exchange without its head is the remainder of one that is stored already, when reading resumed in its
   * middle. Only where the journal is damaged the head was really lost, and the rest is worth keeping.
   */
  #isOurs(exchange: AssembledExchange): boolean {
    if (exchange.opened !== undefined || exchange.unreadableHeads !== undefined) return true;
    const isResumed = this.#resumedAt.segmentNumber > 1 || this.#resumedAt.offset > 0;
    return !isResumed || this.counts.damagedBytes > 0;
  }

  /**
   * A segment may be made while its directory is read, and then be missing beside a later one. It is there when the
   * directory is read again; what is missing then as well is gone.
   */
  #isGapCertain(): boolean {
    this.#gapSeenIn ??= this.#directory;
    return this.#gapSeenIn !== this.#directory;
  }

  /**
   * A core lives that was taken for dead before we began: its last segment was passed too early. One that looks dead
   * left nothing behind it; to read its last segment with each start would try to store all of it again.
   */
  #returnToLast(): TailStep {
    const last = this.#directory.segments.at(-1);
    if (last === undefined || this.#readOffset > 0) return nothing;
    this.#moveTo(last.number);
    return { ...nothing, isMoving: true };
  }

  #hasGrown(): boolean {
    const last = this.#directory.segments.at(-1);
    if (last === undefined || this.#end === undefined) return false;
    const { segmentNumber, bytes } = this.#end;
    return last.number > segmentNumber || (last.number === segmentNumber && last.bytes > bytes);
  }

  /**
   * The core was not dead. What is stored as interrupted stays so, because the store never changes an exchange; all
   * others are read on.
   */
  #goOn(): void {
    const { segmentNumber, offset } = this.#end!;
    this.#hasEnded = false;
    this.#moveTo(segmentNumber, offset);
  }

  #interrupt(): TailStep {
    this.#hasEnded = true;
    const last = this.#directory.segments.at(-1);
    if (last !== undefined) this.#end ??= { segmentNumber: last.number, offset: 0, bytes: last.bytes };
    const finished = this.assembler.interrupt().filter((exchange) => this.#isOurs(exchange));
    for (const exchange of finished) this.#unsettled.add(exchange);
    return { finished, readBytes: 0, isMoving: finished.length > 0 };
  }

  #moveTo(segmentNumber: number, offset = 0): void {
    const { unknownFrames, ...past } = this.counts;
    this.#pastCounts = { ...past, unknownFrames: unknownFrames - this.assembler.unreadableHeads };
    this.#gapSeenIn = undefined;
    this.#segmentNumber = segmentNumber;
    this.#readOffset = offset;
    this.#inode = undefined;
    this.#reader = this.#newReader();
  }

  #newReader(): FrameReader {
    return createFrameReader({
      coreId: this.coreId,
      segmentNumber: this.#segmentNumber,
      offset: this.#readOffset,
    });
  }
}

function isBefore(a: JournalPlace, b: JournalPlace): boolean {
  return a.segmentNumber < b.segmentNumber || (a.segmentNumber === b.segmentNumber && a.offset < b.offset);
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
