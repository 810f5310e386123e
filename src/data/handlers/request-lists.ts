import type { ExchangeFilter, ListPlace, RequestQuery, StoredExchange } from '#store';
import { exchangeFilter } from '../exchange-filter.ts';
import { countFound, foundRows, readListQuery } from '../found-rows.ts';
import type { Handlers } from '../handler.ts';
import { renderJson } from '../json-text.ts';
import { readCursor, writeCursor } from '../list-cursor.ts';
import { requestDetail } from '../request-detail.ts';
import { requestSummary } from '../request-summary.ts';
import type { StoreAccess } from '../store-access.ts';
import {
  firstRows,
  isWholeRange,
  pagesOf,
  type RowPage,
  type RowRange,
  rowsResponse,
} from '../stored-rows.ts';
import type { Ask } from '../sum-rows.ts';

type ListRoute = 'requests.full' | 'requests.list' | 'requests.summary' | 'requests.summary.v2';

interface ListSources {
  readonly access: StoreAccess;
  /** What is derived: only lists with a query need it. */
  readonly ask: Ask;
  readonly nowMs: () => number;
}

interface PagesOptions {
  readonly limit: number;
  readonly isFound: boolean;
}

/** Lists of requests. A short one is one JSON text; a long one is written while it is read from the store. */
export function requestListHandlers({ access, ask, nowMs }: ListSources): Handlers<ListRoute> {
  /** Counts first: what is stored in between may make the page longer than the count, never the reverse. */
  const begin = async (filter: ExchangeFilter, range: RowRange, search: RequestQuery | undefined) => {
    if (search === undefined)
      return access.use(async (store) => ({
        total: await store.count(filter),
        first: await firstRows(store, filter, range),
      }));
    const total = await countFound(ask, search);
    return { total, first: await foundRows({ access, ask }, search, range) };
  };
  /** All pages of a list; of what was found by a query there is one. */
  const pages = (filter: ExchangeFilter, first: RowPage, { limit, isFound }: PagesOptions) =>
    isFound ? onePage(first) : pagesOf(access, filter, first, limit);

  return {
    'requests.full': async ({ query, isHead, breakOff }) => {
      const filter = exchangeFilter({ model: query.model });
      const search = readListQuery(query, filter, nowMs());
      const range = { offset: (query.page - 1) * query.limit, limit: query.limit };
      const { total, first } = await begin(filter, range, search);
      const detail = (row: StoredExchange) => access.use((store) => requestDetail(store, row));
      const options = { limit: query.limit, isFound: search !== undefined };
      const shown = pages(filter, isHead ? { rows: [], next: undefined } : first, options);
      return rowsResponse(shown, async (row) => renderJson(await detail(row)), {
        before: '{"requests":[',
        after: () => `],"total":${total}}`,
        breakOff,
      });
    },

    'requests.list': async ({ query, request }) => {
      const range = { offset: 0, after: placeOf(query), limit: query.limit };
      const filter = exchangeFilter(query);
      const search = readListQuery(query, filter, nowMs());
      const { rows, next } = search
        ? await foundRows({ access, ask }, search, range)
        : await access.use((store) => firstRows(store, filter, range));
      const body = { requests: rows.map(requestSummary), nextCursor: next ? writeCursor(next) : null };
      return { body, headers: nextPageHeaders(request, next) };
    },

    'requests.summary': async ({ query, breakOff }) => {
      const filter = exchangeFilter(query);
      const search = readListQuery(query, filter, nowMs());
      const limit = query.limit === 0 ? Number.MAX_SAFE_INTEGER : query.limit;
      const range = { offset: query.offset, after: placeOf(query), limit };
      const { total, first } = await begin(filter, range, search);
      const shown = pages(filter, first, { limit, isFound: search !== undefined });
      return rowsResponse(shown, summaryText, {
        before: '{"requests":[',
        after: ({ next }) => {
          const nextCursor = next ? writeCursor(next) : null;
          return `],${keysText({ total, offset: query.offset, limit: query.limit, nextCursor })}`;
        },
        breakOff,
      });
    },

    'requests.summary.v2': async ({ query, request, breakOff }) => {
      const filter = exchangeFilter(query);
      const search = readListQuery(query, filter, nowMs());
      const range = { offset: query.offset, after: placeOf(query), limit: query.limit };
      const { total, first } = await begin(filter, range, search);
      const isFound = search !== undefined;
      const headers = {
        'x-total-count': String(total),
        'x-offset': String(query.offset),
        'x-limit': String(query.limit),
        // Of a page too long to be read before it is written, the end is not known yet.
        ...(isFound || isWholeRange(first, query.limit) ? nextPageHeaders(request, first.next) : {}),
      };
      const shown = pages(filter, first, { limit: query.limit, isFound });
      return rowsResponse(shown, summaryText, { before: '[', after: () => ']', headers, breakOff });
    },
  };
}

async function* onePage(page: RowPage): AsyncGenerator<RowPage> {
  yield page;
}

function summaryText(row: StoredExchange): string {
  return JSON.stringify(requestSummary(row));
}

/** The keys of an object without its opening brace. */
function keysText(facts: object): string {
  return JSON.stringify(facts).slice(1);
}

function placeOf(query: { readonly cursor?: string | undefined }): ListPlace | undefined {
  return query.cursor === undefined ? undefined : readCursor(query.cursor);
}

/** Tells where the next page is; nothing on the last one. */
function nextPageHeaders(request: Request, next: ListPlace | undefined): Record<string, string> {
  if (!next) return {};
  const cursor = writeCursor(next);
  const { pathname, searchParams } = new URL(request.url);
  searchParams.set('cursor', cursor);
  searchParams.delete('offset');
  return { link: `<${pathname}?${searchParams}>; rel="next"`, 'x-next-cursor': cursor };
}
