import { type ExchangeId, exchangeIdFromBytes, exchangeIdToBytes } from '#exchange';
import type { SqlEngine } from '../sql-engine.ts';
import type { ListPlace } from '../store.ts';
import {
  type Condition,
  conditionOf,
  filterCondition,
  isFailed,
  nameColumns,
  wordsCondition,
} from './compile-query.ts';
import type { DerivedTables } from './derived-tables.ts';
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
import type { TextIndex } from './text-index.ts';

/** Rows that one statement looks at: some tens of milliseconds at most, whatever the condition. */
const rowsPerStatement = 20_000;

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
    let end: ListPlace | undefined;
    for await (const piece of this.#pieces(search, undefined)) {
      const rows = await this.#engine.all<{ bucket: number; requests: number; failed: number }>(
        `SELECT r.received_at_ms / CAST(? AS INTEGER) AS bucket, count(*) AS requests, sum(COALESCE(${isFailed}, 0)) AS failed
         FROM requests r WHERE ${piece.sql} GROUP BY 1`,
        [search.bucketMs, ...piece.parameters],
      );
      for (const { bucket, requests, failed } of rows) {
        const sum = buckets.get(bucket) ?? { requests: 0, failed: 0 };
        buckets.set(bucket, { requests: sum.requests + requests, failed: sum.failed + failed });
      }
      end = piece.end;
    }
    return {
      buckets: [...buckets]
        .sort(([a], [b]) => a - b)
        .map(([bucket, sums]) => ({ fromMs: bucket * search.bucketMs, ...sums })),
      completeFromMs: end?.receivedAtMs,
    };
  }

  async values(search: ValuesSearch): Promise<KeyValues> {
    const column = nameColumns[search.key][0];
    const counts = new Map<string, number>();
    let end: ListPlace | undefined;
    for await (const piece of this.#pieces(search, undefined)) {
      const rows = await this.#engine.all<{ value: string; requests: number }>(
        `SELECT n.text AS value, count(*) AS requests FROM requests r JOIN names n ON n.id = r.${column}
         WHERE ${piece.sql} AND n.text LIKE ? ESCAPE '\\' GROUP BY n.id`,
        [...piece.parameters, `${search.prefix.replace(/[\\%_]/g, '\\$&')}%`],
      );
      for (const { value, requests } of rows) counts.set(value, (counts.get(value) ?? 0) + requests);
      end = piece.end;
    }
    const values = [...counts].map(([value, requests]) => ({ value, requests }));
    values.sort((a, b) => b.requests - a.requests || (a.value < b.value ? -1 : 1));
    return { values: values.slice(0, search.limit), completeFromMs: end?.receivedAtMs };
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

  /** Pieces of the range, newest first, until all are done or the time is over. The end of the last one is not set. */
  async *#pieces(search: RequestQuery, after: ListPlace | undefined) {
    const deadline = performance.now() + search.timeMs;
    const condition = conditionOf(search.query, { ...search, words: wordsCondition(this.#index) });
    const filter = filterCondition(search.filter ?? {});
    let begin = after;
    do {
      const range = rangeOf(search, begin);
      const [last] = await this.#engine.all<{ received_at_ms: number; id: Uint8Array }>(
        `SELECT r.received_at_ms, r.id FROM requests r WHERE ${range.sql}
         ORDER BY r.received_at_ms DESC, r.id DESC LIMIT 1 OFFSET ?`,
        [...range.parameters, rowsPerStatement - 1],
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
    } while (begin !== undefined && performance.now() < deadline);
  }
}

function rangeOf({ fromMs, toMs }: RequestQuery, after: ListPlace | undefined): Condition {
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

function placeOf(row: { received_at_ms: number; id: Uint8Array }): ListPlace {
  return { receivedAtMs: row.received_at_ms, id: exchangeIdFromBytes(row.id) };
}
