import { describe, expect, it } from 'vitest';
import { parseInstant } from './instant.ts';

const instant = Date.UTC(2026, 1, 3, 4, 5, 6, 789);

describe('parseInstant', () => {
  it.each([
    '2026-02-03T04:05:06.789Z',
    '2026-02-03t04:05:06.789z',
    '2026-02-03 04:05:06.789Z',
    '2026-02-03T04:05:06.789999999Z',
    '2026-02-03T05:35:06.789+01:30',
    '2026-02-03T05:35:06.789 01:30',
    '2026-02-02T20:05:06.789-08:00',
    String(instant),
  ])('reads %s as the same instant', (text) => {
    expect(parseInstant(text)).toBe(instant);
  });

  it('reads whole seconds, dates and leap seconds', () => {
    expect(parseInstant('2026-02-03T04:05:06Z')).toBe(instant - 789);
    expect(parseInstant('2026-02-03')).toBe(Date.UTC(2026, 1, 3));
    expect(parseInstant('2016-12-31T23:59:60Z')).toBe(Date.UTC(2016, 11, 31, 23, 59, 59));
    expect(parseInstant('2024-02-29')).toBe(Date.UTC(2024, 1, 29));
    expect(parseInstant('0001-01-01T00:00:00Z')).toBe(-62135596800000);
    expect(parseInstant('0')).toBe(0);
  });

  it.each([
    '',
    'yesterday',
    '2026-02-30',
    '2026-13-01',
    '2026-02-03T24:00:00Z',
    '2026-02-03T04:60:00Z',
    '2026-02-03T04:05:06',
    '2026-02-03T04:05:06+25:00',
    '9'.repeat(16),
    '-1',
    '1e3',
    ' 2026-02-03',
    '2026-02-03T04:05:06.Z',
    `2026-02-03T04:05:06.${'1'.repeat(1000)}Z`,
    '2026-02-03\u0000',
  ])('refuses %j', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });
});
