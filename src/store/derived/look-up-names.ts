import type { Query, ValueTest } from '#search';
import type { SqlSession } from '../sql-engine.ts';

export type NameTest = ValueTest & { readonly kind: 'name' };

/** Numbers that the names of a test stand for, as a JSON array. */
export type NameNumbers = (test: NameTest) => string;

/** Looks the names in a query up, once for all pieces of the work: it means reading all names there are. */
export async function lookUpNames(session: Pick<SqlSession, 'all'>, query: Query): Promise<NameNumbers> {
  const numbers = new Map<string, string>();
  for (const test of testsIn(query)) {
    const pattern = patternOf(test);
    if (numbers.has(pattern)) continue;
    const rows = await session.all<{ id: number }>("SELECT id FROM names WHERE text LIKE ? ESCAPE '\\'", [
      pattern,
    ]);
    numbers.set(pattern, JSON.stringify(rows.map(({ id }) => id)));
  }
  return (test) => numbers.get(patternOf(test)) ?? '[]';
}

/** Values of these keys are words of the language, or no names of requests. */
const withoutNames: ReadonlySet<string> = new Set(['is', 'has', 'stream', 'id', 'project', 'cwd', 'branch']);

function testsIn(query: Query): NameTest[] {
  if (query.kind === 'not') return testsIn(query.of);
  if (query.kind === 'and' || query.kind === 'or') return query.of.flatMap(testsIn);
  if (query.kind !== 'key' || withoutNames.has(query.key)) return [];
  return query.values.flatMap(({ test }) => (test.kind === 'name' ? [test] : []));
}

/** Case does not matter; a star takes anything that begins so. */
export function patternOf({ name, isPrefix }: NameTest): string {
  return `${name.replace(/[\\%_]/g, '\\$&')}${isPrefix ? '%' : ''}`;
}
