import type { ExchangeFilter, ListPlace, Store, StoredExchange } from '#store';
import type { StoreAccess } from './store-access.ts';
import { streamResponse } from './stream-response.ts';

const rowsPerPage = 1000;
const textPerPiece = 64 * 1024;

/** Where a list begins and how many rows it has at most. */
export interface RowRange {
  readonly offset: number;
  /** Overrides the offset. */
  readonly after?: ListPlace | undefined;
  readonly limit: number;
}

/** Some rows of a list; `next` is set when the list goes on after them. */
export interface RowPage {
  readonly rows: readonly StoredExchange[];
  readonly next: ListPlace | undefined;
}

/** The first page of a range, so that a store in trouble is known before an answer begins. */
export async function firstRows(store: Store, filter: ExchangeFilter, range: RowRange): Promise<RowPage> {
  const limit = Math.min(range.limit, rowsPerPage);
  const page = range.after ? { after: range.after, limit } : { offset: range.offset, limit };
  const listing = await store.list(filter, page);
  return { rows: listing.exchanges, next: listing.next };
}

/** True when the page is all there is of the range. */
export function isWholeRange(page: RowPage, limit: number): boolean {
  return page.next === undefined || page.rows.length >= limit;
}

/** The first page and those that follow it within the limit, one in memory at a time. */
export async function* pagesOf(
  access: StoreAccess,
  filter: ExchangeFilter,
  first: RowPage,
  limit: number,
): AsyncGenerator<RowPage> {
  let page = first;
  let left = limit - first.rows.length;
  yield page;
  while (page.next && left > 0) {
    const range = { offset: 0, after: page.next, limit: left };
    page = await access.use((store) => firstRows(store, filter, range));
    left -= page.rows.length;
    yield page;
  }
}

export interface RowsFrame {
  readonly before: string;
  /** What follows the array; asked when the last page is known. */
  readonly after: (last: RowPage) => string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly breakOff: (error: unknown) => void;
}

/** A JSON answer around a long array, read from the store as fast as the client reads it. */
export function rowsResponse(
  pages: AsyncIterable<RowPage>,
  toJson: (row: StoredExchange) => string | Promise<string>,
  { before, after, headers, breakOff }: RowsFrame,
): Response {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    let text = before;
    let separator = '';
    let last: RowPage = { rows: [], next: undefined };
    for await (const page of pages) {
      last = page;
      for (const row of page.rows) {
        text += separator + (await toJson(row));
        separator = ',';
        if (text.length < textPerPiece) continue;
        yield Buffer.from(text);
        text = '';
      }
    }
    yield Buffer.from(`${text}${after(last)}\n`);
  }
  const contentType = { 'content-type': 'application/json; charset=utf-8' };
  return streamResponse(pieces(), { ...headers, ...contentType }, breakOff);
}
