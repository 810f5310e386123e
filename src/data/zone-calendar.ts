import { quarterMs } from '#store';

/** Where a quarter hour lies in the calendar of a time zone. */
export interface CalendarPlace {
  /** `YYYY-MM-DD`. */
  readonly date: string;
  /** 0 to 23. */
  readonly hour: number;
}

/**
 * Days and hours of a time zone for UTC quarter hours. The offset of every zone is a whole number of them, so a quarter
 * hour never belongs to two hours or days.
 * @param zone a name that `Intl` knows
 */
export function zoneCalendar(zone: string): {
  /** @param quarter number of the UTC quarter hour */
  placeOf(quarter: number): CalendarPlace;
  /** The instant at which the day of this instant begins. */
  dayStartMs(ms: number): number;
} {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone,
    calendar: 'iso8601',
    numberingSystem: 'latn',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    hourCycle: 'h23',
  });

  function placeOf(quarter: number): CalendarPlace {
    const parts = new Map(format.formatToParts(quarter * quarterMs).map(({ type, value }) => [type, value]));
    return {
      date: `${parts.get('year')}-${parts.get('month')}-${parts.get('day')}`,
      hour: Number(parts.get('hour')),
    };
  }

  return {
    placeOf,
    dayStartMs(ms) {
      let quarter = Math.floor(ms / quarterMs);
      const { date } = placeOf(quarter);
      // A day has at most 26 hours, also when a clock is put back in it.
      for (let step = 0; step < 26 * 4 && placeOf(quarter - 1).date === date; step += 1) quarter -= 1;
      return quarter * quarterMs;
    },
  };
}
