import type { RouteKey, RouteQuery } from '#api';
import type { Among } from '#store';
import { ApiProblem } from '../api-problem.ts';
import type { Handlers } from '../handler.ts';
import type { CalendarUnit } from '../query-thread/calendar-sums.ts';
import { rateLimitsBody } from '../rate-limits.ts';
import { readAmong } from '../read-query.ts';
import { instantText } from '../request-summary.ts';
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
} from '../sum-rows.ts';
import { echo, type TimeRange } from '../time-range.ts';
import { usageHandler } from '../usage-statistics.ts';
import { type CalendarPlace, zoneCalendar } from '../zone-calendar.ts';

type StatisticsRoute = Extract<RouteKey, `stats.${string}` | 'routing.stats'>;

/** A range, and which of its requests count. */
interface Chosen extends TimeRange {
  readonly among?: Among | undefined;
}

const dayMs = 86_400_000;

/** Sums over what was recorded. */
export function statisticsHandlers(
  ask: Ask,
  { nowMs }: { readonly nowMs: () => number },
): Handlers<StatisticsRoute> {
  const chosen = (query: GivenRange & Parameters<typeof readAmong>[0]): Chosen => ({
    ...givenRange(query),
    among: readAmong(query, nowMs()),
  });
  const daily = async (query: RouteQuery<'stats.daily'>, days: number) => {
    const range = lastDays(query, { days, nowMs: nowMs() });
    return { body: await dailyBody(ask, query, { ...range, among: readAmong(query, nowMs()) }) };
  };
  const hourly = async ({ query }: { query: RouteQuery<'stats.hourly'> }) => ({
    body: await hourlyBody(ask, query, chosen(query)),
  });
  const models = async ({ query }: { query: RouteQuery<'stats.models'> }) => ({
    body: await modelsBody(ask, query, chosen(query)),
  });
  const providers = async ({ query }: { query: RouteQuery<'stats.providers'> }) => ({
    body: await providersBody(ask, chosen(query)),
  });
  const subagents = async ({ query }: { query: RouteQuery<'stats.subagents'> }) => ({
    body: await subagentsBody(ask, chosen(query)),
  });
  const tools = async ({ query }: { query: RouteQuery<'stats.tools'> }) => ({
    body: await toolsBody(ask, chosen(query)),
  });
  const performance = async ({ query }: { query: RouteQuery<'stats.performance'> }) => ({
    body: await performanceBody(ask, query, chosen(query)),
  });
  return {
    'stats.daily': ({ query }) => daily(query, 7),
    'stats.daily.v2': ({ query }) => daily(query, 30),
    'stats.hourly': hourly,
    'stats.hourly.v2': hourly,
    'stats.models': models,
    'stats.models.v2': models,
    'stats.providers': providers,
    'stats.providers.v2': providers,
    'stats.subagents': subagents,
    'stats.subagents.v2': subagents,
    'stats.tools': tools,
    'stats.tools.v2': tools,
    'stats.performance': performance,
    'stats.performance.v2': performance,
    'stats.usage': async ({ query }) => ({ body: await usageHandler(ask, query, chosen(query)) }),
    'stats.rateLimits': async ({ query }) => ({ body: await rateLimitsBody(ask, query, givenRange(query)) }),
    'routing.stats': async ({ query }) => {
      const range = eitherRange(query) ?? { fromMs: nowMs() - dayMs, toMs: nowMs() };
      const among = readAmong(query, nowMs());
      const [providers, subagents] = await Promise.all([
        providersBody(ask, { ...range, among }),
        subagentsBody(ask, { ...range, among }),
      ]);
      const timeRange = { start: instantText(range.fromMs), end: instantText(range.toMs) };
      return { body: { providers, subagents, timeRange } };
    },
  };
}

interface GivenRange {
  readonly start?: number | undefined;
  readonly end?: number | undefined;
}

function givenRange(query: GivenRange): TimeRange {
  const range = eitherRange(query);
  if (range === undefined) throw new ApiProblem('bad-parameter', 'start and end parameters are required');
  return range;
}

function eitherRange({ start, end }: GivenRange): TimeRange | undefined {
  return start === undefined || end === undefined ? undefined : { fromMs: start, toMs: end };
}

/** Without a range: whole days of the time zone up to now, today being the last of them. */
function lastDays(
  query: RouteQuery<'stats.daily'>,
  { days, nowMs }: { readonly days: number; readonly nowMs: number },
): TimeRange {
  const range = eitherRange(query);
  if (range !== undefined) return range;
  // From the middle of the day, so that a clock that is put forward or back in between changes no date.
  const noonMs = zoneCalendar(query.tz).dayStartMs(nowMs) + dayMs / 2;
  return { fromMs: zoneCalendar(query.tz).dayStartMs(noonMs - (days - 1) * dayMs), toMs: nowMs + 1 };
}

const modelDimension = { sent: 'sentModel', asked: 'askedModel', answered: 'answeredModel' } as const;
type ModelChoice = { readonly model_of: keyof typeof modelDimension };
const unknown = 'unknown';

async function dailyBody(ask: Ask, query: RouteQuery<'stats.daily'>, range: Chosen) {
  const buckets = await calendarSums(ask, query, range, { unit: 'day', keyOf: ({ date }) => date });
  return {
    dailyStats: [...buckets]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([date, rows]) => ({ date, ...bucketBody(rows) })),
    timeZone: query.tz,
    ...echo(range),
  };
}

async function hourlyBody(ask: Ask, query: RouteQuery<'stats.hourly'>, range: Chosen) {
  const buckets = await calendarSums(ask, query, range, { unit: 'hour-of-day', keyOf: ({ hour }) => hour });
  const whole = addUp([...buckets.values()].flat());
  return {
    hourlyStats: [...buckets]
      .sort(([one], [other]) => one - other)
      .map(([hour, rows]) => ({ hour, ...bucketBody(rows) })),
    todayTokens: totalTokens(whole),
    todayRequests: whole.requests,
    avgResponseTime: averageMs(whole.totalUs, whole.totalCount),
    timeZone: query.tz,
    ...echo(range),
  };
}

/** Sums of days or hours and models, by their place in the calendar. */
async function calendarSums<Key>(
  ask: Ask,
  query: ModelChoice & { readonly tz: string },
  range: Chosen,
  { unit, keyOf }: { readonly unit: CalendarUnit; readonly keyOf: (place: CalendarPlace) => Key },
): Promise<Map<Key, SumRow[]>> {
  const { placeOf } = zoneCalendar(query.tz);
  const calendar = { zone: query.tz, unit };
  const by = ['quarter', modelDimension[query.model_of]] as const;
  const rows = await askForSums(ask, { ...range, by, calendar });
  const keys = new Map<number, Key>();
  return groupRows(rows, ({ values }) => {
    const quarter = Number(values[0]);
    const key = keys.get(quarter) ?? keyOf(placeOf(quarter));
    keys.set(quarter, key);
    return key;
  });
}

function bucketBody(rows: readonly SumRow[]) {
  const sum = addUp(rows);
  const byModel = groupRows(rows, ({ values }) => String(values[1] ?? unknown));
  const models = [...byModel].map(([model, some]) => {
    const ofModel = addUp(some);
    return [model, { tokens: totalTokens(ofModel), requests: ofModel.requests }] as const;
  });
  return {
    tokens: totalTokens(sum),
    requests: sum.requests,
    ...sumsBody(sum),
    models: Object.fromEntries(models.sort(([one], [other]) => (one < other ? -1 : 1))),
  };
}

async function modelsBody(ask: Ask, query: ModelChoice, range: Chosen) {
  const rows = await sorted(ask, range, [modelDimension[query.model_of]]);
  return {
    modelStats: rows.map((row) => ({
      model: textOf(row, 0),
      tokens: totalTokens(row),
      requests: row.requests,
      ...sumsBody(row),
    })),
    ...echo(range),
  };
}

async function providersBody(ask: Ask, range: Chosen) {
  const rows = await sorted(ask, range, ['provider']);
  return {
    providers: rows.map((row) => ({ provider: textOf(row, 0), ...speedBody(row), errorCount: row.errors })),
    ...echo(range),
  };
}

async function subagentsBody(ask: Ask, range: Chosen) {
  const rows = await sorted(ask, range, ['agentName', 'provider', 'sentModel']);
  return {
    subagents: rows
      .filter(({ values }) => values[0] !== null)
      .map((row) => ({
        subagentName: textOf(row, 0),
        provider: textOf(row, 1),
        targetModel: textOf(row, 2),
        ...speedBody(row),
      })),
    ...echo(range),
  };
}

function speedBody(sum: SumRow) {
  return {
    requests: sum.requests,
    ...sumsBody(sum),
    totalTokens: totalTokens(sum),
    avgResponseMs: averageMs(sum.totalUs, sum.totalCount),
  };
}

async function toolsBody(ask: Ask, range: Chosen) {
  const tools = await ask('statistics.tools', range);
  return {
    tools: tools
      .sort((one, other) => other.called - one.called || compare(one.tool, other.tool))
      .map(({ tool, declared, calledIn, called }) => ({
        toolName: tool,
        usageCount: calledIn,
        callCount: called,
        avgCallsPerRequest: calledIn === 0 ? 0 : called / calledIn,
        declaredCount: declared,
      })),
    ...echo(range),
  };
}

const quantiles = [0.5, 0.95, 0.99, 0.1, 0.9];

/** Quantiles come from sketches, averages from sums; both know the same requests. */
async function performanceBody(ask: Ask, query: RouteQuery<'stats.performance'>, range: Chosen) {
  const model = modelDimension[query.model_of];
  const by = ['provider', model] as const;
  const [sums, latencies] = await Promise.all([
    askForSums(ask, { ...range, by }),
    ask('statistics.latencies', { ...range, by: [...by], quantiles }),
  ]);
  const latencyOf = new Map(
    latencies.map((each) => [JSON.stringify([each.key.provider ?? null, each.key[model] ?? null]), each]),
  );
  return {
    stats: sums
      .filter(({ totalCount }) => totalCount > 0)
      .map((sum) => {
        const latency = latencyOf.get(JSON.stringify(sum.values));
        const [p50 = 0, p95 = 0, p99 = 0] = latency?.total.values ?? [];
        const [p50Byte, p95Byte, p99Byte] = latency?.firstByte.values ?? [];
        const [p50Token, p95Token, p99Token] = latency?.firstToken.values ?? [];
        const [speed, , , slow, fast] = latency?.outputSpeed.values ?? [];
        return {
          provider: textOf(sum, 0),
          model: textOf(sum, 1),
          requestCount: sum.totalCount,
          avgResponseMs: averageMs(sum.totalUs, sum.totalCount),
          p50ResponseMs: Math.round(p50 / 1000),
          p95ResponseMs: Math.round(p95 / 1000),
          p99ResponseMs: Math.round(p99 / 1000),
          avgFirstByteMs: averageMs(sum.firstByteUs, sum.firstByteCount),
          avgFirstTokenMs:
            sum.firstTokenCount === 0 ? null : averageMs(sum.firstTokenUs, sum.firstTokenCount),
          p50FirstByteMs: thousandth(p50Byte, Math.round),
          p95FirstByteMs: thousandth(p95Byte, Math.round),
          p99FirstByteMs: thousandth(p99Byte, Math.round),
          p50FirstTokenMs: thousandth(p50Token, Math.round),
          p95FirstTokenMs: thousandth(p95Token, Math.round),
          p99FirstTokenMs: thousandth(p99Token, Math.round),
          p10OutputTokensPerSecond: thousandth(slow),
          medianOutputTokensPerSecond: thousandth(speed),
          p90OutputTokensPerSecond: thousandth(fast),
        };
      })
      .sort((one, other) => compare(one.provider, other.provider) || compare(one.model, other.model)),
    ...echo(range),
  };
}

function thousandth(value: number | undefined, rounded = (exact: number) => exact): number | null {
  return value === undefined ? null : rounded(value / 1000);
}

/** The most tokens first; without a difference by name, so that an answer never depends on chance. */
async function sorted(ask: Ask, range: Chosen, by: readonly RowDimension[]): Promise<SumRow[]> {
  const rows = await askForSums(ask, { ...range, by });
  return rows.sort(
    (one, other) =>
      totalTokens(other) - totalTokens(one) || compare(one.values.join('\n'), other.values.join('\n')),
  );
}

function textOf({ values }: Pick<SumRow, 'values'>, at: number): string {
  return String(values[at] ?? unknown);
}

function compare(one: string, other: string): number {
  return Number(one > other) - Number(one < other);
}
