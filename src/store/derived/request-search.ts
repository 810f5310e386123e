import type { Exchange, ExchangeId } from '#exchange';
import type { Query } from '#search';
import type { ExchangeFilter, ListPlace } from '../store.ts';
import type { nameColumns } from './compile-query.ts';

/** Requests found by a query of keys and words. */
export interface RequestSearch {
  /**
   * A page, newest first. When the time is over before the page is full, what was found until then and where to go on:
   * a page may be short, or empty, and not be the last.
   */
  page(search: RequestPage): Promise<RequestPageResult>;
  /** How many there are; undefined when the time was over before all were looked at. */
  count(search: RequestQuery): Promise<number | undefined>;
  /** Numbers of requests by time, oldest first; buckets without requests are left out. */
  histogram(search: HistogramSearch): Promise<Histogram>;
  /** Values of a key with the number of requests of each, most frequent first. */
  values(search: ValuesSearch): Promise<KeyValues>;
  /** The request that the same agent sent to the same model before this one; undefined without a session. */
  previousOf(request: RequestPlace): Promise<ExchangeId | undefined>;
}

export type RequestPlace = Pick<
  Exchange,
  'id' | 'receivedAtMs' | 'path' | 'sessionId' | 'agentId' | 'askedModel'
>;

export interface RequestQuery {
  readonly query: Query;
  /** What must hold besides. */
  readonly filter?: ExchangeFilter;
  /** Half open. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** For relative times and days in the query. */
  readonly nowMs: number;
  readonly zone: string;
  /** How long it may look. */
  readonly timeMs: number;
}

export interface RequestPage extends RequestQuery {
  readonly after?: ListPlace;
  /** Requests to leave out first. */
  readonly offset?: number;
  readonly limit: number;
}

export interface FoundRequest {
  readonly id: ExchangeId;
  /** Billionths of a US dollar; undefined = unknown. */
  readonly costNanos: number | undefined;
}

export interface RequestPageResult {
  readonly kind: 'found';
  readonly requests: readonly FoundRequest[];
  /** Set when there is more, or may be. */
  readonly next?: ListPlace;
}

export interface HistogramSearch extends RequestQuery {
  readonly bucketMs: number;
}

export interface Histogram {
  readonly buckets: readonly {
    readonly fromMs: number;
    readonly requests: number;
    readonly failed: number;
  }[];
  /** Older requests were not looked at any more; undefined when all were. */
  readonly completeFromMs: number | undefined;
}

/** Keys that `nameColumns` has a column for, and those that are counted in ways of their own: see `suggested-values.ts`. */
export type SuggestedKey = keyof typeof nameColumns | 'status' | 'tool' | 'project' | 'route' | 'os' | 'beta';

export interface ValuesSearch extends RequestQuery {
  readonly key: SuggestedKey;
  /** Without case. */
  readonly prefix: string;
  readonly limit: number;
}

export interface KeyValues {
  readonly values: readonly { readonly value: string; readonly requests: number }[];
  readonly completeFromMs: number | undefined;
}
