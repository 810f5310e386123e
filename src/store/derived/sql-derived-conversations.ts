import type { SqlEngine, SqlSession } from '../sql-engine.ts';
import type {
  DerivedConversation,
  DerivedConversations,
  DerivedEntry,
  FileChange,
  SessionProject,
  SessionUsage,
  TranscriptAnswer,
  TranscriptRequest,
} from './derived-conversations.ts';
import type { DerivedTables } from './derived-tables.ts';
import { matchAnswer } from './match-answers.ts';
import { movePosition, positionOf } from './positions.ts';

const conversationColumns = `file_id AS fileId, conversation AS id, kind, project, lines, start_ms AS startMs,
  end_ms AS endMs, first_message AS firstMessage, coalesce((SELECT t.title FROM session_titles t
    WHERE t.conversation = conversation_files.conversation AND t.project = conversation_files.project), title) AS title, cwd`;
/** Of one session at a time so many are looked at again. */
const comparedAgainMax = 200;

export function createDerivedConversations(engine: SqlEngine<DerivedTables>): DerivedConversations {
  return {
    async appendEntries(entries, through) {
      await engine.write(async (session) => {
        const before = await positionOf(session, 'transcript-entries');
        const news = entries.filter(({ piece }) => piece > before);
        for (const file of filesOf(news)) await putFile(session, file);
        for (const entry of news) if (entry.isMessage) await putMessage(session, entry);
        for (const entry of lastOfAnswers(news)) await putAnswer(session, entry);
        const sessions = new Set<string>();
        for (const { file, answer, request } of news) {
          if (request !== undefined) await putRequest(session, file.fileId, request);
          const name = answer?.session ?? request?.session;
          if (name !== undefined) sessions.add(name);
        }
        for (const each of sessions) await compareAgain(session, each);
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
    async noteTitles(titles, through) {
      await engine.write(async (session) => {
        for (const { project, conversation, title } of titles)
          await session.run(
            'INSERT OR REPLACE INTO session_titles (conversation, project, title) VALUES (?, ?, ?)',
            [conversation, project, title],
          );
        await movePosition(session, 'transcript-documents', through);
      });
      engine.tidy();
    },
    async keepTitles(titles) {
      const kept = titles.map(({ conversation, project }) => [conversation, project]);
      await engine.run(
        `DELETE FROM session_titles WHERE (conversation, project) NOT IN
           (SELECT value ->> 0, value ->> 1 FROM json_each(?))`,
        [JSON.stringify(kept)],
      );
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
    // Of the columns beside max() those of its row are taken.
    projects: () =>
      engine.all<SessionProject>(
        `SELECT conversation AS "sessionId", coalesce(cwd, project) AS project, project AS directory, last AS "lastAtMs" FROM (
           SELECT conversation, cwd, project, max(end_ms) AS last FROM conversation_files
           WHERE is_agent = 0 GROUP BY conversation)
         ORDER BY last DESC`,
        [],
      ),
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
  };
}

/** What the entries of one file say about it, together. */
interface FileNews {
  readonly file: DerivedEntry['file'];
  lines: number;
  broken: number;
  unknown: number;
  startMs: number | null;
  endMs: number;
  firstMessage: string | null;
  title: string | null;
  cwd: string | null;
}

function filesOf(entries: readonly DerivedEntry[]): Iterable<FileNews> {
  const files = new Map<number, FileNews>();
  for (const { file, atMs, state, firstMessage, title, cwd } of entries) {
    const known = files.get(file.fileId);
    const news = known ?? {
      file,
      lines: 0,
      broken: 0,
      unknown: 0,
      startMs: null,
      endMs: file.modifiedAtMs,
      firstMessage: null,
      title: null,
      cwd: null,
    };
    if (known === undefined) files.set(file.fileId, news);
    news.lines += 1;
    news.broken += Number(state === 'broken');
    news.unknown += Number(state === 'unknown');
    if (atMs !== undefined) {
      news.endMs = news.startMs === null ? atMs : Math.max(news.endMs, atMs);
      news.startMs = Math.min(news.startMs ?? atMs, atMs);
    }
    news.firstMessage ??= firstMessage ?? null;
    news.title = title ?? news.title;
    news.cwd ??= cwd ?? null;
  }
  return files.values();
}

async function putFile(session: SqlSession, { file, ...news }: FileNews): Promise<void> {
  await session.run(
    `INSERT INTO conversation_files (file_id, conversation, is_agent, kind, project, lines, broken, unknown, start_ms,
       end_ms, first_message, title, cwd) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (file_id) DO UPDATE SET lines = lines + excluded.lines, broken = broken + excluded.broken,
       unknown = unknown + excluded.unknown,
       end_ms = CASE WHEN excluded.start_ms IS NULL THEN end_ms WHEN start_ms IS NULL THEN excluded.end_ms
         ELSE max(end_ms, excluded.end_ms) END,
       start_ms = min(coalesce(start_ms, excluded.start_ms), coalesce(excluded.start_ms, start_ms)),
       first_message = coalesce(first_message, excluded.first_message), title = coalesce(excluded.title, title),
       cwd = coalesce(cwd, excluded.cwd), conversation = CASE conversation WHEN '' THEN excluded.conversation ELSE conversation END`,
    [
      file.fileId,
      file.conversation,
      Number(file.isAgent),
      file.kind,
      file.project,
      news.lines,
      news.broken,
      news.unknown,
      news.startMs,
      news.endMs,
      news.firstMessage,
      news.title,
      news.cwd,
    ],
  );
}

async function putMessage(session: SqlSession, { entryId, file, atMs, answer }: DerivedEntry): Promise<void> {
  await session.run(
    `INSERT OR REPLACE INTO transcript_entries (entry_id, file_id, conversation, is_agent, at_ms, answer)
     VALUES (?, ?, ?, ?, ?, ?)`,
    [
      entryId,
      file.fileId,
      file.conversation,
      Number(file.isAgent),
      atMs ?? 0,
      answer === undefined ? null : answerKey(answer),
    ],
  );
}

interface EntryOfAnswer extends DerivedEntry {
  readonly answer: NonNullable<DerivedEntry['answer']>;
}

/** The same answer stands on several lines: the last one wins. */
function lastOfAnswers(entries: readonly DerivedEntry[]): Iterable<EntryOfAnswer> {
  const last = new Map<string, EntryOfAnswer>();
  for (const entry of entries) {
    const { answer } = entry;
    if (answer !== undefined) last.set(`${answerKey(answer)} ${answer.isCopy}`, { ...entry, answer });
  }
  return last.values();
}

/** A fork copies notes as well: the first one has it. */
async function putRequest(
  session: SqlSession,
  fileId: number,
  { requestRef, digest, session: name }: TranscriptRequest,
): Promise<void> {
  await session.run(
    `INSERT INTO transcript_requests (request_ref, digest, session, file_id) VALUES (?, ?, ?, ?)
     ON CONFLICT (request_ref) DO NOTHING`,
    [requestRef, digest, name, fileId],
  );
}

/** Requests of the session that no transcript had may be in what was read now. */
async function compareAgain(session: SqlSession, name: string): Promise<void> {
  await session.run(
    `INSERT INTO wire_to_compare (sequence, due_ms)
     SELECT sequence, 0 FROM wire_answers WHERE session = ? AND matched_by IS NULL ORDER BY sequence DESC LIMIT ?
     ON CONFLICT (sequence) DO NOTHING`,
    [name, comparedAgainMax],
  );
}

/** By which the row of an answer is found: the surest of its ids. */
export function answerKey({
  requestId,
  messageId,
  requestRef,
}: Pick<TranscriptAnswer, 'requestId' | 'messageId' | 'requestRef'>): string {
  if (requestId !== undefined) return `r:${requestId}`;
  return messageId !== undefined ? `m:${messageId}` : `q:${requestRef}`;
}

/** Of two files with an answer the one that does not own it is remembered. */
async function noteCopy(
  session: SqlSession,
  answer: string,
  news: { entryId: number; fileId: number; session: string | undefined; isCopy: boolean },
): Promise<void> {
  const [known] = await session.all<{ entryId: number; fileId: number; session: string | null }>(
    'SELECT entry_id AS entryId, file_id AS fileId, session FROM transcript_answers WHERE answer = ?',
    [answer],
  );
  if (known === undefined || known.fileId === news.fileId) return;
  const copy = news.isCopy ? news : known;
  await session.run(
    'INSERT OR REPLACE INTO transcript_copies (answer, file_id, entry_id, session) VALUES (?, ?, ?, ?)',
    [answer, copy.fileId, copy.entryId, copy.session ?? null],
  );
}

/** Forks copy answers into several files: the last one wins. */
async function putAnswer(session: SqlSession, { entryId, atMs, file, answer }: EntryOfAnswer): Promise<void> {
  const { usage, requestId, messageId, requestRef } = answer;
  const key = answerKey(answer);
  await noteCopy(session, key, {
    entryId,
    fileId: file.fileId,
    session: answer.session,
    isCopy: answer.isCopy,
  });
  const [{ sequence } = { sequence: null }] = await session.all<{ sequence: number | null }>(
    `INSERT INTO transcript_answers (answer, entry_id, file_id, request_id, message_id, request_ref, session, agent, model,
       branch, at_ms, is_api_error, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (answer) DO UPDATE SET entry_id = excluded.entry_id,
       file_id = ${answer.isCopy ? 'file_id' : 'excluded.file_id'}, message_id = excluded.message_id,
       request_ref = excluded.request_ref,
       session = CASE WHEN sequence IS NULL THEN excluded.session ELSE session END, agent = excluded.agent, model = excluded.model,
       branch = excluded.branch, at_ms = excluded.at_ms, is_api_error = excluded.is_api_error, input_tokens = excluded.input_tokens,
       output_tokens = excluded.output_tokens, cache_read_tokens = excluded.cache_read_tokens,
       cache_write_tokens = excluded.cache_write_tokens
     RETURNING sequence`,
    [
      key,
      entryId,
      file.fileId,
      requestId ?? null,
      messageId ?? null,
      requestRef ?? null,
      answer.session ?? null,
      answer.agent ?? null,
      answer.model ?? null,
      answer.branch ?? null,
      atMs ?? null,
      Number(answer.isApiError),
      usage.inputTokens ?? null,
      usage.outputTokens ?? null,
      usage.cacheReadTokens ?? null,
      usage.cacheWriteTokens ?? null,
    ],
  );
  if (sequence === null)
    await matchAnswer(session, {
      answer: key,
      ...(requestId === undefined ? {} : { requestId }),
      ...(messageId === undefined ? {} : { messageId }),
    });
}

async function noteFile(
  session: SqlSession,
  { fileId, project, isReplaced, isForgotten }: FileChange,
): Promise<void> {
  if (!isReplaced) {
    await session.run('UPDATE conversation_files SET project = ? WHERE file_id = ? AND project <> ?', [
      project,
      fileId,
      project,
    ]);
    return;
  }
  // What the file said about usage was so all the same, unless nothing of it may stay.
  if (isForgotten) await forgetFile(session, fileId);
  await session.run('DELETE FROM transcript_entries WHERE file_id = ?', [fileId]);
  await session.run('DELETE FROM conversation_files WHERE file_id = ?', [fileId]);
}

async function forgetFile(session: SqlSession, fileId: number): Promise<void> {
  await session.run('DELETE FROM transcript_copies WHERE file_id = ?', [fileId]);
  // What another file says as well was so all the same. What the wire says of the session stays.
  await session.run(
    `UPDATE transcript_answers SET file_id = c.file_id, entry_id = c.entry_id,
       session = CASE WHEN sequence IS NULL THEN c.session ELSE transcript_answers.session END
     FROM (SELECT answer, min(file_id) AS file_id, entry_id, session FROM transcript_copies
       WHERE answer IN (SELECT answer FROM transcript_answers WHERE file_id = ?) GROUP BY answer) c
     WHERE c.answer = transcript_answers.answer`,
    [fileId],
  );
  await session.run(
    `UPDATE wire_answers SET matched_by = NULL
     WHERE sequence IN (SELECT sequence FROM transcript_answers WHERE file_id = ? AND sequence IS NOT NULL)`,
    [fileId],
  );
  await session.run(
    `DELETE FROM session_titles WHERE (conversation, project) IN
       (SELECT conversation, project FROM conversation_files WHERE file_id = ? AND is_agent = 0)`,
    [fileId],
  );
  for (const table of ['transcript_answers', 'transcript_requests'])
    await session.run(`DELETE FROM ${table} WHERE file_id = ?`, [fileId]);
}
