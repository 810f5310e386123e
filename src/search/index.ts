/**
 * The query language: text in, tree out, and the way back. Pure: no clock, no store, no engine, so that the command line,
 * the API and the dashboard read a query the same way. It must not know how a tree is answered; the store compiles it.
 *
 * Read `query.ts` first (the tree), then `parse-query.ts`.
 */
export { findInText, isLiteral, type Snippet, type Span, snippetOf, tokensOf } from './find-in-text.ts';
export { notSearched, type QueryKey, queryKeys } from './keys.ts';
export { type Interval, intervalOf } from './moment.ts';
export { parseQuery, queryBounds } from './parse-query.ts';
export { parseWords } from './parse-words.ts';
export { printQuery } from './print-query.ts';
export type { KeyQuery, Measure, Moment, Quantity, Query, TextQuery, Value, ValueTest } from './query.ts';
export { type QueryProblem, showQueryProblem } from './query-problem.ts';
export { needsWord, type SplitQuery, splitQuery } from './split-query.ts';
