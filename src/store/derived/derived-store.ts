import type { StoredExchange } from '../store.ts';
import type { DerivedConversations } from './derived-conversations.ts';
import type { DerivedDetails } from './derived-details.ts';
import type { DerivedFiles } from './derived-files.ts';
import type { DerivedJoin } from './derived-join.ts';
import type { DerivedSessions } from './derived-sessions.ts';
import type { DerivedText } from './derived-text.ts';
import type { RequestSearch } from './request-search.ts';
import type { Statistics } from './statistics.ts';

/**
 * The port to what is derived: everything in it can be computed again from the facts and the transcripts. One writer
 * (the index thread), any number of readers. All methods may reject with a `StoreError`.
 */
export interface DerivedStore {
  readonly requests: DerivedRequests;
  readonly statistics: Statistics;
  readonly text: DerivedText;
  readonly details: DerivedDetails;
  readonly files: DerivedFiles;
  readonly sessions: DerivedSessions;
  readonly conversations: DerivedConversations;
  readonly join: DerivedJoin;
  readonly find: RequestSearch;
  /** How far a step has come; 0 when it has not begun. The rows of a step and its position are written together. */
  position(step: DerivingStep): Promise<number>;
  /** All of them; absent = not begun. */
  positions(): Promise<Readonly<Partial<Record<DerivingStep, number>>>>;
  /** What its rows are derived from, and how, as `beginDerivation` was told; undefined in an empty one. */
  derivation(): Promise<string | undefined>;
  beginDerivation(derivation: string): Promise<void>;
  /** Makes the writer derive everything anew, while this is served; also one that starts later. */
  askForRebuild(): Promise<void>;
  /** True from then on until the new one is in its place. */
  isRebuildAskedFor(): Promise<boolean>;
  /** A cheap look at the file. */
  health(): Promise<DerivedHealth>;
  close(): Promise<void>;
}

/** Steps of deriving; each has a position of its own. */
export type DerivingStep =
  | 'deletions'
  | 'prunings'
  | 'details'
  | 'forgotten-files'
  | 'requests'
  | 'text'
  | 'transcript-documents'
  | 'transcript-entries'
  | 'transcript-files'
  | 'transcript-text'
  | 'wire-answers';

/** One row for each exchange. */
export interface DerivedRequests {
  /**
   * Adds what came after the position of the step `requests`, and moves that position, in one transaction.
   * Exchanges up to the position are there already and change nothing.
   * @param through sequence up to which nothing is missing afterwards
   */
  append(requests: readonly DerivedRequest[], through: number): Promise<void>;
  count(): Promise<number>;
  /** Sequences beyond `sequence`, ascending, at most `limit`. */
  sequencesAfter(sequence: number, limit: number): Promise<number[]>;
  /**
   * Forgets requests, with everything that is summed over them, in one transaction. Their texts are to be forgotten
   * before. Idempotent.
   */
  forget(sequences: readonly number[]): Promise<void>;
  /** Requests whose texts must be read again, because what had the same text first is forgotten; at most `limit`. */
  toReadAgain(limit: number): Promise<number[]>;
  /** They were read. */
  haveReadAgain(sequences: readonly number[]): Promise<void>;
  /**
   * The texts of these requests are forgotten with their bodies: what had the same text later is to be read again. Moves
   * the position of the step `prunings`.
   */
  haveForgottenTexts(sequences: readonly number[], through: number): Promise<void>;
  /** Everything that is deleted up to this count of the store is forgotten. */
  haveForgotten(deletedTotal: number): Promise<void>;
}

export interface DerivedRequest {
  readonly exchange: StoredExchange;
  /** Billionths of a US dollar; undefined = unknown. */
  readonly costNanos: number | undefined;
}

export interface DerivedHealth {
  readonly requests: number;
  /** Sequence up to which the facts are derived. */
  readonly through: number;
  readonly bytes: number;
}
