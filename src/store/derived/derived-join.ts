import type { ExchangeId } from '#exchange';

/** How requests on the wire meet what transcripts say about them. */
export interface DerivedJoin {
  /** Adds requests of the wire, and moves the position of `wire-answers`, in one transaction. */
  append(requests: readonly WireRequest[], through: number): Promise<void>;
  /** Requests that should have met their transcript by their ids and did not, the oldest first. */
  due(nowMs: number, limit: number): Promise<DueRequest[]>;
  /** Looks for them by digest, then by what was said, and takes them from those that are due. Idempotent. */
  compare(requests: readonly ComparedRequest[]): Promise<void>;
  rate(): Promise<JoinRate>;
  /** @param limit of the rows of each list */
  report(limit: number): Promise<JoinReport>;
}

/** By what an answer was found; a later one only counts where no earlier one did. */
export const matchKinds = ['request-id', 'message-id', 'digest', 'content'] as const;
export type MatchKind = (typeof matchKinds)[number];

export interface WireRequest {
  readonly sequence: number;
  readonly id: ExchangeId;
  readonly atMs: number;
  /** From then on its transcript has had time to be read. */
  readonly dueMs: number;
  readonly requestId?: string;
  readonly messageId?: string;
  readonly session?: string;
  readonly agent?: string;
  readonly requestClass?: string;
  /** A whole answer that is no error. */
  readonly isAnswered: boolean;
  /** Asks for no answer of a model, so no transcript has it. */
  readonly isCount: boolean;
}

export interface DueRequest {
  readonly sequence: number;
  readonly id: ExchangeId;
  /** Its session writes digests of its requests down, and that of this one is not known yet. */
  readonly wantsDigest: boolean;
}

export interface ComparedRequest {
  readonly sequence: number;
  /** SHA-256, 64 hex characters; absent: not wanted, or it cannot be had. */
  readonly digest?: string;
}

export interface JoinRate {
  /** Answers in transcripts, and those of them that were met on the wire. */
  readonly answers: number;
  readonly matched: number;
  /** The same, of sessions of which something was recorded. */
  readonly recordedAnswers: number;
  readonly recordedMatched: number;
  /** Of those that were met: the tokens on either side differ. */
  readonly mismatched: number;
}

/** Why a request may stand in no transcript. */
export const absences = ['helper', 'aborted', 'failed', 'double', 'other'] as const;
export type Absence = (typeof absences)[number];

export interface JoinTokens {
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly cacheReadTokens: number | null;
  readonly cacheWriteTokens: number | null;
}

export interface JoinReport extends JoinRate {
  readonly matchedBy: Readonly<Record<MatchKind, number>>;
  /** Sums over the answers that were met. */
  readonly wire: JoinTokens;
  readonly transcripts: JoinTokens;
  /** Answers of which the two sides say something different, the newest first. */
  readonly mismatches: readonly {
    readonly id: ExchangeId;
    readonly session: string | null;
    readonly requestId: string | null;
    readonly messageId: string | null;
    readonly atMs: number;
    readonly wire: JoinTokens;
    readonly transcript: JoinTokens;
  }[];
  /** Answers in transcripts that never passed, the newest first. */
  readonly neverPassed: readonly {
    readonly requestId: string | null;
    readonly messageId: string | null;
    readonly session: string | null;
    readonly agent: string | null;
    readonly atMs: number | null;
  }[];
  /** Requests of sessions that stand in no transcript, the newest first. */
  readonly inNoTranscript: readonly {
    readonly id: ExchangeId;
    readonly session: string | null;
    readonly requestClass: string | null;
    readonly atMs: number;
    readonly why: Absence;
    readonly outputTokens: number | null;
    /** Billionths of a US dollar; null = unknown. */
    readonly costNanos: number | null;
  }[];
  /** All of them, by why; only reasons that there are. */
  readonly absent: readonly AbsentSums[];
}

export interface AbsentSums {
  readonly why: Absence;
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costNanos: number;
  /** Requests with tokens whose price is unknown. */
  readonly costUnknown: number;
}
