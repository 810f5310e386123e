import { describe, expect, it } from 'vitest';
import { zoneCalendar } from './zone-calendar.ts';

const quarterOf = (text: string) => Date.parse(text) / 900_000;

describe('zoneCalendar', () => {
  it.each([
    ['UTC', '2026-01-01T23:45:00Z', '2026-01-01', 23],
    ['Europe/Berlin', '2026-01-01T23:00:00Z', '2026-01-02', 0],
    ['America/Los_Angeles', '2026-01-01T07:45:00Z', '2025-12-31', 23],
    ['Asia/Kathmandu', '2026-01-01T18:15:00Z', '2026-01-02', 0],
    ['Pacific/Kiritimati', '2026-01-01T10:00:00Z', '2026-01-02', 0],
  ])('places a quarter hour in the day and hour of %s', (zone, instant, date, hour) => {
    expect(zoneCalendar(zone).placeOf(quarterOf(instant))).toEqual({ date, hour });
  });

  it.each([
    ['Europe/Berlin', '2026-03-29', 23],
    ['Europe/Berlin', '2026-10-25', 25],
    ['America/New_York', '2026-03-08', 23],
    ['Australia/Lord_Howe', '2026-04-05', 24.5],
    ['UTC', '2026-03-29', 24],
  ])('gives %s on %s %d hours, as its clocks do', (zone, day, hours) => {
    const { placeOf } = zoneCalendar(zone);
    const from = quarterOf(`${day}T00:00:00Z`) - 100;
    const quarters = Array.from({ length: 300 }, (_, index) => from + index);
    expect(quarters.filter((quarter) => placeOf(quarter).date === day)).toHaveLength(hours * 4);
  });

  it('knows when the day of an instant began, also on a day that is longer', () => {
    const { dayStartMs } = zoneCalendar('Europe/Berlin');
    expect(dayStartMs(Date.parse('2026-10-25T22:59:59.999Z'))).toBe(Date.parse('2026-10-24T22:00:00Z'));
    expect(dayStartMs(Date.parse('2026-10-25T23:00:00Z'))).toBe(Date.parse('2026-10-25T23:00:00Z'));
  });
});
