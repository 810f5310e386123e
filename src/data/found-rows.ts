import { type ExchangeFilter, type RequestQuery, StoreError } from '#store';
import { readExchanges } from './read-exchanges.ts';
import { readQuery } from './read-query.ts';
import type { StoreAccess } from './store-access.ts';
import type { RowPage, RowRange } from './stored-rows.ts';
import type { Ask } from './sum-rows.ts';

/** How long one list may look for what fits. */
const timeMs = 1_000;
/** Found rows are read one by one. */
const foundRowsMax = 1_000;

interface ListQuery {
  readonly q?: string | undefined;
  readonly tz?: string | undefined;
}

/** What a list looks for; undefined when its parameters have no query. */
export function readListQuery(
  { q, tz = 'UTC' }: ListQuery,
  filter: ExchangeFilter,
  nowMs: number,
): RequestQuery | undefined {
  if (q === undefined) return undefined;
  const { fromMs, toMs } = filter;
  const range = { ...(fromMs === undefined ? {} : { fromMs }), ...(toMs === undefined ? {} : { toMs }) };
  return { query: readQuery(q), filter, ...range, nowMs, zone: tz, timeMs };
}

/** A page of what was found. It may be short and not be the last, when the time was over. */
export async function foundRows(
  { access, ask }: { readonly access: StoreAccess; readonly ask: Ask },
  search: RequestQuery,
  { offset, after, limit }: RowRange,
): Promise<RowPage> {
  const place = after === undefined ? { offset } : { after };
  const { requests, next } = await ask('search.page', {
    ...search,
    ...place,
    limit: Math.min(limit, foundRowsMax),
  });
  const ids = requests.map(({ id }) => id);
  return { rows: await access.use((store) => readExchanges(store, ids)), next };
}

/** How many there are. Throws `too-slow` when that took too long to find out: a wrong number would be no help. */
export async function countFound(ask: Ask, search: RequestQuery): Promise<number> {
  const total = await ask('search.count', search);
  if (total === undefined) throw new StoreError('too-slow', 'Counting took longer than it may.');
  return total;
}
