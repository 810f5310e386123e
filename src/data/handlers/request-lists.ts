import type { ExchangeFilter, ListPlace, StoredExchange } from '#store';
import { exchangeFilter } from '../exchange-filter.ts';
import type { Handlers } from '../handler.ts';
import { renderJson } from '../json-text.ts';
import { readCursor, writeCursor } from '../list-cursor.ts';
import { requestDetail } from '../request-detail.ts';
import { requestSummary } from '../request-summary.ts';
import type { StoreAccess } from '../store-access.ts';
import { firstRows, isWholeRange, pagesOf, type RowRange, rowsResponse } from '../stored-rows.ts';

type ListRoute = 'requests.full' | 'requests.list' | 'requests.summary' | 'requests.summary.v2';

/** Lists of requests. A short one is one JSON text; a long one is written while it is read from the store. */
export function requestListHandlers(access: StoreAccess): Handlers<ListRoute> {
  /** Counts first: what is stored in between may make the page longer than the count, never the reverse. */
  const begin = (filter: ExchangeFilter, range: RowRange) =>
    access.use(async (store) => ({
      total: await store.count(filter),
      first: await firstRows(store, filter, range),
    }));

  return {
    'requests.full': async ({ query, isHead, breakOff }) => {
      const filter = exchangeFilter({ model: query.model });
      const range = { offset: (query.page - 1) * query.limit, limit: query.limit };
      const { total, first } = await begin(filter, range);
      const detail = (row: StoredExchange) => access.use((store) => requestDetail(store, row));
      const pages = pagesOf(access, filter, isHead ? { rows: [], next: undefined } : first, query.limit);
      return rowsResponse(pages, async (row) => renderJson(await detail(row)), {
        before: '{"requests":[',
        after: () => `],"total":${total}}`,
        breakOff,
      });
    },

    'requests.list': async ({ query, request }) => {
      const range = { offset: 0, after: placeOf(query), limit: query.limit };
      const { rows, next } = await access.use((store) => firstRows(store, exchangeFilter(query), range));
      const body = { requests: rows.map(requestSummary), nextCursor: next ? writeCursor(next) : null };
      return { body, headers: nextPageHeaders(request, next) };
    },

    'requests.summary': async ({ query, breakOff }) => {
      const filter = exchangeFilter(query);
      const limit = query.limit === 0 ? Number.MAX_SAFE_INTEGER : query.limit;
      const { total, first } = await begin(filter, { offset: query.offset, after: placeOf(query), limit });
      return rowsResponse(pagesOf(access, filter, first, limit), summaryText, {
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
      const range = { offset: query.offset, after: placeOf(query), limit: query.limit };
      const { total, first } = await begin(filter, range);
      const headers = {
        'x-total-count': String(total),
        'x-offset': String(query.offset),
        'x-limit': String(query.limit),
        // Of a page too long to be read before it is written, the end is not known yet.
        ...(isWholeRange(first, query.limit) ? nextPageHeaders(request, first.next) : {}),
      };
      const pages = pagesOf(access, filter, first, query.limit);
      return rowsResponse(pages, summaryText, { before: '[', after: () => ']', headers, breakOff });
    },
  };
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
