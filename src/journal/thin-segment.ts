import { journalKinds } from '#exchange';
import { frameFlags, headerBytes, placeFrame, readHead, segmentSalt, writeHead } from './format.ts';
import { createRawFrameReader, type RawFrame } from './frame-reader.ts';
import type { JournalSegment } from './journal-directory.ts';
import type { JournalFs } from './journal-fs.ts';

export interface ThinResult {
  /** Bodies that lost something here, and how much. */
  readonly bodies: number;
  readonly bytes: number;
  /** Space on the disk that is free now, about. */
  readonly bytesFreed: number;
}

/** Smaller payloads stay: a hole shorter than a block of the file system frees nothing. */
const holeBytesMin = 4096;
const readBytes = 1024 * 1024;

/**
 * Takes the bodies out of a sealed segment. Every frame keeps its offset, and of a body its header: a sparse copy
 * takes the place of the file. Who is reading the old file reads on in it; who opens the new one finds thinned
 * frames where bodies were.
 * @param temporaryPath on the same file system; used by nobody else
 */
export async function thinSegment(
  fs: JournalFs,
  segment: JournalSegment,
  temporaryPath: string,
): Promise<ThinResult> {
  await fs.unlink(temporaryPath).catch(() => {});
  const target = await fs.create(temporaryPath, 'place');
  try {
    const copy = new ThinCopy(fs, target, segmentSalt(segment.coreId, segment.number));
    await copy.copy(segment);
    await fs.ftruncate(target, segment.bytes);
    await fs.fdatasync(target);
    // Its age decides what is thinned next and how long it is kept.
    await fs.setModifiedAt(temporaryPath, segment.modifiedAtMs);
    // When the recorder has deleted it meanwhile, it must not come back.
    if ((await fs.bytesOf(segment.path)) === segment.bytes) await fs.rename(temporaryPath, segment.path);
    return copy.result;
  } catch (error) {
    await fs.unlink(temporaryPath).catch(() => {});
    throw error;
  } finally {
    await fs.close(target).catch(() => {});
  }
}

class ThinCopy {
  readonly #fs: JournalFs;
  readonly #target: number;
  readonly #salt: number;
  readonly #bodies = new Set<string>();
  #bytes = 0;

  constructor(fs: JournalFs, target: number, salt: number) {
    this.#fs = fs;
    this.#target = target;
    this.#salt = salt;
  }

  get result(): ThinResult {
    return { bodies: this.#bodies.size, bytes: this.#bytes, bytesFreed: this.#bytes };
  }

  async copy(segment: JournalSegment): Promise<void> {
    const source = await this.#fs.openToRead(segment.path);
    try {
      const reader = createRawFrameReader({ coreId: segment.coreId, segmentNumber: segment.number });
      for (let at = 0; at < segment.bytes; ) {
        const buffer = Buffer.allocUnsafe(Math.min(readBytes, segment.bytes - at));
        const read = await this.#fs.readAt(source, buffer, at);
        if (read === 0) break;
        at += read;
        await this.#write(reader.feed(buffer.subarray(0, read)));
      }
      await this.#write(reader.finish());
    } finally {
      await this.#fs.close(source).catch(() => {});
    }
  }

  /** Neighbouring frames that stay go out in one write. */
  async #write(frames: readonly RawFrame[]): Promise<void> {
    let run: Buffer[] = [];
    let runStart = 0;
    let runEnd = 0;
    for (const frame of frames) {
      if (frame.startOffset !== runEnd) {
        await this.#writeRun(run, runStart);
        run = [];
        runStart = frame.startOffset;
      }
      const kept = this.#keptOf(frame);
      run.push(kept);
      runEnd = frame.startOffset + kept.length;
    }
    await this.#writeRun(run, runStart);
  }

  async #writeRun(run: readonly Buffer[], offset: number): Promise<void> {
    const bytes = Buffer.concat(run);
    if (bytes.length === 0) return;
    const written = await this.#fs.writeAt(this.#target, bytes, offset);
    if (written !== bytes.length) throw new Error(`only ${written} of ${bytes.length} bytes were written`);
  }

  /** What stays of a frame: all of it, or the header alone. */
  #keptOf(frame: RawFrame): Buffer {
    const head = readHead(frame.bytes, 0);
    if (!bodyKinds.has(head.kind) || head.payloadBytes < holeBytesMin) return frame.bytes;
    if ((head.flags & frameFlags.thinned) !== 0) return frame.bytes.subarray(0, headerBytes);
    this.#bodies.add(`${Buffer.from(head.exchangeId).toString('hex')}/${head.kind}`);
    this.#bytes += head.payloadBytes;
    const header = Buffer.allocUnsafe(headerBytes);
    const headCrc = writeHead(header, 0, { ...head, flags: head.flags | frameFlags.thinned });
    placeFrame(header, 0, { salt: this.#salt, offset: frame.startOffset }, headCrc, headCrc);
    return header;
  }
}

const bodyKinds: ReadonlySet<number> = new Set([
  journalKinds['request-bytes'],
  journalKinds['response-bytes'],
  journalKinds['provider-request-bytes'],
  journalKinds['provider-response-bytes'],
]);
