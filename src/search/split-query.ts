import type { Query } from './query.ts';

export interface SplitQuery {
  /** What is looked for in texts; `everything` when nothing is. */
  readonly words: Query;
  /** What requests have to fulfil; `everything` when nothing. */
  readonly keys: Query;
}

/**
 * Takes a query apart into what is asked of texts and what is asked of requests, which must both hold.
 * @returns undefined when an OR or a NOT is about both at once
 */
export function splitQuery(query: Query): SplitQuery | undefined {
  const parts = query.kind === 'and' ? query.of : [query];
  const kinds = parts.map((part) => kindsIn(part));
  if (kinds.some(({ size }) => size > 1)) return undefined;
  return {
    words: allOf(parts.filter((_, n) => kinds[n]!.has('text'))),
    keys: allOf(parts.filter((_, n) => kinds[n]!.has('key'))),
  };
}

function allOf(parts: readonly Query[]): Query {
  return parts.length > 1 ? { kind: 'and', of: parts } : (parts[0] ?? { kind: 'everything' });
}

function kindsIn(query: Query): ReadonlySet<'text' | 'key'> {
  if (query.kind === 'text') return new Set(['text']);
  if (query.kind === 'key') return new Set(['key']);
  if (query.kind === 'not') return kindsIn(query.of);
  if (query.kind === 'everything') return new Set();
  return new Set(query.of.flatMap((part) => [...kindsIn(part)]));
}

/** Whether any text can be told to pass without being looked at: a query of exclusions only finds nothing in an index. */
export function needsWord(query: Query): boolean {
  if (query.kind === 'and') return query.of.every((part) => needsWord(part));
  if (query.kind === 'or') return query.of.some((part) => needsWord(part));
  return query.kind === 'not' || query.kind === 'everything';
}
