import { quarterMs } from '#store';

const quartersPerDay = 96;

/** Where a quarter hour lies in the calendar of a time zone. */
export interface CalendarPlace {
  /** `YYYY-MM-DD`. */
  readonly date: string;
  /** 0 to 23. */
  readonly hour: number;
}

/**
 * Days and hours of a time zone for UTC quarter hours. Since 1972 the offset of every zone is a whole number of them, so
 * a quarter hour never belongs to two hours or days; nothing was recorded before.
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
    minute: '2-digit',
    hourCycle: 'h23',
  });
  /** By UTC day, in quarter hours; undefined where it changes in that day. Asking `Intl` for each takes far longer. */
  const offsets = new Map<number, number | undefined>();

  function placeOf(quarter: number): CalendarPlace {
    const local = new Date((quarter + offsetOf(quarter)) * quarterMs);
    return { date: local.toISOString().slice(0, 10), hour: local.getUTCHours() };
  }

  function offsetOf(quarter: number): number {
    const day = Math.floor(quarter / quartersPerDay);
    if (!offsets.has(day)) {
      const offset = formattedOffset(day * quartersPerDay);
      offsets.set(day, offset === formattedOffset((day + 1) * quartersPerDay) ? offset : undefined);
    }
    return offsets.get(day) ?? formattedOffset(quarter);
  }

  function formattedOffset(quarter: number): number {
    const parts = new Map(
      format.formatToParts(quarter * quarterMs).map(({ type, value }) => [type, Number(value)]),
    );
    const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
    const localMs = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'));
    return Math.floor(localMs / quarterMs) - quarter;
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
