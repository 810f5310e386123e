import { type Period, quarterMs, type Sums, type SumsQuery } from '#store';
import { zoneCalendar } from '../zone-calendar.ts';
import type { QuerySources } from './query-sources.ts';

export interface CalendarSumsQuery extends SumsQuery {
  readonly zone: string;
  /** What is summed: days, hours, or the same hour of all days. */
  readonly unit: CalendarUnit;
}

export type CalendarUnit = 'day' | 'hour' | 'hour-of-day';

/** Sums by days or hours of a time zone; `quarter` of a key is the first quarter hour that belongs to it. */
export async function calendarSums(
  { derived }: QuerySources,
  { zone, unit, ...query }: CalendarSumsQuery,
): Promise<Sums[]> {
  const recorded = await derived.statistics.recorded();
  if (recorded === undefined) return [];
  const fromMs = Math.max(query.fromMs ?? 0, recorded.fromMs);
  const toMs = Math.min(query.toMs ?? Number.MAX_SAFE_INTEGER, recorded.toMs);
  const by = query.by.filter((dimension) => dimension !== 'quarter');
  const periods = periodsOf({ fromMs, toMs }, { zone, unit });
  const sums = await derived.statistics.sums({ ...query, fromMs, toMs, by, periods });
  return sums.map(({ key: { period, ...key }, ...measures }) => ({
    key: { ...key, quarter: period! },
    ...measures,
  }));
}

function periodsOf(
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  { zone, unit }: Pick<CalendarSumsQuery, 'zone' | 'unit'>,
): Period[] {
  const { placeOf } = zoneCalendar(zone);
  const numbers = new Map<string, number>();
  const periods: Period[] = [];
  let name: string | undefined;
  const end = Math.ceil(toMs / quarterMs);
  for (let quarter = Math.floor(fromMs / quarterMs); quarter < end; quarter += 1) {
    const { date, hour } = placeOf(quarter);
    const next = unit === 'day' ? date : unit === 'hour' ? `${date} ${hour}` : `${hour}`;
    const until = (quarter + 1) * quarterMs;
    const last = periods.at(-1);
    if (next === name && last !== undefined) {
      periods[periods.length - 1] = { ...last, toMs: until };
      continue;
    }
    name = next;
    const period = numbers.get(name) ?? quarter;
    numbers.set(name, period);
    periods.push({ fromMs: quarter * quarterMs, toMs: until, period });
  }
  return periods;
}
