import type { SqlEngine } from '../sql-engine.ts';
import { nameColumns } from './compile-query.ts';
import type { DerivedTables } from './derived-tables.ts';
import type { SuggestedKey } from './request-search.ts';

/** How the values of a key are counted, and what the numbers that are counted stand for. */
export interface SuggestedSource {
  /** Of a row `r`; NULL where a request has no value. */
  readonly expression: string;
  /** The column in sums; one that no sums have makes that requests are counted. */
  readonly column: string;
  readonly counted: 'name' | 'list' | 'number' | 'session';
}

const detail = (column: string) =>
  `(SELECT d.${column} FROM request_details d WHERE d.sequence = r.sequence)`;

const others: Readonly<Record<Exclude<SuggestedKey, keyof typeof nameColumns>, SuggestedSource>> = {
  status: { expression: 'r.status', column: 'status', counted: 'number' },
  tool: { expression: 'r.tools_called', column: 'tools_called', counted: 'list' },
  project: { expression: 'r.session', column: 'session', counted: 'session' },
  route: { expression: detail('route'), column: 'route', counted: 'name' },
  os: { expression: detail('os'), column: 'os', counted: 'name' },
  beta: { expression: detail('betas'), column: 'betas', counted: 'list' },
};

export function suggestedSource(key: SuggestedKey): SuggestedSource {
  if (!isNamed(key)) return others[key];
  const [column] = nameColumns[key];
  return { expression: `r.${column}`, column, counted: 'name' };
}

function isNamed(key: SuggestedKey): key is Extract<SuggestedKey, keyof typeof nameColumns> {
  return Object.hasOwn(nameColumns, key);
}

/** The texts that counted numbers stand for, each with the requests that have it. */
export async function textsOf(
  engine: SqlEngine<DerivedTables>,
  counted: SuggestedSource['counted'],
  counts: ReadonlyMap<number, number>,
): Promise<Map<string, number>> {
  if (counted === 'number')
    return new Map([...counts].map(([number, requests]) => [String(number), requests]));
  const given = JSON.stringify([...counts.keys()]);
  const rows = await engine.all<{ id: number; named: string }>(statements[counted], [given]);
  const texts = new Map<string, number>();
  for (const { id, named } of rows) texts.set(named, (texts.get(named) ?? 0) + counts.get(id)!);
  return texts;
}

const statements = {
  name: 'SELECT n.id, n.text AS named FROM json_each(?) j CROSS JOIN names n ON n.id = j.value',
  // A request that called a tool twice is one request.
  list: `SELECT DISTINCT l.id, n.text AS named FROM json_each(?) j CROSS JOIN name_lists l ON l.id = j.value
    CROSS JOIN json_each(l.names) e CROSS JOIN names n ON n.id = e.value`,
  // A session that was moved or forked belongs to the project in which it went on.
  session: `SELECT * FROM (SELECT n.id, (SELECT f.project FROM conversation_files f WHERE f.conversation = n.text AND f.is_agent = 0
      ORDER BY f.end_ms DESC LIMIT 1) AS named
    FROM json_each(?) j CROSS JOIN names n ON n.id = j.value) WHERE named IS NOT NULL`,
} as const;
