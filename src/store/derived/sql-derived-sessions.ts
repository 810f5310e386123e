import { exchangeIdFromBytes } from '#exchange';
import type { SqlEngine } from '../sql-engine.ts';
import type {
  AnswerOfEntry,
  DerivedSession,
  DerivedSessions,
  JoinedRequest,
  MomentPage,
  SessionEntry,
  SessionPage,
  SessionRequest,
} from './derived-sessions.ts';
import type { DerivedTables, MeasureColumns } from './derived-tables.ts';
import { measuresOf } from './measures.ts';
import type { NameReader } from './name-reader.ts';
import { answerKey } from './sql-derived-conversations.ts';

/** The transcript of a session that goes on the longest: forks and moved files may leave several. */
const isLatest = `c.is_agent = 0 AND c.lines > 0 AND NOT EXISTS (SELECT 1 FROM conversation_files o
  WHERE o.conversation = c.conversation AND o.is_agent = 0 AND o.lines > 0 AND (o.end_ms, o.file_id) > (c.end_ms, c.file_id))`;

export class SqlDerivedSessions implements DerivedSessions {
  readonly #engine: SqlEngine<DerivedTables>;
  readonly #names: NameReader;

  constructor(engine: SqlEngine<DerivedTables>, names: NameReader) {
    this.#engine = engine;
    this.#names = names;
  }

  /** Each session comes from where it was active last, so that both sides can be read in the order of their indexes. */
  async list({ project, before, limit }: SessionPage): Promise<DerivedSession[]> {
    const [atMs, id] = [before?.lastAtMs ?? Number.MAX_SAFE_INTEGER, before?.id ?? ''];
    const inProject = project === undefined ? '1' : 'c.project = ?';
    const inProjectToo =
      project === undefined
        ? '1'
        : 'EXISTS (SELECT 1 FROM conversation_files c WHERE c.conversation = n.text AND c.is_agent = 0 AND c.project = ?)';
    const given = project === undefined ? [] : [project];
    const rows = await this.#engine.all<{ id: string }>(
      `SELECT id FROM (
         SELECT * FROM (SELECT n.text AS id, s.last_at_ms AS at_ms FROM sessions s JOIN names n ON n.id = s.session
           WHERE s.last_at_ms <= ? AND (s.last_at_ms < ? OR n.text < ?) AND ${inProjectToo}
             AND NOT EXISTS (SELECT 1 FROM conversation_files c WHERE c.conversation = n.text AND c.is_agent = 0
               AND c.lines > 0 AND c.end_ms > s.last_at_ms)
           ORDER BY s.last_at_ms DESC, n.text DESC LIMIT ?)
         UNION ALL
         SELECT * FROM (SELECT c.conversation AS id, c.end_ms AS at_ms FROM conversation_files c
           WHERE c.is_agent = 0 AND c.end_ms <= ? AND (c.end_ms < ? OR c.conversation < ?) AND ${isLatest} AND ${inProject}
             AND NOT EXISTS (SELECT 1 FROM names n JOIN sessions s ON s.session = n.id
               WHERE n.text = c.conversation AND s.last_at_ms >= c.end_ms)
           ORDER BY c.end_ms DESC, c.conversation DESC LIMIT ?)
       ) ORDER BY at_ms DESC, id DESC LIMIT ?`,
      [atMs, atMs, id, ...given, limit, atMs, atMs, id, ...given, limit, limit],
    );
    const sessions: DerivedSession[] = [];
    for (const row of rows) {
      const session = await this.find(row.id);
      if (session !== undefined) sessions.push(session);
    }
    return sessions;
  }

  async find(id: string): Promise<DerivedSession | undefined> {
    const session = (await this.#names.idOf(id)) ?? 0;
    const [wire] = await this.#engine.all<
      MeasureColumns & { first_at_ms: number; last_at_ms: number; agents: number }
    >(
      `SELECT s.*, (SELECT count(*) FROM agents a WHERE a.session = s.session AND a.agent <> 0) AS agents
       FROM sessions s WHERE s.session = ?`,
      [session],
    );
    const [transcript] = await this.#engine.all<
      DerivedSession['transcript'] & { startMs: number | null; endMs: number }
    >(
      `SELECT kind, project, lines, title, first_message AS "firstMessage", cwd, start_ms AS "startMs",
         end_ms AS "endMs" FROM conversation_files c WHERE conversation = ? AND ${isLatest}`,
      [id],
    );
    if (wire === undefined && transcript === undefined) return undefined;
    const [files] = await this.#engine.all<{ count: number }>(
      'SELECT count(DISTINCT path) AS count FROM file_touches WHERE session = ?',
      [session],
    );
    const times = [
      wire?.first_at_ms,
      wire?.last_at_ms,
      transcript?.startMs ?? transcript?.endMs,
      transcript?.endMs,
    ].filter((ms) => ms !== undefined);
    const { startMs: _start, endMs: _end, ...said } = transcript ?? {};
    return {
      id,
      firstAtMs: Math.min(...times),
      lastAtMs: Math.max(...times),
      ...(wire && { wire: { ...measuresOf(wire), agents: wire.agents } }),
      ...(transcript && { transcript: said as NonNullable<DerivedSession['transcript']> }),
      files: session === 0 ? 0 : files!.count,
    };
  }

  async requests(id: string, { fromMs, after, limit }: MomentPage): Promise<SessionRequest[]> {
    const session = await this.#names.idOf(id);
    if (session === undefined) return [];
    const rows = await this.#engine.all<{
      sequence: number;
      id: Uint8Array;
      received_at_ms: number;
      cost_nanos: number | null;
      isInTranscript: number;
    }>(
      `SELECT r.sequence, r.id, r.received_at_ms, r.cost_nanos, EXISTS (SELECT 1 FROM wire_answers w
         WHERE w.sequence = r.sequence AND w.matched_by IS NOT NULL) AS "isInTranscript"
       FROM requests r WHERE r.session = ? AND r.received_at_ms >= ? AND (r.received_at_ms > ? OR r.sequence > ?)
       ORDER BY r.received_at_ms, r.sequence LIMIT ?`,
      [session, fromMs, fromMs, after, limit],
    );
    return rows.map((row) => ({
      sequence: row.sequence,
      id: exchangeIdFromBytes(row.id),
      atMs: row.received_at_ms,
      costNanos: row.cost_nanos ?? undefined,
      isInTranscript: row.isInTranscript === 1,
    }));
  }

  async entries(id: string, { fromMs, after, limit }: MomentPage): Promise<SessionEntry[]> {
    const rows = await this.#engine.all<{ entry_id: number; at_ms: number; is_agent: number }>(
      `SELECT entry_id, at_ms, is_agent FROM transcript_entries
       WHERE conversation = ? AND (at_ms, entry_id) > (?, ?) ORDER BY at_ms, entry_id LIMIT ?`,
      [id, fromMs, after, limit],
    );
    return rows.map((row) => ({
      entryId: row.entry_id,
      atMs: row.at_ms,
      isAgent: row.is_agent === 1,
    }));
  }

  async joined(answers: readonly AnswerOfEntry[]): Promise<Map<number, JoinedRequest>> {
    const keys = answers.map((answer) => [answer.entryId, answerKey(answer)]);
    const rows = await this.#engine.all<{ entryId: number; id: Uint8Array; costNanos: number | null }>(
      `SELECT k.value ->> 0 AS "entryId", r.id, r.cost_nanos AS "costNanos" FROM json_each(?) k
       JOIN transcript_answers a ON a.answer = k.value ->> 1 JOIN requests r ON r.sequence = a.sequence`,
      [JSON.stringify(keys)],
    );
    return new Map(
      rows.map(({ entryId, id, costNanos }) => [
        entryId,
        { id: exchangeIdFromBytes(id), costNanos: costNanos ?? undefined },
      ]),
    );
  }
}
