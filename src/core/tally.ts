import { crc32 } from 'node:zlib';
import type { BodyTally } from '#exchange';
import { combineCrc32 } from '#journal/write';

/** From here on combining two checksums costs less than reading the piece for each. */
const combinedBytesMin = 4_096;

/** Running size and checksum of one body at one end. */
export class Tally {
  bytes = 0;
  crc32 = 0;
  /** The checksum before the last piece. */
  #crc32Before = 0;

  /** @returns the checksum of the piece alone when that is at hand, which it is for large pieces */
  add(piece: Uint8Array): number | undefined {
    this.#crc32Before = this.crc32;
    this.bytes += piece.length;
    if (piece.length < combinedBytesMin) {
      this.crc32 = crc32(piece, this.crc32);
      return undefined;
    }
    const alone = crc32(piece);
    this.crc32 = combineCrc32(this.crc32, alone, piece.length);
    return alone;
  }

  /**
   * Counts a piece that `received` has just counted and that now leaves. While both ends have seen the same bytes
   * before it they have the same checksum after it, and it is not computed twice.
   */
  addSent(piece: Uint8Array, received: Tally): void {
    const wereEqual = this.crc32 === received.#crc32Before && this.bytes + piece.length === received.bytes;
    this.#crc32Before = this.crc32;
    this.bytes += piece.length;
    this.crc32 = wereEqual ? received.crc32 : crc32(piece, this.crc32);
  }

  snapshot(): BodyTally {
    return { bytes: this.bytes, crc32: this.crc32 };
  }
}
