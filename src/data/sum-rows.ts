import type { Among, DimensionKey, Measures, SumsQuery } from '#store';
import type { CalendarUnit } from './query-thread/calendar-sums.ts';
import type { QueryThread } from './query-thread/start.ts';

/** Asks the query thread. */
export type Ask = QueryThread['ask'];

/** What statistics are by. `sentModel` is the one the provider was asked for; `project` that of the session. */
export type RowDimension = Exclude<SumsQuery['by'][number], 'routedModel'> | 'sentModel' | 'project';

export interface SumsAsked {
  readonly fromMs: number;
  readonly toMs: number;
  readonly by: readonly RowDimension[];
  /** With `quarter`: days or hours of a time zone instead, each as the first quarter hour in it. */
  readonly calendar?: { readonly zone: string; readonly unit: CalendarUnit } | undefined;
  /** Only requests that fit. */
  readonly among?: Among | undefined;
}

/** What is added up of each request. */
type Counted = Pick<Measures, (typeof countedNames)[number]>;

export interface SumRow extends Counted {
  /** In the order of what was asked for; null = unknown or none. */
  readonly values: readonly (string | number | null)[];
}

const countedNames = [
  'requests',
  'errors',
  'inputTokens',
  'outputTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
  'thinkingTokens',
  'costNanos',
  'costUnknown',
  'totalUs',
  'totalCount',
  'firstByteUs',
  'firstByteCount',
  'firstTokenUs',
  'firstTokenCount',
] as const satisfies readonly (keyof Measures)[];

/** One row for each combination that occurs, without order. The range is half open. */
export async function askForSums(ask: Ask, { by, calendar, ...range }: SumsAsked): Promise<SumRow[]> {
  const query = { ...range, by: [...new Set(by.flatMap(storedDimensions))] };
  const [sums, projects] = await Promise.all([
    calendar === undefined
      ? ask('statistics.sums', query)
      : ask('statistics.calendar', { ...query, ...calendar }),
    by.includes('project') ? projectsBySession(ask) : undefined,
  ]);
  const valueIn = (name: RowDimension, key: DimensionKey) => {
    if (name === 'sentModel') return key.routedModel ?? key.askedModel;
    return name === 'project' ? projects?.get(key.session ?? '') : key[name];
  };
  const groups = groupRows(sums, ({ key }) => JSON.stringify(by.map((name) => valueIn(name, key) ?? null)));
  return [...groups].map(([key, rows]) => ({
    // Written a few lines above.
    values: JSON.parse(key) as SumRow['values'],
    ...addUp(rows),
  }));
}

function storedDimensions(name: RowDimension): SumsQuery['by'] {
  if (name === 'sentModel') return ['askedModel', 'routedModel'];
  return [name === 'project' ? 'session' : name];
}

async function projectsBySession(ask: Ask): Promise<Map<string, string>> {
  const sessions = await ask('conversations.projects', undefined);
  return new Map(sessions.map(({ sessionId, project }) => [sessionId, project]));
}

/** All of them together. */
export function addUp(rows: readonly Counted[]): Counted {
  const sum = Object.fromEntries(countedNames.map((name) => [name, 0])) as Record<keyof Counted, number>;
  for (const row of rows) for (const name of countedNames) sum[name] += row[name];
  return sum;
}

/** The rows by a key, in the order in which the keys come first. */
export function groupRows<Row, Key>(rows: readonly Row[], keyOf: (row: Row) => Key): Map<Key, Row[]> {
  const groups = new Map<Key, Row[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return groups;
}

/** Caches included: what was read and written stands for input that was sent. */
export function totalTokens(sum: Counted): number {
  return sum.inputTokens + sum.outputTokens + sum.cacheReadTokens + sum.cacheWriteTokens;
}

/** Whole milliseconds; only requests whose time is known count. 0 without any. */
export function averageMs(us: number, count: number): number {
  return count === 0 ? 0 : Math.round(us / count / 1000);
}

/** The counts that every statistic of the API has. */
export function sumsBody(sum: Counted) {
  return {
    inputTokens: sum.inputTokens,
    outputTokens: sum.outputTokens,
    cacheReadTokens: sum.cacheReadTokens,
    cacheWriteTokens: sum.cacheWriteTokens,
    costUsd: sum.costNanos / 1e9,
    costUnknown: sum.costUnknown,
    errors: sum.errors,
  };
}
