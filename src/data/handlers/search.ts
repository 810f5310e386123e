import type { RouteKey, RouteQuery } from '#api';
import { needsWord, parseWords, printQuery, type Query, splitQuery } from '#search';
import { type FoundRequest, type Store, StoreError, type TextSearch } from '#store';
import { ApiProblem } from '../api-problem.ts';
import { exportRequests, exportTypes, type PricedExchange } from '../export-requests.ts';
import type { Handlers } from '../handler.ts';
import { readCursor, writeCursor } from '../list-cursor.ts';
import type { QueryThread } from '../query-thread/start.ts';
import { readExchanges } from '../read-exchanges.ts';
import { readQuery } from '../read-query.ts';
import { instantText, requestSummary } from '../request-summary.ts';
import type { StoreAccess } from '../store-access.ts';
import { streamResponse } from '../stream-response.ts';

type SearchRoute = Extract<RouteKey, `search.${string}`>;

export interface SearchHandlersOptions {
  /** Reads what is derived; undefined in a server without threads. */
  readonly queries: QueryThread | undefined;
  /** The facts, for rows of requests that were found. */
  readonly access: StoreAccess;
  readonly nowMs: () => number;
  /** Of this program, for files that say what wrote them. */
  readonly version: string;
}

/** Rows that an export reads at once. */
const exportedAtOnce = 500;

/** How long one query may look; then it answers with what it has. */
const timeMs = 1_000;
/** And how long when it has found something: the newest are shown at once. */
const foundTimeMs = 60;
/** Texts that are looked at for one answer. */
const matchesMax = 5_000;

/** Search in texts and among requests. A query that is not understood is refused with the place and what was meant. */
export function searchHandlers({
  queries,
  access,
  nowMs,
  version,
}: SearchHandlersOptions): Handlers<SearchRoute> {
  const ask: QueryThread['ask'] = (name, input) =>
    queries === undefined
      ? Promise.reject(new StoreError('missing', 'Nothing is derived here.'))
      : queries.ask(name, input);

  async function conversations({ q, project, limit, offset }: RouteQuery<'search.conversations'>) {
    if (q === undefined) throw new ApiProblem('bad-parameter', "Query parameter 'q' is required");
    const { total, conversations: found } = await ask('search.conversations', {
      texts: { nowMs: nowMs(), zone: 'UTC', timeMs, foundTimeMs, matchesMax, words: parseWords(q) },
      project,
      offset,
      limit,
    });
    const results = found.map(({ id, project: projectPath = '', matches, lastActivityMs }) => ({
      conversationId: id,
      projectName: projectPath,
      projectPath,
      matchCount: matches,
      lastActivity: instantText(lastActivityMs),
    }));
    return { body: { query: q, results, total, limit, offset } };
  }

  const among = (query: {
    q?: string | undefined;
    since?: number | undefined;
    before?: number | undefined;
    tz?: string | undefined;
  }) => ({
    query: readQuery(query.q ?? ''),
    nowMs: nowMs(),
    zone: query.tz ?? 'UTC',
    timeMs,
    ...(query.since === undefined ? {} : { fromMs: query.since }),
    ...(query.before === undefined ? {} : { toMs: query.before }),
  });

  return {
    'search.conversations': ({ query }) => conversations(query),
    'search.conversations.v2': ({ query }) => conversations(query),

    'search.texts': async ({ query }) => {
      const { query: asked, ...range } = among(query);
      const { words, keys } = split(asked);
      const search: TextSearch = {
        ...range,
        words,
        keys,
        ...(query.session === undefined ? {} : { sessionId: query.session }),
        foundTimeMs,
        matchesMax,
        offset: query.offset,
        limit: query.limit,
        snippetsMax: 3,
      };
      const found = await ask('search.texts', search);
      if (found.kind === 'refused') throw new ApiProblem('bad-parameter', found.sentence);
      const sessions = found.sessions.map(({ sessionId, matches, lastMatchMs, score, found: texts }) => ({
        sessionId: sessionId ?? null,
        matches,
        lastMatch: instantText(lastMatchMs),
        score,
        found: texts.map(({ source, place, requestId, atMs, role, kind, snippet }) => ({
          source,
          requestId: requestId ?? null,
          entry: source === 'transcript' ? place : null,
          at: instantText(atMs),
          role,
          kind,
          snippet: {
            text: snippet.text,
            highlights: snippet.highlights.map(([from, to]): [number, number] => [from, to]),
          },
        })),
      }));
      const { total, isComplete } = found;
      const { limit, offset } = query;
      return { body: { query: printQuery(asked), sessions, total, isComplete, limit, offset } };
    },

    'search.requests': async ({ query }) => {
      const search = among(query);
      const after = query.cursor === undefined ? {} : { after: readCursor(query.cursor) };
      const { requests: found, next } = await ask('search.page', { ...search, ...after, limit: query.limit });
      const rows = await access.use((store) => rowsOf(store, found));
      return {
        body: {
          query: printQuery(search.query),
          requests: rows.map((row) => ({ ...requestSummary(row), costUsd: row.costUsd })),
          nextCursor: next ? writeCursor(next) : null,
        },
      };
    },

    'search.export': async ({ query: { format, limit, ...asked }, isHead, breakOff }) => {
      const search = { ...among(asked), limit: exportedAtOnce };
      const headers = {
        'content-type': exportTypes[format],
        'content-disposition': `attachment; filename="throughline-requests.${format}"`,
      };
      if (isHead) return streamResponse(undefined, headers, breakOff);
      // What is wrong with the query shows while a clear answer can still be given.
      const first = await ask('search.page', search);

      async function* batches(store: Store) {
        let left = limit === 0 ? Number.POSITIVE_INFINITY : limit;
        for (let page = first; left > 0; ) {
          yield await rowsOf(store, page.requests.slice(0, left));
          left -= page.requests.length;
          if (page.next === undefined) return;
          page = await ask('search.page', { ...search, after: page.next });
        }
      }
      async function* bytes() {
        const lease = await access.acquire();
        try {
          yield* exportRequests(format, batches(lease.store), { store: lease.store, version });
        } catch (error) {
          access.noteFailure(error);
          throw error;
        } finally {
          lease.release();
        }
      }
      return streamResponse(bytes(), headers, breakOff);
    },

    'search.histogram': async ({ query }) => {
      const search = among(query);
      const { buckets, completeFromMs } = await ask('search.histogram', {
        ...search,
        bucketMs: query.bucket * 1000,
      });
      return {
        body: {
          query: printQuery(search.query),
          bucketSeconds: query.bucket,
          buckets: buckets.map(({ fromMs, requests, failed }) => ({
            from: instantText(fromMs),
            requests,
            failed,
          })),
          completeFrom: completeFromMs === undefined ? null : instantText(completeFromMs),
        },
      };
    },

    'search.suggest': async ({ query }) => {
      const { values, completeFromMs } = await ask('search.values', {
        ...among(query),
        key: query.key,
        prefix: query.prefix ?? '',
        limit: query.limit,
      });
      return {
        body: {
          values: values.map(({ value, requests }) => ({ value, requests })),
          completeFrom: completeFromMs === undefined ? null : instantText(completeFromMs),
        },
      };
    },
  };
}

/** Rows of what was found, with what each cost. What was deleted since it was derived is left out. */
async function rowsOf(store: Store, found: readonly FoundRequest[]): Promise<PricedExchange[]> {
  const costs = new Map(found.map(({ id, costNanos }) => [id, costNanos]));
  const rows = await readExchanges(store, [...costs.keys()]);
  return rows.map((row) => ({ ...row, costUsd: costUsd(costs.get(row.id)) }));
}

function costUsd(nanos: number | undefined): number | null {
  return nanos === undefined ? null : nanos / 1e9;
}

function split(query: Query) {
  const parts = splitQuery(query);
  if (parts === undefined)
    throw new ApiProblem(
      'bad-parameter',
      'OR and NOT can be between words or between keys, but not between a word and a key. Search twice instead.',
    );
  if (needsWord(parts.words))
    throw new ApiProblem(
      'bad-parameter',
      'There is no word to look for that is not excluded. Give one, or list requests with /api/v2/requests/search.',
    );
  return parts;
}
