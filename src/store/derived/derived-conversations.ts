import type { ExchangeId, Usage } from '#exchange';

/** What is derived from transcripts, and how it meets what was recorded on the wire. */
export interface DerivedConversations {
  /**
   * Adds entries and moves the position of `transcript-entries` to the piece `through`, in one transaction. Pieces
   * up to the position are there already and change nothing.
   */
  appendEntries(entries: readonly DerivedEntry[], through: number): Promise<void>;
  /** Takes over what became of files, and moves the position of `transcript-files`. */
  noteFiles(changes: readonly FileChange[], through: number): Promise<void>;
  /** Adds answers of the wire, and moves the position of `wire-answers`. */
  appendWireAnswers(answers: readonly WireAnswer[], through: number): Promise<void>;
  /** Newest first. */
  list(page: ConversationPage): Promise<DerivedConversation[]>;
  /** The newest of this session; `project` chooses when several projects have one. */
  find(id: string, project?: string): Promise<DerivedConversation | undefined>;
  /** Ids of entries that are messages, in the order of their times. */
  messages(
    id: string,
    page: MessagePage,
  ): Promise<{ readonly total: number; readonly entryIds: readonly number[] }>;
  /** Tokens of a session, each answer counted once and credited to the session that asked. */
  usage(id: string): Promise<SessionUsage>;
  /** How the answers in transcripts meet those on the wire. */
  join(limit: number): Promise<JoinReport>;
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
  readonly session?: string;
  readonly agent?: string;
  readonly model?: string;
  readonly isApiError: boolean;
  readonly usage: Usage;
}

export interface FileChange {
  readonly fileId: number;
  readonly project: string;
  readonly isReplaced: boolean;
}

export interface WireAnswer {
  readonly sequence: number;
  readonly id: ExchangeId;
  readonly atMs: number;
  readonly requestId?: string;
  readonly messageId?: string;
  readonly session?: string;
  readonly requestClass?: string;
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

export interface SessionUsage {
  readonly answers: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
}

export interface JoinReport {
  /** Answers in transcripts, and those of them that were met on the wire. */
  readonly answers: number;
  readonly matched: number;
  /** Answers in transcripts that never passed, the newest first. */
  readonly neverPassed: readonly {
    readonly requestId: string | null;
    readonly messageId: string | null;
    readonly session: string | null;
    readonly atMs: number | null;
  }[];
  /** Answers on the wire that stand in no transcript, the newest first. */
  readonly inNoTranscript: readonly {
    readonly id: ExchangeId;
    readonly session: string | null;
    readonly requestClass: string | null;
    readonly atMs: number;
  }[];
}
