import type { SqlSession } from '../sql-engine.ts';
import { recountQuarter, recountSession } from './maintain-statistics.ts';

const given = '(SELECT value FROM json_each(?))';

/**
 * Takes requests out of everything that is derived from them: their rows, and the sums of the quarter hours and sessions
 * they were part of, which are computed anew from what is left. Notes which requests of those sessions are to be read
 * again for their texts, because a text stands only at the first place where it occurs. Idempotent.
 */
export async function forgetRequests(session: SqlSession, sequences: readonly number[]): Promise<void> {
  const gone = JSON.stringify(sequences);
  const quarters = await session.all<{ quarter: number }>(
    `SELECT DISTINCT quarter FROM requests WHERE sequence IN ${given}`,
    [gone],
  );
  const sessions = await noteToReadAgain(session, sequences);
  await session.run(
    `UPDATE transcript_answers SET sequence = NULL, matched_by = NULL WHERE sequence IN ${given}`,
    [gone],
  );
  for (const table of [
    'requests',
    'wire_answers',
    'wire_to_compare',
    'text_again',
    'request_details',
    'rate_limits',
  ])
    await session.run(`DELETE FROM ${table} WHERE sequence IN ${given}`, [gone]);
  for (const { quarter } of quarters) await recountQuarter(session, quarter);
  for (const id of sessions) await recountSession(session, id);
}

/** A client without sessions sends its conversation again soon, if at all. */
const withoutSessionMax = 200;

/**
 * Notes what of the sessions of these requests came later; of requests without a session, which may be all there are,
 * the next ones without one.
 * @returns the sessions
 */
export async function noteToReadAgain(session: SqlSession, sequences: readonly number[]): Promise<number[]> {
  const gone = JSON.stringify(sequences);
  const sessions = await session.all<{ session: number; first: number }>(
    `SELECT session, min(sequence) AS first FROM requests WHERE sequence IN ${given} AND session IS NOT NULL
     GROUP BY session`,
    [gone],
  );
  for (const { session: id, first } of sessions)
    await session.run(
      `INSERT INTO text_again (sequence) SELECT sequence FROM requests WHERE session = ? AND sequence > ?
       ON CONFLICT (sequence) DO NOTHING`,
      [id, first],
    );
  const alone = await session.all<{ sequence: number }>(
    `SELECT sequence FROM requests WHERE sequence IN ${given} AND session IS NULL`,
    [gone],
  );
  for (const { sequence } of alone)
    await session.run(
      `INSERT INTO text_again (sequence)
       SELECT sequence FROM requests INDEXED BY requests_without_session
       WHERE session IS NULL AND sequence > ? ORDER BY sequence LIMIT ?
       ON CONFLICT (sequence) DO NOTHING`,
      [sequence, withoutSessionMax],
    );
  return sessions.map((each) => each.session);
}
