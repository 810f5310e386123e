import type { SqlEngine, SqlSession } from '../sql-engine.ts';
import type { DerivedTables } from './derived-tables.ts';
import type { NameTable } from './name-table.ts';

/** Rows that are looked through by one statement: sequences that these are numbered by. */
const sequencesPerPiece = 50_000;
const removedPerPiece = 500;

/** Columns that hold numbers of `names`. Sums that are not here are of requests that are, and are counted anew with them. */
const ofSequences = {
  requests: [
    ...['method', 'path', 'tag', 'provider', 'asked_model', 'routed_model', 'answered_model', 'session'],
    ...['agent', 'parent_agent', 'agent_name', 'request_class', 'client_version', 'outcome', 'stop_reason'],
    ...['error_type', 'problem'],
  ],
  request_details: ['route', 'os'],
};
const ofOthers = {
  rate_limits: ['provider', 'limit_window', 'status'],
  sessions: ['session'],
  agents: ['session', 'agent', 'parent_agent', 'agent_name'],
  file_touches: ['session', 'agent', 'tool'],
  // Texts on the wire are those of requests. These are read from an index alone.
  'text_places WHERE source = 1': ['session'],
};
/** Columns that hold numbers of `name_lists`. */
const ofLists = { requests: ['tools_declared', 'tools_called'], request_details: ['betas'] };

/**
 * Deletes names that nothing has any more, and lists of them. Reads whatever holds names, in pieces, outside of any
 * transaction: nothing else may be written meanwhile. Idempotent.
 */
export async function forgetUnusedNames(engine: SqlEngine<DerivedTables>, names: NameTable): Promise<void> {
  const lists = await numbersIn(engine, ofLists);
  const unusedLists = (await numbers(engine, 'SELECT id FROM name_lists')).filter((id) => !lists.has(id));
  const used = await numbersIn(engine, ofSequences);
  for (const [table, columns] of Object.entries(ofOthers))
    for (const column of columns) await note(used, engine, `SELECT DISTINCT ${column} FROM ${table}`);
  await remove(engine, 'name_lists', unusedLists, names);
  await note(used, engine, 'SELECT DISTINCT value FROM name_lists, json_each(name_lists.names)');
  const unused = (await numbers(engine, 'SELECT id FROM names')).filter((id) => !used.has(id));
  await remove(engine, 'names', unused, names);
}

type Reader = Pick<SqlSession, 'all'>;

/** What these columns hold, of tables whose rows are numbered by sequences. */
async function numbersIn(
  engine: Reader,
  tables: Readonly<Record<string, readonly string[]>>,
): Promise<Set<number>> {
  const found = new Set<number>();
  const [end] = await numbers(engine, 'SELECT max(sequence) FROM requests');
  for (let after = 0; after < (end ?? 0); after += sequencesPerPiece)
    for (const [table, columns] of Object.entries(tables))
      for (const column of columns)
        await note(
          found,
          engine,
          `SELECT DISTINCT ${column} FROM ${table} WHERE sequence > ? AND sequence <= ?`,
          [after, after + sequencesPerPiece],
        );
  return found;
}

async function note(found: Set<number>, engine: Reader, statement: string, values: readonly number[] = []) {
  for (const id of await numbers(engine, statement, values)) found.add(id);
}

/** The first column of what a statement finds, without NULL. */
async function numbers(engine: Reader, statement: string, values: readonly number[] = []): Promise<number[]> {
  const rows = await engine.all<Record<string, number | null>>(statement, values);
  return rows.map((row) => Object.values(row)[0]!).filter((id) => id !== null);
}

async function remove(
  engine: SqlEngine<DerivedTables>,
  table: 'names' | 'name_lists',
  ids: readonly number[],
  names: NameTable,
): Promise<void> {
  if (ids.length > 0) names.forget();
  for (let at = 0; at < ids.length; at += removedPerPiece)
    await engine.run(`DELETE FROM ${table} WHERE id IN (SELECT value FROM json_each(?))`, [
      JSON.stringify(ids.slice(at, at + removedPerPiece)),
    ]);
}
