import type { SqlSession } from '../sql-engine.ts';
import type { WireRequest } from './derived-join.ts';

/** The ids that an answer in a transcript has. */
export interface AnswerIds {
  /** Key of its row. */
  readonly answer: string;
  readonly requestId?: string;
  readonly messageId?: string;
}

/** Places in `matchKinds`. */
const byRequestId = 0;
const byMessageId = 1;
export const byDigest = 2;
export const byContent = 3;

/** Looks for the request on the wire that an answer in a transcript is of. */
export async function matchAnswer(session: SqlSession, ids: AnswerIds): Promise<void> {
  const byOneId = async (column: 'request_id' | 'message_id', id: string | undefined) => {
    if (id === undefined) return undefined;
    const [found] = await session.all<{ sequence: number }>(
      `SELECT sequence FROM wire_answers WHERE ${column} = ? ORDER BY is_answered DESC, sequence LIMIT 1`,
      [id],
    );
    return found?.sequence;
  };
  const requested = await byOneId('request_id', ids.requestId);
  if (requested !== undefined) return link(session, ids.answer, requested, byRequestId);
  const answered = await byOneId('message_id', ids.messageId);
  if (answered !== undefined) await link(session, ids.answer, answered, byMessageId);
}

/** Looks for the answer in a transcript that belongs to a request on the wire. */
export async function matchRequest(session: SqlSession, request: WireRequest): Promise<void> {
  const { sequence, requestId, messageId } = request;
  if (requestId !== undefined) {
    const [found] = await session.all<{ answer: string; matched: number | null }>(
      'SELECT answer, matched_by AS matched FROM transcript_answers WHERE answer = ?',
      [`r:${requestId}`],
    );
    // Met already: this one is a double.
    if (found !== undefined && found.matched === byRequestId) return;
    if (found !== undefined) return link(session, found.answer, sequence, byRequestId);
  }
  if (messageId === undefined) return;
  const [found] = await session.all<{ answer: string }>(
    'SELECT answer FROM transcript_answers WHERE message_id = ? AND coalesce(matched_by, ?) > ? LIMIT 1',
    [messageId, byContent, byMessageId],
  );
  if (found !== undefined) await link(session, found.answer, sequence, byMessageId);
}

/** Ties the two together; what a weaker sign had tied to either of them is free again. */
export async function link(
  session: SqlSession,
  answer: string,
  sequence: number,
  kind: number,
): Promise<void> {
  await session.run(
    `UPDATE wire_answers SET matched_by = NULL WHERE matched_by > ?
     AND sequence = (SELECT sequence FROM transcript_answers WHERE answer = ?)`,
    [kind, answer],
  );
  await session.run(
    'UPDATE transcript_answers SET sequence = NULL, matched_by = NULL WHERE sequence = ? AND matched_by > ?',
    [sequence, kind],
  );
  // Forks of older clients do not say who asked; the wire does.
  await session.run(
    `UPDATE transcript_answers SET sequence = ?, matched_by = ?,
       session = coalesce((SELECT session FROM wire_answers w WHERE w.sequence = ?), session) WHERE answer = ?`,
    [sequence, kind, sequence, answer],
  );
  await session.run('UPDATE wire_answers SET matched_by = ? WHERE sequence = ?', [kind, sequence]);
}
