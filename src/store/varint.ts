/** Writes unsigned LEB128 numbers and byte runs into one growing buffer. */
export class VarintWriter {
  #buffer = Buffer.allocUnsafe(256);
  #length = 0;

  /** @param value a whole number from 0 to 2^53 - 1 */
  number(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new RangeError(`not a whole positive number: ${value}`);
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
    return this;
  }

  /** A number that may be negative, small distances from zero stay short. */
  signed(value: number): this {
    return this.number(value < 0 ? -value * 2 - 1 : value * 2);
  }

  /** Length, then the bytes. */
  bytes(bytes: Uint8Array): this {
    this.number(bytes.length);
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}

/** Reads what `VarintWriter` wrote; throws `RangeError` on anything else. */
export class VarintReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#offset >= this.#bytes.length;
  }

  number(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i += 1) {
      const byte = this.#bytes[this.#offset];
      if (byte === undefined) throw new RangeError('a number is cut off');
      this.#offset += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw new RangeError('a number is longer than 8 bytes');
  }

  signed(): number {
    const value = this.number();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** A view, not a copy. */
  bytes(): Uint8Array {
    const length = this.number();
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw new RangeError('a byte run is cut off');
    const bytes = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return bytes;
  }
}
