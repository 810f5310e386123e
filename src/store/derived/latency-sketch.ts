import { VarintReader, VarintWriter } from '../varint.ts';

/** Neighbouring bins differ by this factor, so the middle of a bin is at most 1 % off. */
const growth = 1.02;
const logGrowth = Math.log(growth);

/**
 * How positive numbers are distributed, with quantiles that are at most 1 % off the true ones. Counts in bins whose
 * width grows with the value: two sketches add up to the sketch of both, and a value can be taken out again.
 */
export class LatencySketch {
  readonly #counts = new Map<number, number>();
  #count = 0;

  /** How many values there are. */
  get count(): number {
    return this.#count;
  }

  /** @param times -1 takes it out. Values below 1 count as 1. */
  add(value: number, times = 1): void {
    this.#addToBin(Math.ceil(Math.log(Math.max(1, value)) / logGrowth), times);
  }

  /** Adds a sketch as `encode` gave it. @throws RangeError when it is damaged */
  addEncoded(bytes: Uint8Array): void {
    const reader = new VarintReader(bytes);
    let bin = 0;
    while (!reader.atEnd) {
      bin += reader.number();
      this.#addToBin(bin, reader.number());
    }
  }

  encode(): Buffer {
    const writer = new VarintWriter();
    let before = 0;
    for (const [bin, count] of this.#sorted()) {
      writer.number(bin - before).number(count);
      before = bin;
    }
    return writer.finish();
  }

  /**
   * The smallest value that at least this share of all values does not exceed, at most 1 % off; undefined without values.
   * @param share from 0 to 1: 0.5 is the median
   */
  quantile(share: number): number | undefined {
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (const [bin, count] of this.#sorted()) {
      seen += count;
      // The middle, in the sense that both ends of the bin are off by the same share.
      if (seen >= rank) return (2 * growth ** bin) / (growth + 1);
    }
    return undefined;
  }

  #addToBin(bin: number, times: number): void {
    const count = (this.#counts.get(bin) ?? 0) + times;
    this.#count += times;
    if (count > 0) this.#counts.set(bin, count);
    else this.#counts.delete(bin);
  }

  #sorted(): [bin: number, count: number][] {
    return [...this.#counts].sort(([one], [other]) => one - other);
  }
}
