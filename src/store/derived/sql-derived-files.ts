import { exchangeIdFromBytes } from '#exchange';
import type { SqlEngine, SqlSession, SqlValue } from '../sql-engine.ts';
import {
  type DerivedFiles,
  type FilePage,
  type FileTouch,
  type FoundTouch,
  fileAccesses,
  type TouchedFile,
  type TouchPage,
} from './derived-files.ts';
import type { DerivedTables } from './derived-tables.ts';
import type { TextPlace, TextSource } from './derived-text.ts';
import type { NameReader } from './name-reader.ts';
import type { NameTable } from './name-table.ts';
import { queryTimeMs } from './query-time.ts';

const sources = ['wire', 'transcript'] as const satisfies readonly TextSource[];

export class SqlDerivedFiles implements DerivedFiles {
  readonly #engine: SqlEngine<DerivedTables>;
  readonly #names: NameReader;

  constructor(engine: SqlEngine<DerivedTables>, names: NameReader) {
    this.#engine = engine;
    this.#names = names;
  }

  list({ contains, before, limit }: FilePage): Promise<TouchedFile[]> {
    const { where, values } = conditions(
      // First, so that it is asked also for paths that do not fit.
      ['within_time()'],
      contains !== undefined && ["path LIKE ? ESCAPE '\\'", `%${contains.replace(/[\\%_]/g, '\\$&')}%`],
      before !== undefined && ['(last_at_ms, path) < (?, ?)', before.atMs, before.path],
    );
    return this.#engine.limited(queryTimeMs).all<TouchedFile>(
      `SELECT path, reads, writes, sessions, last_at_ms AS "lastAtMs" FROM files WHERE ${where}
       ORDER BY last_at_ms DESC, path DESC LIMIT ?`,
      [...values, limit],
    );
  }

  async touches({ path, sessionId, fromMs, toMs, before, limit }: TouchPage): Promise<FoundTouch[]> {
    const session = sessionId === undefined ? undefined : await this.#names.idOf(sessionId);
    if (sessionId !== undefined && session === undefined) return [];
    const { where, values } = conditions(
      path !== undefined && ['t.path = ?', path],
      session !== undefined && ['t.session = ?', session],
      fromMs !== undefined && ['t.at_ms >= ?', fromMs],
      toMs !== undefined && ['t.at_ms < ?', toMs],
      before !== undefined && [
        '(t.at_ms, t.call, t.path) < (?, ?, ?)',
        before.atMs,
        before.callId,
        before.path,
      ],
    );
    const rows = await this.#engine.all<TouchRow>(
      // Of a call that was seen on the wire and in a transcript, the wire says more.
      `SELECT t.call, t.path, t.source, t.place, t.access, t.session, t.agent, t.tool, t.at_ms, r.id
       FROM file_touches t LEFT JOIN requests r ON t.source = 0 AND r.sequence = t.place
       WHERE ${where} AND (t.source = 0 OR NOT EXISTS
         (SELECT 1 FROM file_touches o WHERE o.call = t.call AND o.path = t.path AND o.source = 0))
       ORDER BY t.at_ms DESC, t.call DESC, t.path DESC LIMIT ?`,
      [...values, limit],
    );
    const found: FoundTouch[] = [];
    for (const row of rows) {
      found.push({
        callId: row.call,
        tool: (await this.#names.textOf(row.tool)) ?? '',
        path: row.path,
        access: fileAccesses[row.access]!,
        atMs: row.at_ms,
        sessionId: await this.#names.textOf(row.session),
        agentId: await this.#names.textOf(row.agent),
        requestId: row.id === null ? undefined : exchangeIdFromBytes(row.id),
        entryId: row.source === 1 ? row.place : undefined,
      });
    }
    return found;
  }
}

/** Adds what the calls at a place work on. Idempotent. Counts up rather than anew: popular files have many calls. */
export async function addTouches(
  session: SqlSession,
  names: NameTable,
  { source, place, sessionId, agentId, atMs, touched }: TextPlace,
): Promise<void> {
  if (touched === undefined || touched.length === 0) return;
  const inSession = (await names.idOf(session, sessionId)) ?? 0;
  const agent = (await names.idOf(session, agentId)) ?? 0;
  const from = sources.indexOf(source);
  for (const { callId, path, access, tool } of touched) {
    const seen = await session.all<{ source: number }>(
      'SELECT source FROM file_touches WHERE call = ? AND path = ?',
      [callId, path],
    );
    if (seen.some((row) => row.source === from)) continue;
    const isNew = seen.length === 0;
    const inSame = await session.all('SELECT 1 FROM file_touches WHERE session = ? AND path = ? LIMIT 1', [
      inSession,
      path,
    ]);
    const of = (counted: FileTouch['access']) => Number(isNew && access === counted);
    await session.run(
      `INSERT INTO files (path, reads, writes, sessions, last_at_ms) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (path) DO UPDATE SET reads = reads + excluded.reads, writes = writes + excluded.writes,
         sessions = sessions + excluded.sessions, last_at_ms = max(last_at_ms, excluded.last_at_ms)`,
      [path, of('read'), of('write'), Number(inSame.length === 0), atMs],
    );
    await session.run(
      `INSERT INTO file_touches (call, path, source, place, access, session, agent, tool, at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        callId,
        path,
        from,
        place,
        fileAccesses.indexOf(access),
        inSession,
        agent,
        (await names.idOf(session, tool)) ?? 0,
        atMs,
      ],
    );
  }
}

/** Takes out what the calls at places worked on. Idempotent. */
export async function forgetTouches(session: SqlSession, source: TextSource, place: number): Promise<void> {
  const at = [sources.indexOf(source), place];
  const paths = await session.all<{ path: string }>(
    'SELECT DISTINCT path FROM file_touches WHERE source = ? AND place = ?',
    at,
  );
  await session.run('DELETE FROM file_touches WHERE source = ? AND place = ?', at);
  await recountFiles(session, paths);
}

async function recountFiles(session: SqlSession, touched: readonly Pick<FileTouch, 'path'>[]): Promise<void> {
  const count = (access: FileTouch['access']) =>
    `count(DISTINCT CASE WHEN access = ${fileAccesses.indexOf(access)} THEN call END)`;
  for (const path of new Set(touched.map(({ path }) => path))) {
    await session.run('DELETE FROM files WHERE path = ?', [path]);
    await session.run(
      `INSERT INTO files (path, reads, writes, sessions, last_at_ms)
       SELECT path, ${count('read')}, ${count('write')}, count(DISTINCT session), max(at_ms)
       FROM file_touches WHERE path = ? GROUP BY path`,
      [path],
    );
  }
}

interface TouchRow {
  readonly call: string;
  readonly path: string;
  readonly source: number;
  readonly place: number;
  readonly access: number;
  readonly session: number;
  readonly agent: number;
  readonly tool: number;
  readonly at_ms: number;
  readonly id: Uint8Array | null;
}

function conditions(...given: readonly (false | readonly [string, ...SqlValue[]])[]) {
  const wanted = given.filter((condition) => condition !== false);
  return {
    where: wanted.length === 0 ? '1' : wanted.map(([sql]) => sql).join(' AND '),
    values: wanted.flatMap(([, ...parameters]) => parameters),
  };
}
