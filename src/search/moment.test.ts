import { describe, expect, it } from 'vitest';
import { intervalOf } from './index.ts';

const nowMs = Date.parse('2026-11-24T22:30:00Z');

describe('a moment', () => {
  it('is a whole day of the zone when it is a date or the name of one', () => {
    expect(shown('2026-11-01', 'Europe/Zurich')).toEqual([
      '2026-10-31T23:00:00.000Z',
      '2026-11-01T23:00:00.000Z',
    ]);
    expect(shown('today', 'UTC')).toEqual(['2026-11-24T00:00:00.000Z', '2026-11-25T00:00:00.000Z']);
    expect(shown('today', 'Asia/Tokyo')).toEqual(['2026-11-24T15:00:00.000Z', '2026-11-25T15:00:00.000Z']);
    expect(shown('yesterday', 'America/Los_Angeles')).toEqual([
      '2026-11-23T08:00:00.000Z',
      '2026-11-24T08:00:00.000Z',
    ]);
  });

  it('is a day of 23 or 25 hours when clocks change', () => {
    expect(hours('2026-03-29', 'Europe/Zurich')).toBe(23);
    expect(hours('2026-10-25', 'Europe/Zurich')).toBe(25);
    expect(hours('2026-04-05', 'Australia/Lord_Howe')).toBe(24.5);
  });

  it('is a minute or a second when it has a time of day', () => {
    expect(shown('2026-11-01T10:30', 'UTC')).toEqual([
      '2026-11-01T10:30:00.000Z',
      '2026-11-01T10:31:00.000Z',
    ]);
    expect(shown('2026-11-01T10:30:15Z', 'Asia/Tokyo')).toEqual([
      '2026-11-01T10:30:15.000Z',
      '2026-11-01T10:30:16.000Z',
    ]);
    expect(shown('2026-11-01T10:30', 'Asia/Kathmandu')[0]).toBe('2026-11-01T04:45:00.000Z');
  });

  it('is an instant when it is some time ago', () => {
    expect(shown('2h', 'Asia/Tokyo')).toEqual(['2026-11-24T20:30:00.000Z', '2026-11-24T20:30:00.000Z']);
    expect(shown('now', 'UTC')[0]).toBe('2026-11-24T22:30:00.000Z');
  });
});

function shown(written: string, zone: string): string[] {
  const { fromMs, toMs } = intervalOf({ kind: 'moment', written }, { nowMs, zone });
  return [fromMs, toMs].map((ms) => new Date(ms).toISOString());
}

function hours(written: string, zone: string): number {
  const { fromMs, toMs } = intervalOf({ kind: 'moment', written }, { nowMs, zone });
  return (toMs - fromMs) / 3_600_000;
}
