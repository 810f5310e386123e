import type { ArchivedFile, ArchivedLine, DerivedEntry, DerivedStore, TranscriptStore } from '#store';
import { type Entry, placeOf, readEntry } from '#transcripts';
import { isForgotten } from './forget-transcripts.ts';
import type { Step } from './step.ts';

/** Some 20 ms of work. */
const bytesPerPiece = 1024 * 1024;
const filesPerPiece = 500;
const firstMessageCharactersMax = 200;
const rememberedFiles = 10_000;

/** Conversations, their messages and the usage of their answers, out of archived transcripts. */
export function deriveConversations(transcripts: TranscriptStore, derived: DerivedStore): Step {
  const files = new Map<number, DerivedEntry['file']>();

  async function fileOf(line: ArchivedLine, entry: Entry): Promise<DerivedEntry['file']> {
    const known = files.get(line.fileId);
    if (known !== undefined) return known;
    const file = await transcripts.file(line.fileId);
    const described = describeFile(line.fileId, file, entry);
    // A file of an older client says only in one of its lines which session it belongs to.
    if (described.conversation !== '') files.set(line.fileId, described);
    if (files.size > rememberedFiles) files.delete(files.keys().next().value!);
    return described;
  }

  return {
    name: 'conversations',
    async run() {
      const hasMoreFiles = await takeFileChanges(transcripts, derived, files);
      const before = await derived.position('transcript-entries');
      const pieces = await transcripts.piecesAfter(before, bytesPerPiece);
      const last = pieces.at(-1);
      if (last === undefined) return hasMoreFiles ? 'more' : 'idle';
      const entries: DerivedEntry[] = [];
      for (const piece of pieces) {
        for (const line of piece.lines) {
          if (line.bytes.length === 0) continue;
          const kind = files.get(line.fileId)?.kind ?? (await transcripts.file(line.fileId))?.kind;
          const entry = readEntry(kind === 'codex' ? 'codex' : 'claude', line.bytes);
          entries.push(deriveEntry(line, piece.id, await fileOf(line, entry), entry));
        }
      }
      await derived.conversations.appendEntries(entries, last.id);
      return 'more';
    },
  };
}

async function takeFileChanges(
  transcripts: TranscriptStore,
  derived: DerivedStore,
  files: Map<number, DerivedEntry['file']>,
): Promise<boolean> {
  const changed = await transcripts.filesAfter(await derived.position('transcript-files'), filesPerPiece);
  const last = changed.at(-1);
  if (last === undefined) return false;
  for (const { id } of changed) files.delete(id);
  const changes = changed.map((file) => ({
    fileId: file.id,
    project: projectOf(file),
    isReplaced: file.replacedAtMs !== null,
    isForgotten: isForgotten(file),
  }));
  await derived.conversations.noteFiles(changes, last.change);
  return changed.length === filesPerPiece;
}

function describeFile(fileId: number, file: ArchivedFile | undefined, entry: Entry): DerivedEntry['file'] {
  const place = file && placeOf(file.kind, file.path);
  return {
    fileId,
    kind: file?.kind ?? 'claude',
    conversation: place?.sessionId ?? entry.sessionId ?? '',
    isAgent: place?.agentId !== undefined,
    project: file === undefined ? '' : projectOf(file),
    modifiedAtMs: file?.modifiedAtMs ?? 0,
  };
}

/** The directory that Claude Code made of the working directory; Codex sorts its files by day instead. */
function projectOf({ kind, path }: ArchivedFile): string {
  return placeOf(kind, path)?.project ?? (kind === 'codex' ? 'codex' : '');
}

function deriveEntry(
  line: ArchivedLine,
  piece: number,
  file: DerivedEntry['file'],
  entry: Entry,
): DerivedEntry {
  const firstMessage = firstMessageOf(entry);
  const title = entry.kind === 'title' ? entry.blocks[0]?.text : undefined;
  const answer = answerOf(file, entry);
  const request = requestOf(file, entry);
  return {
    entryId: line.entryId,
    piece,
    file,
    atMs: entry.atMs,
    isMessage: entry.uuid !== undefined,
    state: entry.kind === 'broken' || entry.kind === 'unknown' ? entry.kind : 'known',
    ...(firstMessage === undefined ? {} : { firstMessage }),
    ...(title === undefined ? {} : { title }),
    ...(entry.cwd === undefined ? {} : { cwd: entry.cwd }),
    ...(answer === undefined ? {} : { answer }),
    ...(request === undefined ? {} : { request }),
  };
}

function requestOf(file: DerivedEntry['file'], entry: Entry): DerivedEntry['request'] {
  const { requestRef, requestDigest: digest } = entry;
  if (requestRef === undefined || digest === undefined) return undefined;
  return { requestRef, digest, session: entry.requestSessionId ?? entry.sessionId ?? file.conversation };
}

/** What the user said first, in so many characters. */
function firstMessageOf({ kind, isMeta, blocks }: Entry): string | undefined {
  if (kind !== 'user' || isMeta) return undefined;
  const text = blocks.find((block) => block.kind === 'text' && block.text.trim() !== '')?.text;
  if (text === undefined) return undefined;
  const characters = [...text.slice(0, 2 * firstMessageCharactersMax)];
  if (characters.length <= firstMessageCharactersMax) return text;
  return `${characters.slice(0, firstMessageCharactersMax).join('')}...`;
}

/** Counted once for each answer, and credited to the session that asked: forks copy the lines of others. */
function answerOf(file: DerivedEntry['file'], entry: Entry): DerivedEntry['answer'] {
  const { requestId, messageId, usage, isApiError } = entry;
  const requestRef = entry.kind === 'assistant' ? entry.requestRef : undefined;
  if ((requestId ?? messageId ?? requestRef) === undefined) return undefined;
  const isAnswer = usage !== undefined || (isApiError && requestId !== undefined);
  if (!isAnswer) return undefined;
  const session = entry.requestSessionId ?? entry.sessionId ?? file.conversation;
  return {
    ...(requestId === undefined ? {} : { requestId }),
    ...(messageId === undefined ? {} : { messageId }),
    ...(requestRef === undefined ? {} : { requestRef }),
    isCopy: entry.requestSessionId !== undefined && entry.requestSessionId !== file.conversation,
    session,
    ...(entry.agentId === undefined ? {} : { agent: entry.agentId }),
    ...(entry.model === undefined ? {} : { model: entry.model }),
    ...(entry.gitBranch === undefined ? {} : { branch: entry.gitBranch }),
    isApiError,
    usage: usage ?? {},
  };
}
