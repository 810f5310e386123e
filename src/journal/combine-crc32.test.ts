import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { combineCrc32 } from './combine-crc32.ts';

const text = Buffer.from('The end of an answer waits for the journal. '.repeat(4_000));

describe('two checksums', () => {
  it.each([0, 1, 2, 3, 7, 8, 44, 1_000, 4_096, 65_535, 65_536, 131_072])(
    'combine into that of both texts in a row, the second of %i bytes',
    (secondBytes) => {
      for (const firstBytes of [0, 1, 34, 999]) {
        const first = text.subarray(0, firstBytes);
        const second = text.subarray(firstBytes, firstBytes + secondBytes);
        const both = text.subarray(0, firstBytes + secondBytes);
        expect(combineCrc32(crc32(first), crc32(second), secondBytes)).toBe(crc32(both));
      }
    },
  );
});
