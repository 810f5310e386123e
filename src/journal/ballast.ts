import { randomFillSync } from 'node:crypto';
import { join } from 'node:path';
import type { JournalFs } from './journal-fs.ts';

/**
 * A file that does nothing but take space, and is deleted when the disk is full: then heads and ends still fit.
 * All cores of a host share one.
 */
export class Ballast {
  readonly #fs: JournalFs;
  readonly #directory: string;
  readonly #path: string;
  readonly #bytes: number;

  constructor(fs: JournalFs, options: { directory: string; bytes: number }) {
    this.#fs = fs;
    this.#directory = options.directory;
    this.#path = join(options.directory, 'ballast');
    this.#bytes = options.bytes;
  }

  /** Makes the file unless it exists or would take space that is needed. Rejects when the disk does. */
  async keep(): Promise<void> {
    if (this.#bytes === 0 || (await this.#exists())) return;
    const { bytes, freeBytes } = await this.#size();
    if (freeBytes < 2 * bytes) return;
    // Fails when another core is quicker: one ballast is enough.
    const fd = await this.#fs.create(this.#path, 'place');
    try {
      await this.#fill(fd, bytes);
    } catch (error) {
      await this.release();
      throw error;
    } finally {
      await this.#fs.close(fd).catch(() => {});
    }
  }

  /** Gives the space back. Harmless when there is none. */
  async release(): Promise<void> {
    await this.#fs.unlink(this.#path).catch(() => {});
  }

  /** Whether there is space for bodies again, with room for the ballast beside them. */
  async hasRoom(): Promise<boolean> {
    const { bytes, freeBytes } = await this.#size();
    return freeBytes >= 2 * bytes + roomBytes;
  }

  /** On a small disk the ballast is small. */
  async #size(): Promise<{ bytes: number; freeBytes: number }> {
    const { freeBytes, totalBytes } = await this.#fs.space(this.#directory);
    return { bytes: Math.min(this.#bytes, Math.floor(totalBytes / 16)), freeBytes };
  }

  async #fill(fd: number, bytes: number): Promise<void> {
    // Noise, because some file systems store zeros in no space at all.
    const piece = randomFillSync(Buffer.allocUnsafe(Math.min(pieceBytes, bytes)));
    for (let at = 0; at < bytes; ) {
      const written = await this.#fs.writeAt(fd, piece.subarray(0, Math.min(piece.length, bytes - at)), at);
      if (written === 0) throw new Error(`the ballast file ended at ${at} of ${bytes} bytes`);
      at += written;
    }
  }

  async #exists(): Promise<boolean> {
    try {
      return (await this.#fs.bytesOf(this.#path)) > 0;
    } catch {
      return false;
    }
  }
}

const pieceBytes = 1024 * 1024;
const roomBytes = 1024 * 1024;
