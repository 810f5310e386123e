import type { RouteBody, RouteQuery, UsageDimension } from '#api';
import type { Among } from '#store';
import type { CalendarUnit } from './query-thread/calendar-sums.ts';
import { instantText } from './request-summary.ts';
import {
  type Ask,
  addUp,
  askForSums,
  averageMs,
  groupRows,
  type RowDimension,
  type SumRow,
  sumsBody,
  totalTokens,
} from './sum-rows.ts';
import type { TimeRange } from './time-range.ts';
import { zoneCalendar } from './zone-calendar.ts';

const stored: Readonly<Record<UsageDimension, RowDimension>> = {
  model: 'sentModel',
  asked_model: 'askedModel',
  answered_model: 'answeredModel',
  provider: 'provider',
  project: 'project',
  session: 'session',
  tool: 'tool',
  agent_name: 'agentName',
  client_version: 'clientVersion',
  outcome: 'outcomeClass',
  day: 'quarter',
  hour: 'quarter',
  hour_of_day: 'quarter',
};

type Value = string | number | null;

/** The longest times that tell everything that is asked for. */
function unitFor(by: readonly UsageDimension[]): CalendarUnit {
  const isByHourOfDay = by.includes('hour_of_day');
  if (by.includes('hour') || (by.includes('day') && isByHourOfDay)) return 'hour';
  return isByHourOfDay ? 'hour-of-day' : 'day';
}

/** Sums by up to three things at once. */
export async function usageHandler(
  ask: Ask,
  query: RouteQuery<'stats.usage'>,
  range: TimeRange & { readonly among?: Among | undefined },
): Promise<RouteBody<'stats.usage'>> {
  const by = [...new Set(query.by.map((name) => stored[name]))];
  const calendar = by.includes('quarter') ? { zone: query.tz, unit: unitFor(query.by) } : undefined;
  const rows = await askForSums(ask, { ...range, by, calendar });
  const { placeOf } = zoneCalendar(query.tz);
  const places = new Map<number, ReturnType<typeof placeOf>>();

  function valueIn(name: UsageDimension, { values }: SumRow): Value {
    const value = values[by.indexOf(stored[name])] ?? null;
    if (stored[name] !== 'quarter') return value;
    const quarter = Number(value);
    const place = places.get(quarter) ?? placeOf(quarter);
    places.set(quarter, place);
    if (name === 'day') return place.date;
    return name === 'hour' ? `${place.date}T${String(place.hour).padStart(2, '0')}` : place.hour;
  }

  const keyOf = (row: SumRow): Value[] => query.by.map((name) => valueIn(name, row));
  const groups = [...groupRows(rows, (row) => JSON.stringify(keyOf(row)))].map(([key, some]) => ({
    values: JSON.parse(key) as Value[],
    sum: addUp(some),
  }));
  const times = query.by.flatMap((name, at) => (stored[name] === 'quarter' ? [at] : []));
  groups.sort((one, other) => {
    for (const at of times) {
      const order = compare(one.values[at], other.values[at]);
      if (order !== 0) return order;
    }
    const more = totalTokens(other.sum) - totalTokens(one.sum);
    return more || compare(JSON.stringify(one.values), JSON.stringify(other.values));
  });
  return {
    groups: groups.slice(0, query.limit).map(({ values, sum }) => ({
      key: Object.fromEntries(query.by.map((name, at) => [name, values[at] ?? null])),
      requests: sum.requests,
      ...sumsBody(sum),
      thinkingTokens: sum.thinkingTokens,
      totalTokens: totalTokens(sum),
      ...cacheShares(sum),
      avgResponseMs: sum.totalCount === 0 ? null : averageMs(sum.totalUs, sum.totalCount),
    })),
    total: groups.length,
    timeZone: query.tz,
    startTime: instantText(range.fromMs),
    endTime: instantText(range.toMs),
  };
}

function cacheShares({
  inputTokens,
  cacheReadTokens,
  cacheWriteTokens,
}: Pick<SumRow, 'inputTokens' | 'cacheReadTokens' | 'cacheWriteTokens'>) {
  const input = inputTokens + cacheReadTokens + cacheWriteTokens;
  return {
    cacheReadShare: input === 0 ? null : cacheReadTokens / input,
    cacheWriteShare: input === 0 ? null : cacheWriteTokens / input,
  };
}

function compare(one: Value | undefined, other: Value | undefined): number {
  if (typeof one === 'number' && typeof other === 'number') return one - other;
  const [a, b] = [String(one ?? ''), String(other ?? '')];
  return Number(a > b) - Number(a < b);
}
