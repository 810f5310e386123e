import type { Usage } from '#exchange';

/** What is derived from transcripts. */
export interface DerivedConversations {
  /**
   * Adds entries and moves the position of `transcript-entries` to the piece `through`, in one transaction. Pieces
   * up to the position are there already and change nothing.
   */
  appendEntries(entries: readonly DerivedEntry[], through: number): Promise<void>;
  /** Takes over what became of files, and moves the position of `transcript-files`. */
  noteFiles(changes: readonly FileChange[], through: number): Promise<void>;
  /** Takes over titles, and moves the position of `transcript-documents`. */
  noteTitles(titles: readonly SessionTitle[], through: number): Promise<void>;
  /** Forgets every other title. */
  keepTitles(titles: readonly Pick<SessionTitle, 'conversation' | 'project'>[]): Promise<void>;
  /** Newest first. */
  list(page: ConversationPage): Promise<DerivedConversation[]>;
  /** The newest of this session; `project` chooses when several projects have one. */
  find(id: string, project?: string): Promise<DerivedConversation | undefined>;
  /** Where sessions work: the directory of the latest transcript of each, or what the client calls its project. */
  projects(): Promise<SessionProject[]>;
  /** Ids of entries that are messages, in the order of their times. */
  messages(
    id: string,
    page: MessagePage,
  ): Promise<{ readonly total: number; readonly entryIds: readonly number[] }>;
  /** Tokens of a session, each answer counted once and credited to the session that asked. */
  usage(id: string): Promise<SessionUsage>;
}

export interface DerivedEntry {
  readonly entryId: number;
  readonly piece: number;
  readonly file: FileOfEntries;
  /** Where the entry has no time: that of the file. */
  readonly atMs: number | undefined;
  /** True when it can be asked for as a message: it has an id of its own. */
  readonly isMessage: boolean;
  readonly state: 'known' | 'unknown' | 'broken';
  readonly firstMessage?: string;
  readonly title?: string;
  readonly cwd?: string;
  readonly answer?: TranscriptAnswer;
  readonly request?: TranscriptRequest;
}

export interface FileOfEntries {
  readonly fileId: number;
  readonly kind: string;
  readonly conversation: string;
  readonly isAgent: boolean;
  readonly project: string;
  readonly modifiedAtMs: number;
}

export interface TranscriptAnswer {
  readonly requestId?: string;
  readonly messageId?: string;
  /** Of the note about its request. */
  readonly requestRef?: string;
  readonly session?: string;
  readonly agent?: string;
  readonly model?: string;
  readonly branch?: string;
  /** A fork copied the line: the session that asked has it in a file of its own. */
  readonly isCopy: boolean;
  readonly isApiError: boolean;
  readonly usage: Usage;
}

/** What the client noted about a request that it sent. */
export interface TranscriptRequest {
  readonly requestRef: string;
  /** See `requestDigest`. */
  readonly digest: string;
  readonly session: string;
}

export interface FileChange {
  readonly fileId: number;
  readonly project: string;
  readonly isReplaced: boolean;
  /** Its lines are not in the archive any more. */
  readonly isForgotten: boolean;
}

/** A title that stands in a file of its own, beside the transcript. */
export interface SessionTitle {
  readonly project: string;
  readonly conversation: string;
  readonly title: string;
}

export interface ConversationPage {
  readonly project?: string;
  readonly offset: number;
  readonly limit: number;
}

export interface MessagePage {
  readonly offset: number;
  readonly limit: number;
  readonly includesAgents: boolean;
}

export interface DerivedConversation {
  readonly fileId: number;
  readonly id: string;
  readonly kind: string;
  readonly project: string;
  readonly lines: number;
  readonly startMs: number | null;
  readonly endMs: number;
  readonly firstMessage: string | null;
  readonly title: string | null;
  readonly cwd: string | null;
}

export interface SessionProject {
  readonly sessionId: string;
  readonly project: string;
  /** What the client calls it. */
  readonly directory: string;
  readonly lastAtMs: number;
}

export interface SessionUsage {
  readonly answers: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
}
