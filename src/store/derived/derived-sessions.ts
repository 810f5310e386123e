import type { ExchangeId } from '#exchange';
import type { TranscriptAnswer } from './derived-conversations.ts';
import type { Measures } from './statistics.ts';

/** Sessions as users know them: what was recorded of them and what their transcripts say, in one. */
export interface DerivedSessions {
  /** The one active last first. */
  list(page: SessionPage): Promise<DerivedSession[]>;
  find(id: string): Promise<DerivedSession | undefined>;
  /** Recorded requests of a session, oldest first. */
  requests(id: string, page: MomentPage): Promise<SessionRequest[]>;
  /** Entries of its transcripts, oldest first, those of its agents included. */
  entries(id: string, page: MomentPage): Promise<SessionEntry[]>;
  /** The recorded requests that answers in transcripts came from, by the id of the entry. */
  joined(answers: readonly AnswerOfEntry[]): Promise<Map<number, JoinedRequest>>;
}

export interface SessionPage {
  /** Directory that the client made for the project. */
  readonly project?: string | undefined;
  readonly before?: SessionPlace | undefined;
  readonly limit: number;
}

/** Where a page of sessions ended. */
export interface SessionPlace {
  readonly lastAtMs: number;
  readonly id: string;
}

export interface DerivedSession {
  readonly id: string;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  /** Undefined when nothing of it was recorded. */
  readonly wire?: Measures & { readonly agents: number };
  /** Undefined when there is no transcript. */
  readonly transcript?: {
    readonly kind: string;
    readonly project: string;
    readonly lines: number;
    readonly title: string | null;
    readonly firstMessage: string | null;
    readonly cwd: string | null;
  };
  /** Files that its agents worked on. */
  readonly files: number;
}

/** From that moment on; of the same moment what lies behind `after`. */
export interface MomentPage {
  readonly fromMs: number;
  /** Sequence of a request or id of an entry. */
  readonly after: number;
  readonly limit: number;
}

export interface SessionRequest {
  readonly sequence: number;
  readonly id: ExchangeId;
  readonly atMs: number;
  readonly costNanos: number | undefined;
  /** A transcript has the answer. */
  readonly isInTranscript: boolean;
}

export interface SessionEntry {
  readonly entryId: number;
  readonly atMs: number;
  readonly isAgent: boolean;
}

/** The ids by which the answer that an entry is part of can be found. */
export interface AnswerOfEntry extends Pick<TranscriptAnswer, 'requestId' | 'messageId' | 'requestRef'> {
  readonly entryId: number;
}

export interface JoinedRequest {
  readonly id: ExchangeId;
  readonly costNanos: number | undefined;
}
