import type { QueryKey } from './keys.ts';

/** What a query asks for. Lists of `and` and `or` have at least two members; everything is a query without words. */
export type Query =
  | { readonly kind: 'everything' }
  | { readonly kind: 'or'; readonly of: readonly Query[] }
  | { readonly kind: 'and'; readonly of: readonly Query[] }
  | { readonly kind: 'not'; readonly of: Query }
  | TextQuery
  | KeyQuery;

/** Words to be found in what was said: one word, a phrase in quotes, or the beginning of either. */
export interface TextQuery {
  readonly kind: 'text';
  readonly text: string;
  /** Quoted text is meant as it is written, punctuation included. */
  readonly isQuoted: boolean;
  readonly isPrefix: boolean;
}

/** `key:value` or `key:(value,value)`: any of the values that are asked for, and none of those that are excluded. */
export interface KeyQuery {
  readonly kind: 'key';
  readonly key: QueryKey;
  readonly values: readonly Value[];
}

export interface Value {
  readonly isExcluded: boolean;
  readonly test: ValueTest;
}

export type ValueTest =
  | { readonly kind: 'name'; readonly name: string; readonly isQuoted: boolean; readonly isPrefix: boolean }
  | { readonly kind: 'compare'; readonly by: Comparison; readonly to: Measure }
  /** Both ends belong to it. */
  | { readonly kind: 'range'; readonly from: Measure; readonly to: Measure };

export type Comparison = '=' | '>' | '>=' | '<' | '<=';

export type Measure = Quantity | Moment;

/** A number in the unit of its key: microseconds, bytes, dollars, or a plain count. */
export interface Quantity {
  readonly kind: 'quantity';
  readonly amount: number;
  /** As the user wrote it, so that `10k` is printed as `10k`. */
  readonly written: string;
}

/** A time as it was written; `intervalOf` makes it milliseconds once the clock and the time zone are known. */
export interface Moment {
  readonly kind: 'moment';
  readonly written: string;
}
