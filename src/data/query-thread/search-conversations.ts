import type { DerivedStore, TextSearch } from '#store';

export interface ConversationSearch {
  readonly texts: Omit<TextSearch, 'offset' | 'limit' | 'snippetsMax'>;
  /** Directory that the client made for the project. */
  readonly project: string | undefined;
  readonly offset: number;
  readonly limit: number;
}

export interface ConversationsFound {
  readonly total: number;
  readonly conversations: readonly {
    readonly id: string;
    /** undefined when there is no transcript of the session. */
    readonly project: string | undefined;
    readonly matches: number;
    readonly lastActivityMs: number;
  }[];
}

/** Conversations for which it is found out which project they belong to, when only those of one are wanted. */
const conversationsMax = 2_000;

/** Sessions in which something is found, with what their transcripts say about them. */
export async function searchConversations(
  derived: DerivedStore,
  { texts, project, offset, limit }: ConversationSearch,
): Promise<ConversationsFound> {
  const isAny = project === undefined;
  const page = isAny ? { offset, limit } : { offset: 0, limit: conversationsMax };
  const found = await derived.text.search({ ...texts, ...page, snippetsMax: 0 });
  // Without words there is nothing to find, which is what older clients expect of a blank box.
  if (found.kind === 'refused') return { total: 0, conversations: [] };
  const conversations = [];
  for (const { sessionId, matches, lastMatchMs } of found.sessions) {
    const known = sessionId === undefined ? undefined : await derived.conversations.find(sessionId, project);
    if (known === undefined && !isAny) continue;
    conversations.push({
      id: sessionId ?? '',
      project: known?.project,
      matches,
      lastActivityMs: known?.endMs ?? lastMatchMs,
    });
  }
  if (isAny) return { total: found.total, conversations };
  return { total: conversations.length, conversations: conversations.slice(offset, offset + limit) };
}
