import type { ArchivedLine, ConversationPage, DerivedConversation, MessagePage } from '#store';
import { type Entry, readEntry } from '#transcripts';
import type { QuerySources } from './query-sources.ts';

/** A whole conversation is no larger than this in an answer. */
const wholeBytesMax = 64 * 1024 * 1024;
const linesAtOnce = 500;
const conversationsOfProjectMax = 100;

export interface WholeConversation {
  readonly conversation: DerivedConversation;
  readonly entries: readonly ShownEntry[];
  readonly isCut: boolean;
}

/** What routes show of an entry; the rest stays in the thread. */
export type ShownEntry = Omit<Entry, 'record' | 'blocks'> & {
  readonly timestamp: string;
  readonly userType: string;
  readonly message: unknown;
};

/** What the query thread can be asked about conversations. */
export const conversationQueries = {
  'conversations.list': ({ derived }: QuerySources, page: ConversationPage) =>
    derived.conversations.list(page),

  'conversations.projects': ({ derived }: QuerySources, _input: undefined) =>
    derived.conversations.projects(),

  async 'conversations.whole'(
    sources: QuerySources,
    { id, project }: { readonly id: string; readonly project?: string },
  ): Promise<WholeConversation | undefined> {
    const conversation = await sources.derived.conversations.find(id, project);
    return conversation && readWhole(sources, conversation, wholeBytesMax);
  },

  async 'conversations.ofProject'(sources: QuerySources, project: string): Promise<WholeConversation[]> {
    const page = { project, offset: 0, limit: conversationsOfProjectMax };
    const whole: WholeConversation[] = [];
    let bytesLeft = wholeBytesMax;
    for (const conversation of await sources.derived.conversations.list(page)) {
      if (bytesLeft <= 0) break;
      const { bytes, ...read } = await readWhole(sources, conversation, bytesLeft);
      whole.push(read);
      bytesLeft -= bytes;
    }
    return whole;
  },

  async 'conversations.messages'(
    { derived, transcripts }: QuerySources,
    { id, ...page }: MessagePage & { readonly id: string },
  ): Promise<{ readonly total: number; readonly entries: readonly ShownEntry[] }> {
    const { total, entryIds } = await derived.conversations.messages(id, page);
    const lines = await transcripts.use((archive) => archive.lines(entryIds));
    const conversation = await derived.conversations.find(id);
    return { total, entries: lines.map((line) => shown(line, conversation?.kind)) };
  },

  'conversations.usage': ({ derived }: QuerySources, id: string) => derived.conversations.usage(id),
  'conversations.join': ({ derived }: QuerySources, limit: number) => derived.join.report(limit),
  'conversations.joinRate': ({ derived }: QuerySources, _input: undefined) => derived.join.rate(),
} as const;

async function readWhole(
  { transcripts }: QuerySources,
  conversation: DerivedConversation,
  bytesMax: number,
): Promise<WholeConversation & { readonly bytes: number }> {
  const entries: ShownEntry[] = [];
  let bytes = 0;
  for (let afterEntry = 0; ; ) {
    const page = { afterEntry, limit: linesAtOnce };
    const lines = await transcripts.use((archive) => archive.linesOf(conversation.fileId, page));
    for (const line of lines) {
      bytes += line.bytes.length;
      if (bytes > bytesMax) return { conversation, entries, bytes, isCut: true };
      if (line.bytes.length > 0) entries.push(shown(line, conversation.kind));
    }
    const last = lines.at(-1);
    if (last === undefined) return { conversation, entries, bytes, isCut: false };
    afterEntry = last.entryId;
  }
}

function shown(line: ArchivedLine, kind: string | undefined): ShownEntry {
  const { record, blocks: _blocks, ...entry } = readEntry(kind === 'codex' ? 'codex' : 'claude', line.bytes);
  return {
    ...entry,
    timestamp: typeof record.timestamp === 'string' ? record.timestamp : '',
    userType: typeof record.userType === 'string' ? record.userType : '',
    message: record.message ?? (kind === 'codex' ? record.payload : undefined) ?? null,
  };
}
