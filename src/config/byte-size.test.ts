import { describe, expect, it } from 'vitest';
import { parseByteSize } from './byte-size.ts';

describe('a size', () => {
  it('is a number of bytes with a decimal or binary unit', () => {
    expect(parseByteSize('4096')).toBe(4096);
    expect(parseByteSize('64MiB')).toBe(64 * 1024 * 1024);
    expect(parseByteSize('5GB')).toBe(5_000_000_000);
    expect(parseByteSize('1.5 KiB')).toBe(1536);
    expect(parseByteSize('0')).toBe(0);
  });

  it('is refused when the unit is unknown or the number is not one', () => {
    for (const text of ['', 'MiB', '-1', '64 M iB', '64XB', '1e9', '0x10', '99999999TB']) {
      expect(parseByteSize(text), text).toBeUndefined();
    }
  });
});
