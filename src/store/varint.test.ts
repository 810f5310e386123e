import { describe, expect, it } from 'vitest';
import { seededRandom } from '#test-support';
import { VarintReader, VarintWriter } from './varint.ts';

describe('variable length numbers', () => {
  it('come back as they were, at every boundary', () => {
    const values = [0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32, 2 ** 49, Number.MAX_SAFE_INTEGER];
    const writer = new VarintWriter();
    for (const value of values) writer.number(value);
    for (const value of [0, -1, 1, -64, 64, -(2 ** 51), 2 ** 51]) writer.signed(value);
    const reader = new VarintReader(writer.finish());
    expect(values.map(() => reader.number())).toEqual(values);
    expect([0, 1, 2, 3, 4, 5, 6].map(() => reader.signed())).toEqual([
      0,
      -1,
      1,
      -64,
      64,
      -(2 ** 51),
      2 ** 51,
    ]);
    expect(reader.atEnd).toBe(true);
  });

  it('refuse what is cut off or too long, at every cut', () => {
    const bytes = new VarintWriter()
      .bytes(seededRandom(1).bytes(300))
      .number(2 ** 40)
      .finish();
    for (let cut = 0; cut < bytes.length; cut += 1) {
      const reader = new VarintReader(bytes.subarray(0, cut));
      const read = () => [reader.bytes(), reader.number()];
      expect(read).toThrow(RangeError);
    }
    expect(() => new VarintReader(Buffer.alloc(20, 0xff)).number()).toThrow(RangeError);
  });

  it('refuse to write what they cannot say', () => {
    for (const value of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => new VarintWriter().number(value)).toThrow(RangeError);
    }
  });
});
