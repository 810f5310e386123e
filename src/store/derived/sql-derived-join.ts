import { exchangeIdFromBytes, exchangeIdToBytes } from '#exchange';
import type { SqlEngine, SqlSession } from '../sql-engine.ts';
import {
  type Absence,
  absences,
  type ComparedRequest,
  type DerivedJoin,
  type JoinRate,
  type JoinReport,
  type JoinTokens,
  matchKinds,
  type WireRequest,
} from './derived-join.ts';
import type { DerivedTables } from './derived-tables.ts';
import { byContent, byDigest, link, matchRequest } from './match-answers.ts';
import { movePosition } from './positions.ts';
import { queryTimeMs } from './query-time.ts';
import { outcomeClasses } from './request-row.ts';

const outcomeIs = (...classes: (typeof outcomeClasses)[number][]) =>
  `r.outcome_class IN (${classes.map((each) => outcomeClasses.indexOf(each)).join(', ')})`;

/** Place in `absences` of a request `w` whose row is `r`. */
const whyAbsent = `CASE
  WHEN ${outcomeIs('aborted', 'interrupted')} THEN ${absences.indexOf('aborted')}
  WHEN ${outcomeIs('error', 'failed')} THEN ${absences.indexOf('failed')}
  WHEN w.is_count OR w.request_class IN ('auxiliary', 'compaction') THEN ${absences.indexOf('helper')}
  WHEN EXISTS (SELECT 1 FROM transcript_answers a WHERE a.answer = 'r:' || w.request_id)
    OR EXISTS (SELECT 1 FROM transcript_answers a WHERE a.message_id = w.message_id)
    OR EXISTS (SELECT 1 FROM transcript_requests t WHERE t.digest = w.digest) THEN ${absences.indexOf('double')}
  ELSE ${absences.indexOf('other')} END`;

/** Requests of sessions that stand in no transcript. */
const absent =
  'wire_answers w JOIN requests r USING (sequence) WHERE w.matched_by IS NULL AND w.session IS NOT NULL AND within_time()';

const tokenColumns = ['input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens'] as const;
const met = 'transcript_answers a JOIN requests r USING (sequence)';
/** What one side does not say is no difference. An error in a transcript has no tokens of its own. */
const differs = `a.is_api_error = 0 AND (${tokenColumns.map((column) => `a.${column} <> r.${column}`).join(' OR ')})`;

/** Of what is left of the time that a query may take. */
type Reader = Pick<SqlSession, 'all'>;

export function createDerivedJoin(engine: SqlEngine<DerivedTables>): DerivedJoin {
  async function rate(limited: Reader): Promise<JoinRate> {
    const [counts] = await limited.all<JoinRate>(
      `SELECT coalesce(sum(answers), 0) AS answers, coalesce(sum(matched), 0) AS matched,
         coalesce(sum(answers) FILTER (WHERE is_recorded), 0) AS recordedAnswers,
         coalesce(sum(matched) FILTER (WHERE is_recorded), 0) AS recordedMatched,
         (SELECT count(*) FROM ${met} WHERE within_time() AND ${differs}) AS mismatched
       FROM (SELECT count(*) AS answers, count(sequence) AS matched,
               EXISTS (SELECT 1 FROM wire_answers w WHERE w.session = a.session) AS is_recorded
             FROM transcript_answers a WHERE within_time() GROUP BY session)`,
      [],
    );
    return counts!;
  }

  return {
    async append(requests, through) {
      await engine.write(async (session) => {
        for (const request of requests) await putRequest(session, request);
        await movePosition(session, 'wire-answers', through);
      });
      engine.tidy();
    },
    async due(nowMs, limit) {
      const rows = await engine.all<{ sequence: number; id: Uint8Array; wantsDigest: number }>(
        `SELECT w.sequence, w.id, w.matched_by IS NULL AND w.digest IS NULL AND NOT w.is_count
           AND EXISTS (SELECT 1 FROM transcript_requests t WHERE t.session = w.session) AS wantsDigest
         FROM wire_to_compare c JOIN wire_answers w USING (sequence) WHERE c.due_ms <= ? ORDER BY c.due_ms LIMIT ?`,
        [nowMs, limit],
      );
      return rows.map(({ sequence, id, wantsDigest }) => ({
        sequence,
        id: exchangeIdFromBytes(id),
        wantsDigest: wantsDigest === 1,
      }));
    },
    async compare(requests) {
      await engine.write(async (session) => {
        for (const request of requests) await compareOne(session, request);
      });
      engine.tidy();
    },
    rate: () => rate(engine.limited(queryTimeMs)),
    async report(limit) {
      // All of it together takes no longer than one query may.
      const limited = engine.limited(queryTimeMs);
      return {
        ...(await rate(limited)),
        matchedBy: await matchedBy(limited),
        ...(await totals(limited)),
        mismatches: await mismatches(limited, limit),
        neverPassed: await limited.all<JoinReport['neverPassed'][number]>(
          `SELECT request_id AS requestId, message_id AS messageId, session, agent, at_ms AS atMs
           FROM transcript_answers WHERE sequence IS NULL ORDER BY at_ms DESC LIMIT ?`,
          [limit],
        ),
        inNoTranscript: await inNoTranscript(limited, limit),
        absent: await absentSums(limited),
      };
    },
  };
}

async function putRequest(session: SqlSession, request: WireRequest): Promise<void> {
  await session.run(
    `INSERT OR REPLACE INTO wire_answers (sequence, id, at_ms, request_id, message_id, session, agent, request_class,
       is_answered, is_count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      request.sequence,
      exchangeIdToBytes(request.id),
      request.atMs,
      request.requestId ?? null,
      request.messageId ?? null,
      request.session ?? null,
      request.agent ?? null,
      request.requestClass ?? null,
      Number(request.isAnswered),
      Number(request.isCount),
    ],
  );
  await matchRequest(session, request);
  if (request.session === undefined) return;
  await session.run(
    `INSERT OR REPLACE INTO wire_to_compare (sequence, due_ms)
     SELECT sequence, ? FROM wire_answers WHERE sequence = ? AND matched_by IS NULL`,
    [request.dueMs, request.sequence],
  );
}

async function compareOne(session: SqlSession, { sequence, digest }: ComparedRequest): Promise<void> {
  await session.run('DELETE FROM wire_to_compare WHERE sequence = ?', [sequence]);
  if (digest !== undefined)
    await session.run('UPDATE wire_answers SET digest = ? WHERE sequence = ?', [digest, sequence]);
  const isOpen = `w.sequence = ? AND w.matched_by IS NULL AND w.is_answered`;
  const [asked] = await session.all<{ answer: string }>(
    `SELECT a.answer FROM wire_answers w JOIN transcript_requests t ON t.digest = w.digest
     JOIN transcript_answers a ON a.request_ref = t.request_ref WHERE ${isOpen} AND a.sequence IS NULL LIMIT 1`,
    [sequence],
  );
  if (asked !== undefined) return link(session, asked.answer, sequence, byDigest);
  // The first place of a text in a session is the answer that it came with.
  const [said] = await session.all<{ answer: string }>(
    `SELECT a.answer FROM wire_answers w
     CROSS JOIN text_places p ON p.source = 0 AND p.place = w.sequence AND p.role = 1
     CROSS JOIN text_places q ON q.block = p.block AND q.session = p.session AND q.source = 1 AND q.role = 1
     CROSS JOIN transcript_answers a ON a.session = w.session AND a.sequence IS NULL AND a.entry_id = q.place
     WHERE ${isOpen} AND a.agent IS w.agent LIMIT 1`,
    [sequence],
  );
  if (said !== undefined) await link(session, said.answer, sequence, byContent);
}

async function matchedBy(limited: Reader): Promise<JoinReport['matchedBy']> {
  const rows = await limited.all<{ kind: number; answers: number }>(
    'SELECT matched_by AS kind, count(*) AS answers FROM transcript_answers WHERE sequence IS NOT NULL AND within_time() GROUP BY matched_by',
    [],
  );
  const count = (kind: number) => rows.find((row) => row.kind === kind)?.answers ?? 0;
  // Every kind has a place in the list, so that none is left out.
  return Object.fromEntries(matchKinds.map((name, kind) => [name, count(kind)])) as JoinReport['matchedBy'];
}

type SideTokens = { [Column in `${'wire' | 'said'}_${(typeof tokenColumns)[number]}`]: number | null };

async function totals(limited: Reader): Promise<Pick<JoinReport, 'wire' | 'transcripts'>> {
  // Only what both sides say can be compared.
  const sum = (column: string, side: string) =>
    `sum(${side}.${column}) FILTER (WHERE a.${column} IS NOT NULL AND r.${column} IS NOT NULL)`;
  const columns = tokenColumns.flatMap((column) => [
    `${sum(column, 'r')} AS wire_${column}`,
    `${sum(column, 'a')} AS said_${column}`,
  ]);
  const [row] = await limited.all<SideTokens>(
    `SELECT ${columns.join(', ')} FROM ${met} WHERE within_time() AND a.is_api_error = 0`,
    [],
  );
  return { wire: tokensOf(row!, 'wire'), transcripts: tokensOf(row!, 'said') };
}

async function mismatches(limited: Reader, limit: number): Promise<JoinReport['mismatches']> {
  interface Row extends SideTokens {
    readonly id: Uint8Array;
    readonly session: string | null;
    readonly requestId: string | null;
    readonly messageId: string | null;
    readonly atMs: number;
  }
  const columns = tokenColumns.flatMap((column) => [
    `r.${column} AS wire_${column}`,
    `a.${column} AS said_${column}`,
  ]);
  const rows = await limited.all<Row>(
    `SELECT r.id, a.session, a.request_id AS requestId, a.message_id AS messageId, r.received_at_ms AS atMs,
       ${columns.join(', ')} FROM ${met} WHERE within_time() AND ${differs} ORDER BY r.received_at_ms DESC LIMIT ?`,
    [limit],
  );
  return rows.map((row) => ({
    id: exchangeIdFromBytes(row.id),
    session: row.session,
    requestId: row.requestId,
    messageId: row.messageId,
    atMs: row.atMs,
    wire: tokensOf(row, 'wire'),
    transcript: tokensOf(row, 'said'),
  }));
}

function tokensOf(row: SideTokens, side: 'wire' | 'said'): JoinTokens {
  return {
    inputTokens: row[`${side}_input_tokens`],
    outputTokens: row[`${side}_output_tokens`],
    cacheReadTokens: row[`${side}_cache_read_tokens`],
    cacheWriteTokens: row[`${side}_cache_write_tokens`],
  };
}

async function inNoTranscript(limited: Reader, limit: number): Promise<JoinReport['inNoTranscript']> {
  type Row = Omit<JoinReport['inNoTranscript'][number], 'id' | 'why'> & { id: Uint8Array; why: number };
  const rows = await limited.all<Row>(
    `SELECT w.id, w.session, w.request_class AS requestClass, w.at_ms AS atMs, ${whyAbsent} AS why,
       r.output_tokens AS outputTokens, r.cost_nanos AS costNanos
     FROM ${absent} ORDER BY w.sequence DESC LIMIT ?`,
    [limit],
  );
  return rows.map((row) => ({ ...row, id: exchangeIdFromBytes(row.id), why: absences[row.why]! }));
}

async function absentSums(limited: Reader): Promise<JoinReport['absent']> {
  const rows = await limited.all<Omit<JoinReport['absent'][number], 'why'> & { why: number }>(
    `SELECT ${whyAbsent} AS why, count(*) AS requests, coalesce(sum(r.input_tokens), 0) AS inputTokens,
       coalesce(sum(r.output_tokens), 0) AS outputTokens, coalesce(sum(r.cost_nanos), 0) AS costNanos,
       sum(r.cost_nanos IS NULL AND (r.input_tokens IS NOT NULL OR r.output_tokens IS NOT NULL)) AS costUnknown
     FROM ${absent} GROUP BY 1 ORDER BY 1`,
    [],
  );
  return rows.map(({ why, ...sums }) => ({
    why: absences[why] satisfies Absence | undefined as Absence,
    ...sums,
  }));
}
