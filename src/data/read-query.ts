import { parseQuery, type Query, showQueryProblem } from '#search';
import type { Among } from '#store';
import { ApiProblem } from './api-problem.ts';

/** The query that a parameter has; throws `bad-parameter` with the place in it that is not understood. */
export function readQuery(text: string): Query {
  const parsed = parseQuery(text);
  if (parsed.kind === 'parsed') return parsed.query;
  throw new ApiProblem('bad-parameter', showQueryProblem(text, parsed.problem));
}

/** What restricts statistics; undefined when nothing does. */
export function readAmong(
  { q, tz = 'UTC' }: { readonly q?: string | undefined; readonly tz?: string | undefined },
  nowMs: number,
): Among | undefined {
  const query = readQuery(q ?? '');
  return query.kind === 'everything' ? undefined : { query, nowMs, zone: tz };
}
