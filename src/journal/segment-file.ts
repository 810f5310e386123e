import { join } from 'node:path';
import { segmentSalt } from './format.ts';
import { segmentName } from './journal-directory.ts';
import { errorCode, type JournalFs } from './journal-fs.ts';
import { gatherFrames, type PendingFrame } from './pending-frame.ts';

/** What became of an append: the first `framesWritten` frames stand in the segment. */
export interface AppendResult {
  readonly framesWritten: number;
  /** Why the rest does not; the segment must not be written any more. */
  readonly error?: unknown;
}

/** The newest segment of a core: append, sync, seal. One append at a time. */
export class SegmentFile {
  readonly number: number;
  readonly path: string;
  readonly openedAtMs: number;
  /** Bytes that are certainly whole frames. */
  offset = 0;
  readonly #fs: JournalFs;
  readonly #fd: number;
  readonly #salt: number;
  #beginningBytes = 0;
  #syncedOffset = 0;
  #sync: Promise<void> | undefined;
  /** What has to be on the disk before anything of this file counts as synced. */
  #earlier: Promise<unknown> = Promise.resolve();
  #isSyncBroken = false;
  #waiting: { readonly offset: number; readonly settle: () => void }[] = [];

  constructor(
    fs: JournalFs,
    file: { fd: number; path: string; coreId: string; number: number; nowMs: number },
  ) {
    this.#fs = fs;
    this.#fd = file.fd;
    this.#salt = segmentSalt(file.coreId, file.number);
    this.number = file.number;
    this.path = file.path;
    this.openedAtMs = file.nowMs;
  }

  /** Called when the frame that opens the segment is written. */
  markBeginning(): void {
    this.#beginningBytes = this.offset;
  }

  /** False while only the opening frame is in it: then its age does not matter. */
  get hasFrames(): boolean {
    return this.offset > this.#beginningBytes;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  get isSyncBroken(): boolean {
    return this.#isSyncBroken;
  }

  get isDirty(): boolean {
    return this.unsyncedBytes > 0 && !this.#isSyncBroken;
  }

  /** Bytes that a power cut may take. */
  get unsyncedBytes(): number {
    return this.offset - this.#syncedOffset;
  }

  /**
   * Exchanges spread over segments: the end of one is worth nothing without what stands in earlier files, and a file
   * nothing without its name. Once, before the first append.
   */
  syncAfter(earlier: Promise<unknown>): void {
    this.#earlier = earlier;
  }

  async append(frames: readonly PendingFrame[]): Promise<AppendResult> {
    const pieces = gatherFrames(frames, this.#salt, this.offset);
    let expected = 0;
    for (const frame of frames) expected += frame.bytes;
    let written = 0;
    let error: unknown;
    try {
      written = await this.#fs.writev(this.#fd, pieces);
      if (written === expected) {
        this.offset += written;
        return { framesWritten: frames.length };
      }
      error = new Error(`only ${written} of ${expected} bytes were written`);
    } catch (cause) {
      error = cause;
    }
    return { framesWritten: await this.#keepWholeFrames(frames, written), error };
  }

  /** After a failed write the file may end anywhere: cut it behind the last frame that is known to be whole. */
  async #keepWholeFrames(frames: readonly PendingFrame[], written: number): Promise<number> {
    let count = 0;
    let bytes = 0;
    while (count < frames.length && bytes + frames[count]!.bytes <= written) {
      bytes += frames[count]!.bytes;
      count += 1;
    }
    this.offset += bytes;
    // When this fails too, a torn frame stays at the end, which every reader expects.
    await ignoreFailure(this.#fs.ftruncate(this.#fd, this.offset));
    return count;
  }

  /** Calls `settle` when everything written so far is synced, or when it is certain that it will not be. */
  settleWhenSynced(settle: () => void): void {
    if (this.#isSyncBroken || this.#syncedOffset >= this.offset) settle();
    else this.#waiting.push({ offset: this.offset, settle });
  }

  /** Gives up waiting: the disk does not answer. */
  settleAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { settle } of waiting) settle();
  }

  /**
   * Syncs what is written so far; joins a sync that is under way and adds one when that does not cover it.
   * @returns the error of a failed sync. The pages may be gone then and a second sync would lie, so none follows
   */
  async sync(): Promise<unknown> {
    const target = this.offset;
    while (this.#syncedOffset < target && !this.#isSyncBroken) {
      this.#sync ??= this.#syncOnce();
      try {
        await this.#sync;
      } catch (error) {
        return error;
      }
    }
    return undefined;
  }

  async #syncOnce(): Promise<void> {
    const target = this.offset;
    try {
      await Promise.all([this.#fs.fdatasync(this.#fd), this.#earlier]);
      this.#syncedOffset = target;
      const done = this.#waiting.filter((waiter) => waiter.offset <= target);
      this.#waiting = this.#waiting.filter((waiter) => waiter.offset > target);
      for (const { settle } of done) settle();
    } catch (error) {
      this.#isSyncBroken = true;
      this.settleAll();
      throw error;
    } finally {
      this.#sync = undefined;
    }
  }

  /** Syncs and closes; nothing is appended afterwards. Returns the error of the sync. */
  async seal(): Promise<unknown> {
    const error = await this.sync();
    this.settleAll();
    await ignoreFailure(this.#fs.close(this.#fd));
    return error;
  }

  /** Takes the file away again: not even its first frame could be written. */
  async discard(): Promise<void> {
    await ignoreFailure(this.#fs.close(this.#fd));
    await ignoreFailure(this.#fs.unlink(this.path));
  }

  /** False when the file was deleted, moved or replaced while we write it. */
  async isInPlace(): Promise<boolean> {
    try {
      return (await this.#fs.identity(this.#fd)) === (await this.#fs.identityOf(this.path));
    } catch (error) {
      return errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR';
    }
  }

  /** Writes the bytes of a deleted file, which live as long as our descriptor, to its path again. */
  async restore(): Promise<void> {
    const fd = await this.#fs.create(this.path, 'place');
    try {
      const buffer = Buffer.allocUnsafe(restorePieceBytes);
      for (let at = 0; at < this.offset; ) {
        const piece = buffer.subarray(0, Math.min(buffer.length, this.offset - at));
        const read = await this.#fs.readAt(this.#fd, piece, at);
        const written = read === 0 ? 0 : await this.#fs.writeAt(fd, piece.subarray(0, read), at);
        if (written === 0) throw new Error(`segment ${this.path} ended at ${at} of ${this.offset} bytes`);
        at += written;
      }
    } finally {
      await ignoreFailure(this.#fs.close(fd));
    }
  }
}

const restorePieceBytes = 1024 * 1024;

/** Makes the next segment file of a core in its directory, which is made too when it is missing. */
export async function createSegmentFile(
  fs: JournalFs,
  where: {
    readonly directory: string;
    readonly coreId: string;
    readonly number: number;
    readonly nowMs: number;
  },
): Promise<SegmentFile> {
  let { number } = where;
  for (let attempt = 0; ; attempt += 1) {
    const path = join(where.directory, segmentName(number));
    try {
      const fd = await fs.create(path, 'append');
      return new SegmentFile(fs, { fd, path, coreId: where.coreId, number, nowMs: where.nowMs });
    } catch (error) {
      if (attempt >= createAttemptsMax) throw error;
      if (errorCode(error) === 'ENOENT') await fs.mkdir(where.directory);
      else if (errorCode(error) === 'EEXIST') number += 1;
      else throw error;
    }
  }
}

const createAttemptsMax = 100;

async function ignoreFailure(promise: Promise<unknown>): Promise<void> {
  try {
    await promise;
  } catch {
    // There is nothing left to do with this descriptor.
  }
}
