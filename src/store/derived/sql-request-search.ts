import { type ExchangeId, exchangeIdFromBytes, exchangeIdToBytes } from '#exchange';
import type { Query } from '#search';
import type { SqlEngine, SqlValue } from '../sql-engine.ts';
import type { ListPlace } from '../store.ts';
import { type Condition, conditionOf, filterCondition, isFailed, nameColumns } from './compile-query.ts';
import type { DerivedTables } from './derived-tables.ts';
import { lookUpNames } from './look-up-names.ts';
import { lookUpWords } from './look-up-words.ts';
import { quarterMs } from './request-row.ts';
import type {
  FoundRequest,
  Histogram,
  HistogramSearch,
  KeyValues,
  RequestPage,
  RequestPageResult,
  RequestPlace,
  RequestQuery,
  RequestSearch,
  ValuesSearch,
} from './request-search.ts';
import { levelsFor, type RollupLevel } from './rollup-levels.ts';
import { planRange } from './statistics-range.ts';
import { suggestedSource, textsOf } from './suggested-values.ts';
import type { TextIndex } from './text-index.ts';

/**
 * Rows that one statement looks at: few at first, so that a page of what is frequent is there at once, then more as long as that
 * is quick. A statement cannot be broken off.
 */
const rowsPerStatement = { least: 1_000, most: 20_000 } as const;
const quickMs = 25;

/** Walks through `requests` from the newest to the oldest, a bounded piece at a time. */
export class SqlRequestSearch implements RequestSearch {
  readonly #engine: SqlEngine<DerivedTables>;
  readonly #index: TextIndex;

  constructor(engine: SqlEngine<DerivedTables>, index: TextIndex) {
    this.#engine = engine;
    this.#index = index;
  }

  async page(search: RequestPage): Promise<RequestPageResult> {
    const requests: FoundRequest[] = [];
    let next: ListPlace | undefined;
    let toSkip = search.offset ?? 0;
    for await (const piece of this.#pieces(search, search.after)) {
      if (toSkip > 0) {
        const here = await this.#countIn(piece);
        if (here <= toSkip) {
          toSkip -= here;
          next = piece.end;
          continue;
        }
      }
      const wanted = search.limit - requests.length;
      const rows = await this.#engine.all<{
        id: Uint8Array;
        received_at_ms: number;
        cost_nanos: number | null;
      }>(
        `SELECT r.id, r.received_at_ms, r.cost_nanos FROM requests r WHERE ${piece.sql}
         ORDER BY r.received_at_ms DESC, r.id DESC LIMIT ? OFFSET ?`,
        [...piece.parameters, wanted + 1, toSkip],
      );
      toSkip = 0;
      requests.push(
        ...rows.slice(0, wanted).map((row) => ({
          id: exchangeIdFromBytes(row.id),
          costNanos: row.cost_nanos ?? undefined,
        })),
      );
      const last = rows[wanted - 1];
      if (rows.length > wanted && last) return { kind: 'found', requests, next: placeOf(last) };
      next = piece.end;
      if (requests.length >= search.limit) break;
    }
    return { kind: 'found', requests, ...(next === undefined ? {} : { next }) };
  }

  async count(search: RequestQuery): Promise<number | undefined> {
    let total = 0;
    let end: ListPlace | undefined;
    for await (const piece of this.#pieces(search, undefined)) {
      total += await this.#countIn(piece);
      end = piece.end;
    }
    return end === undefined ? total : undefined;
  }

  async #countIn({ sql, parameters }: Condition): Promise<number> {
    const [row] = await this.#engine.all<{ count: number }>(
      `SELECT count(*) AS count FROM requests r WHERE ${sql}`,
      parameters,
    );
    return row?.count ?? 0;
  }

  async histogram(search: HistogramSearch): Promise<Histogram> {
    const buckets = new Map<number, { requests: number; failed: number }>();
    const add = (bucket: number, requests: number, failed: number) => {
      const sum = buckets.get(bucket) ?? { requests: 0, failed: 0 };
      buckets.set(bucket, { requests: sum.requests + requests, failed: sum.failed + failed });
    };
    const at = (column: string) => `${column} / CAST(? AS INTEGER) AS bucket`;
    const summed = await this.#summed<{ bucket: number; requests: number; failed: number }>(search, {
      columns: [],
      isWanted: ({ quarters }) => search.bucketMs % (quarters * quarterMs) === 0,
      select: `${at(`(r.quarter * ${quarterMs})`)}, sum(r.requests) AS requests, sum(r.errors) AS failed`,
      parameters: [search.bucketMs],
      groupBy: 'bucket',
    });
    for (const { bucket, requests, failed } of summed.rows) add(bucket, requests, failed);
    const completeFromMs = await this.#inAll(search, summed.left, async (piece) => {
      const rows = await this.#engine.all<{ bucket: number; requests: number; failed: number }>(
        `SELECT ${at('r.received_at_ms')}, count(*) AS requests, sum(${isFailed}) AS failed
         FROM requests r WHERE ${piece.sql} GROUP BY 1`,
        [search.bucketMs, ...piece.parameters],
      );
      for (const { bucket, requests, failed } of rows) add(bucket, requests, failed);
    });
    return {
      buckets: [...buckets]
        .sort(([a], [b]) => a - b)
        .map(([bucket, sums]) => ({ fromMs: bucket * search.bucketMs, ...sums })),
      completeFromMs,
    };
  }

  async values(search: ValuesSearch): Promise<KeyValues> {
    const { expression, column, counted } = suggestedSource(search.key);
    const counts = new Map<number, number>();
    const add = (value: number, requests: number) => counts.set(value, (counts.get(value) ?? 0) + requests);
    const summed = await this.#summed<{ counted: number; requests: number }>(search, {
      columns: [column],
      isWanted: () => true,
      select: `${expression} AS counted, sum(r.requests) AS requests`,
      parameters: [],
      groupBy: 'counted',
    });
    for (const row of summed.rows) add(row.counted, row.requests);
    const completeFromMs = await this.#inAll(search, summed.left, async (piece) => {
      const rows = await this.#engine.all<{ counted: number; requests: number }>(
        `SELECT ${expression} AS counted, count(*) AS requests FROM requests r
         WHERE ${piece.sql} AND counted IS NOT NULL GROUP BY 1`,
        piece.parameters,
      );
      for (const row of rows) add(row.counted, row.requests);
    });
    return { values: valuesFrom(await textsOf(this.#engine, counted, counts), search), completeFromMs };
  }

  async previousOf(request: RequestPlace): Promise<ExchangeId | undefined> {
    if (request.sessionId === undefined) return undefined;
    const named = '(SELECT id FROM names WHERE text = ?)';
    const [row] = await this.#engine.all<{ id: Uint8Array }>(
      `SELECT id FROM requests WHERE session = ${named} AND (received_at_ms, id) < (?, ?) AND path = ${named}
         AND agent IS ${named} AND asked_model IS ${named} ORDER BY received_at_ms DESC, id DESC LIMIT 1`,
      [
        request.sessionId,
        request.receivedAtMs,
        exchangeIdToBytes(request.id),
        request.path,
        request.agentId ?? null,
        request.askedModel ?? null,
      ],
    );
    return row && exchangeIdFromBytes(row.id);
  }

  /** The most frequent names that begin so. */

  /** What sums know of the range, and which parts of it are left to be looked at; all of it when the query asks for more. */
  async #summed<Row>(
    search: RequestQuery,
    { columns, isWanted, select, parameters, groupBy }: Summed,
  ): Promise<{ readonly rows: readonly Row[]; readonly left: readonly TimeRange[] }> {
    const { fromMs, toMs, query } = search;
    const asked = summedColumns(query);
    const isFiltered = Object.values(search.filter ?? {}).some((value) => value !== undefined);
    if (asked === undefined || isFiltered) return { rows: [], left: [{ fromMs, toMs }] };
    const levels = levelsFor([...columns, ...asked]).filter(isWanted);
    const plan = planRange({ fromMs, toMs }, levels);
    const condition = conditionOf(query, { ...search, numbers: await lookUpNames(this.#engine, query) });
    const rows: Row[] = [];
    for (const { level, spans } of plan.sums) {
      for (const [from, to] of spans)
        rows.push(
          ...(await this.#engine.all<Row>(
            `SELECT ${select} FROM ${level.table} r
             WHERE r.quarter >= ? AND r.quarter < ? AND ${condition.sql} GROUP BY ${groupBy}`,
            [...parameters, from, to, ...condition.parameters],
          )),
        );
    }
    const left = plan.requests.map(([from, to]) => ({ fromMs: from, toMs: to }));
    return { rows, left: left.reverse() };
  }

  /** Works on all pieces of these ranges. @returns what `completeFromMs` of results means */
  async #inAll(
    search: RequestQuery,
    ranges: readonly TimeRange[],
    work: (piece: Piece) => Promise<void>,
  ): Promise<number | undefined> {
    let completeFromMs: number | undefined;
    for (const range of ranges) {
      let end: ListPlace | undefined;
      for await (const piece of this.#pieces({ ...search, ...range }, undefined)) {
        await work(piece);
        end = piece.end;
      }
      completeFromMs ??= end?.receivedAtMs;
    }
    return completeFromMs;
  }

  /** Pieces of the range, newest first, until all are done or the time is over. The end of the last one is not set. */
  async *#pieces(search: RangedQuery, after: ListPlace | undefined): AsyncGenerator<Piece> {
    const deadline = performance.now() + search.timeMs;
    // Most of the time is for the requests themselves.
    const deadlineMs = performance.now() + search.timeMs / 4;
    const words = await lookUpWords(this.#engine, this.#index, { query: search.query, deadlineMs });
    const numbers = await lookUpNames(this.#engine, search.query);
    const condition = conditionOf(search.query, { ...search, numbers, words });
    const filter = filterCondition(search.filter ?? {});
    let begin = after;
    let rows: number = rowsPerStatement.least;
    do {
      const startedAtMs = performance.now();
      const range = rangeOf(search, begin);
      const [last] = await this.#engine.all<{ received_at_ms: number; id: Uint8Array }>(
        `SELECT r.received_at_ms, r.id FROM requests r WHERE ${range.sql}
         ORDER BY r.received_at_ms DESC, r.id DESC LIMIT 1 OFFSET ?`,
        [...range.parameters, rows - 1],
      );
      const end = last && placeOf(last);
      const until = end ? `AND (r.received_at_ms, r.id) >= (?, ?)` : '';
      yield {
        sql: `${range.sql} ${until} AND ${condition.sql} AND ${filter.sql}`,
        parameters: [
          ...range.parameters,
          ...(end ? [end.receivedAtMs, exchangeIdToBytes(end.id)] : []),
          ...condition.parameters,
          ...filter.parameters,
        ],
        end,
      };
      begin = end;
      const isQuick = performance.now() - startedAtMs < quickMs;
      rows = Math.min(rowsPerStatement.most, Math.max(rowsPerStatement.least, isQuick ? rows * 4 : rows / 2));
    } while (begin !== undefined && performance.now() < deadline);
  }
}

interface TimeRange {
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
}

type RangedQuery = Omit<RequestQuery, keyof TimeRange> & Partial<TimeRange>;

interface Piece extends Condition {
  /** Where the next one begins; undefined for the last. */
  readonly end: ListPlace | undefined;
}

interface Summed {
  /** What rows are asked for, besides what the query asks for. */
  readonly columns: readonly string[];
  readonly isWanted: (level: RollupLevel) => boolean;
  readonly select: string;
  readonly parameters: readonly SqlValue[];
  readonly groupBy: string;
}

const summedKeys: Readonly<Record<string, readonly string[]>> = {
  model: nameColumns.model,
  provider: nameColumns.provider,
  session: nameColumns.session,
  ver: nameColumns.ver,
};

/** Columns of sums that tell which requests fit; undefined when single requests have to be looked at. */
function summedColumns(query: Query): string[] | undefined {
  if (query.kind === 'everything') return [];
  if (query.kind === 'not') return summedColumns(query.of);
  if (query.kind === 'and' || query.kind === 'or') {
    const all = query.of.map(summedColumns);
    return all.every((columns) => columns !== undefined) ? all.flat() : undefined;
  }
  if (query.kind !== 'key') return undefined;
  if (query.key === 'is') {
    const isOfSums = query.values.every(({ test }) => test.kind === 'name' && test.name === 'failed');
    return isOfSums ? ['outcome_class'] : undefined;
  }
  const columns = summedKeys[query.key];
  return columns && [...columns];
}

function rangeOf({ fromMs, toMs }: Partial<TimeRange>, after: ListPlace | undefined): Condition {
  const parts: Condition[] = [];
  if (fromMs !== undefined) parts.push({ sql: 'r.received_at_ms >= ?', parameters: [fromMs] });
  if (toMs !== undefined) parts.push({ sql: 'r.received_at_ms < ?', parameters: [toMs] });
  if (after !== undefined)
    parts.push({
      sql: '(r.received_at_ms, r.id) < (?, ?)',
      parameters: [after.receivedAtMs, exchangeIdToBytes(after.id)],
    });
  return {
    sql: parts.length === 0 ? '1' : parts.map(({ sql }) => sql).join(' AND '),
    parameters: parts.flatMap(({ parameters }) => parameters),
  };
}

/** The most frequent ones that begin as wanted. */
function valuesFrom(
  texts: ReadonlyMap<string, number>,
  { prefix, limit }: ValuesSearch,
): KeyValues['values'] {
  const begin = prefix.toLowerCase();
  return [...texts]
    .filter(([value]) => value.toLowerCase().startsWith(begin))
    .map(([value, requests]) => ({ value, requests }))
    .sort((a, b) => b.requests - a.requests || (a.value < b.value ? -1 : 1))
    .slice(0, limit);
}

function placeOf(row: { received_at_ms: number; id: Uint8Array }): ListPlace {
  return { receivedAtMs: row.received_at_ms, id: exchangeIdFromBytes(row.id) };
}
