import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '#test-support';
import { dictionary1 } from './dictionary.ts';
import { pack, packWithBase, unpack } from './packing.ts';

describe('packing', () => {
  it('gives back the exact bytes of what shrinks and of what does not', () => {
    const random = seededRandom(3);
    for (const length of [0, 1, 23, 24, 25, 100, 5_000, 300_000]) {
      for (const bytes of [random.bytes(length), Buffer.alloc(length, 'words again and again ')]) {
        const packed = pack(bytes);
        expect(Buffer.from(unpack(packed, length))).toEqual(bytes);
        expect(packed.length).toBeLessThanOrEqual(length + 1);
      }
    }
  });

  it('makes nearly equal pieces tiny when one is the base of the other', () => {
    const base = seededRandom(4).bytes(4_000);
    const changed = Buffer.concat([base.subarray(0, 2_000), Buffer.from('changed'), base.subarray(2_000)]);
    const packed = packWithBase(changed, base);
    expect(packed.length).toBeLessThan(100);
    expect(Buffer.from(unpack(packed, changed.length, base))).toEqual(changed);
    expect(() => unpack(packed, changed.length)).toThrow(RangeError);
  });

  it('refuses damaged bytes and more bytes than expected', () => {
    const packed = pack(Buffer.alloc(10_000, 'words '));
    expect(() => unpack(packed, 9_999)).toThrow(RangeError);
    expect(() => unpack(packed.subarray(0, packed.length - 3), 10_000)).toThrow(RangeError);
    expect(() => unpack(Buffer.from([77, 1, 2]), 10)).toThrow(RangeError);
    expect(() => unpack(Buffer.alloc(0), 10)).toThrow(RangeError);
  });

  it('keeps its dictionary for ever, because stored pieces cannot be read without it', () => {
    expect(createHash('sha256').update(dictionary1).digest('hex')).toBe(
      '5028260324eabea6b4a48e64153735ad58354e307279ba32d9d6c7d5f25a622a',
    );
  });
});
