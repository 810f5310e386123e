import { describe, expect, it } from 'vitest';
import { parseDuration } from './duration.ts';

describe('a duration', () => {
  it('is a number with a unit, or several of them', () => {
    expect(parseDuration('600s')).toBe(600_000);
    expect(parseDuration('10m')).toBe(600_000);
    expect(parseDuration('1h30m')).toBe(5_400_000);
    expect(parseDuration('500ms')).toBe(500);
    expect(parseDuration('1.5s')).toBe(1500);
    expect(parseDuration('0')).toBe(0);
  });

  it('is refused without a unit, with a sign, or with anything else around it', () => {
    for (const text of ['600', '-1s', '', 's', '10 m', '10m ', '1d', '1e3s', '١s']) {
      expect(parseDuration(text), text).toBeUndefined();
    }
  });

  it('is refused when it is longer than a timer can wait', () => {
    expect(parseDuration('504h')).toBe(504 * 3_600_000);
    expect(parseDuration('505h')).toBeUndefined();
    expect(parseDuration('999999999999h')).toBeUndefined();
  });

  it('SEC-21: a megabyte of digits is refused without work', () => {
    expect(parseDuration(`${'1'.repeat(1_000_000)}s`)).toBeUndefined();
  });
});
