import { exchangeIdFromBytes, exchangeIdToBytes } from '#exchange';
import type { SqlEngine, SqlSession } from '../sql-engine.ts';
import type {
  DerivedConversation,
  DerivedConversations,
  DerivedEntry,
  FileChange,
  JoinReport,
  SessionUsage,
  WireAnswer,
} from './derived-conversations.ts';
import type { DerivedTables } from './derived-tables.ts';
import { movePosition, positionOf } from './positions.ts';

const conversationColumns = `file_id AS fileId, conversation AS id, kind, project, lines, start_ms AS startMs,
  end_ms AS endMs, first_message AS firstMessage, title, cwd`;
/** An answer of a transcript that was met on the wire. */
const isMatched = `(EXISTS (SELECT 1 FROM wire_answers w WHERE w.request_id = a.request_id)
  OR EXISTS (SELECT 1 FROM wire_answers w WHERE w.message_id = a.message_id))`;

export function createDerivedConversations(engine: SqlEngine<DerivedTables>): DerivedConversations {
  return {
    async appendEntries(entries, through) {
      await engine.write(async (session) => {
        const before = await positionOf(session, 'transcript-entries');
        for (const entry of entries) if (entry.piece > before) await putEntry(session, entry);
        await movePosition(session, 'transcript-entries', Math.max(before, through));
      });
      engine.tidy();
    },
    async noteFiles(changes, through) {
      await engine.write(async (session) => {
        for (const change of changes) await noteFile(session, change);
        await movePosition(session, 'transcript-files', through);
      });
      engine.tidy();
    },
    async appendWireAnswers(answers, through) {
      await engine.write(async (session) => {
        for (const answer of answers) await putWireAnswer(session, answer);
        await movePosition(session, 'wire-answers', through);
      });
      engine.tidy();
    },
    list: ({ project, offset, limit }) =>
      engine.all<DerivedConversation>(
        `SELECT ${conversationColumns} FROM conversation_files
         WHERE is_agent = 0 AND lines > 0 ${project === undefined ? '' : 'AND project = ?'}
         ORDER BY end_ms DESC, file_id DESC LIMIT ? OFFSET ?`,
        [...(project === undefined ? [] : [project]), limit, offset],
      ),
    async find(id, project) {
      const [found] = await engine.all<DerivedConversation>(
        `SELECT ${conversationColumns} FROM conversation_files
         WHERE conversation = ? AND is_agent = 0 ${project === undefined ? '' : 'AND project = ?'}
         ORDER BY end_ms DESC LIMIT 1`,
        [id, ...(project === undefined ? [] : [project])],
      );
      return found;
    },
    async messages(id, { offset, limit, includesAgents }) {
      const where = `conversation = ? ${includesAgents ? '' : 'AND is_agent = 0'}`;
      const [count] = await engine.all<{ total: number }>(
        `SELECT count(*) AS total FROM transcript_entries WHERE ${where}`,
        [id],
      );
      const rows = await engine.all<{ entryId: number }>(
        `SELECT entry_id AS entryId FROM transcript_entries WHERE ${where} ORDER BY at_ms, entry_id LIMIT ? OFFSET ?`,
        [id, limit, offset],
      );
      return { total: count?.total ?? 0, entryIds: rows.map(({ entryId }) => entryId) };
    },
    async usage(id) {
      const [row] = await engine.all<SessionUsage>(
        `SELECT count(*) AS answers, coalesce(sum(input_tokens), 0) AS inputTokens,
         coalesce(sum(output_tokens), 0) AS outputTokens, coalesce(sum(cache_read_tokens), 0) AS cacheReadTokens,
         coalesce(sum(cache_write_tokens), 0) AS cacheWriteTokens FROM transcript_answers WHERE session = ?`,
        [id],
      );
      return row!;
    },
    async join(limit) {
      const [counts] = await engine.all<{ answers: number; matched: number }>(
        `SELECT count(*) AS answers, coalesce(sum(${isMatched}), 0) AS matched FROM transcript_answers a`,
        [],
      );
      const neverPassed = await engine.all<JoinReport['neverPassed'][number]>(
        `SELECT request_id AS requestId, message_id AS messageId, session, at_ms AS atMs FROM transcript_answers a
         WHERE NOT ${isMatched} ORDER BY at_ms DESC LIMIT ?`,
        [limit],
      );
      const unknown = await engine.all<{
        id: Uint8Array;
        session: string | null;
        requestClass: string | null;
        atMs: number;
      }>(
        `SELECT id, session, request_class AS requestClass, at_ms AS atMs FROM wire_answers w
         WHERE session IS NOT NULL AND NOT EXISTS (SELECT 1 FROM transcript_answers a WHERE a.answer = 'r:' || w.request_id)
         AND NOT EXISTS (SELECT 1 FROM transcript_answers a WHERE a.answer = 'm:' || w.message_id)
         ORDER BY sequence DESC LIMIT ?`,
        [limit],
      );
      const inNoTranscript = unknown.map((row) => ({ ...row, id: exchangeIdFromBytes(row.id) }));
      return { ...counts!, neverPassed, inNoTranscript };
    },
  };
}

async function putEntry(session: SqlSession, entry: DerivedEntry): Promise<void> {
  const { file, atMs } = entry;
  await session.run(
    `INSERT INTO conversation_files (file_id, conversation, is_agent, kind, project, lines, broken, unknown, start_ms,
       end_ms, first_message, title, cwd) VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (file_id) DO UPDATE SET lines = lines + 1, broken = broken + excluded.broken,
       unknown = unknown + excluded.unknown,
       end_ms = CASE WHEN excluded.start_ms IS NULL THEN end_ms WHEN start_ms IS NULL THEN excluded.end_ms
         ELSE max(end_ms, excluded.end_ms) END,
       start_ms = min(coalesce(start_ms, excluded.start_ms), coalesce(excluded.start_ms, start_ms)),
       first_message = coalesce(first_message, excluded.first_message), title = coalesce(excluded.title, title),
       cwd = coalesce(cwd, excluded.cwd)`,
    [
      file.fileId,
      file.conversation,
      Number(file.isAgent),
      file.kind,
      file.project,
      Number(entry.state === 'broken'),
      Number(entry.state === 'unknown'),
      atMs ?? null,
      atMs ?? file.modifiedAtMs,
      entry.firstMessage ?? null,
      entry.title ?? null,
      entry.cwd ?? null,
    ],
  );
  if (entry.isMessage) {
    await session.run(
      'INSERT OR REPLACE INTO transcript_entries (entry_id, file_id, conversation, is_agent, at_ms) VALUES (?, ?, ?, ?, ?)',
      [entry.entryId, file.fileId, file.conversation, Number(file.isAgent), atMs ?? 0],
    );
  }
  if (entry.answer !== undefined) await putAnswer(session, entry, entry.answer);
}

/** The same answer stands on several lines and, copied by forks, in several files: the last one wins. */
async function putAnswer(
  session: SqlSession,
  { entryId, atMs }: DerivedEntry,
  answer: NonNullable<DerivedEntry['answer']>,
): Promise<void> {
  const key = answer.requestId === undefined ? `m:${answer.messageId}` : `r:${answer.requestId}`;
  const { usage } = answer;
  await session.run(
    `INSERT OR REPLACE INTO transcript_answers (answer, entry_id, request_id, message_id, session, agent, model, at_ms,
       is_api_error, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      key,
      entryId,
      answer.requestId ?? null,
      answer.messageId ?? null,
      answer.session ?? null,
      answer.agent ?? null,
      answer.model ?? null,
      atMs ?? null,
      Number(answer.isApiError),
      usage.inputTokens ?? null,
      usage.outputTokens ?? null,
      usage.cacheReadTokens ?? null,
      usage.cacheWriteTokens ?? null,
    ],
  );
}

async function noteFile(session: SqlSession, { fileId, project, isReplaced }: FileChange): Promise<void> {
  if (!isReplaced) {
    await session.run('UPDATE conversation_files SET project = ? WHERE file_id = ? AND project <> ?', [
      project,
      fileId,
      project,
    ]);
    return;
  }
  // What the file said about usage was so all the same.
  await session.run('DELETE FROM transcript_entries WHERE file_id = ?', [fileId]);
  await session.run('DELETE FROM conversation_files WHERE file_id = ?', [fileId]);
}

async function putWireAnswer(session: SqlSession, answer: WireAnswer): Promise<void> {
  await session.run(
    `INSERT OR REPLACE INTO wire_answers (sequence, id, at_ms, request_id, message_id, session, request_class)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
    [
      answer.sequence,
      exchangeIdToBytes(answer.id),
      answer.atMs,
      answer.requestId ?? null,
      answer.messageId ?? null,
      answer.session ?? null,
      answer.requestClass ?? null,
    ],
  );
}
