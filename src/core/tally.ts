import { crc32 } from 'node:zlib';
import type { BodyTally } from '#exchange';

/** Running size and checksum of one body at one end. */
export class Tally {
  bytes = 0;
  crc32 = 0;
  /** The checksum before the last piece. */
  #crc32Before = 0;

  add(piece: Uint8Array): void {
    this.#crc32Before = this.crc32;
    this.bytes += piece.length;
    this.crc32 = crc32(piece, this.crc32);
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
