import type { BodySide, Exchange, ExchangeId, ExchangeOutcome, OpenExchange } from '#exchange';

/**
 * The port to the store: facts only, written once, never updated. Every engine passes `store.contract.ts`.
 * All methods may reject with a `StoreError`; none of them hides a failure.
 */
export interface Store {
  /**
   * Commits finished exchanges, their bodies, the journal position they came from and the open exchanges, all in
   * one transaction. Idempotent: an exchange that is already stored is left as it is, so replaying a segment
   * changes nothing. Rejects with `busy` when another process holds the write lock; nothing is stored then.
   */
  commit(batch: StoreBatch): Promise<CommitResult>;

  /** How far the journal of each core has been stored; empty map for a new store. */
  journalPositions(): Promise<ReadonlyMap<string, JournalPosition>>;
  /** Forgets the position of a core whose journal directory is gone. Idempotent. */
  forgetJournal(coreId: string): Promise<void>;

  /** The exchange with this id; undefined when absent. */
  exchange(id: ExchangeId): Promise<StoredExchange | undefined>;
  /** Ids that begin or end with the text (lower-case hex), newest first, at most `limit`. */
  findIds(fragment: string, limit: number): Promise<ExchangeId[]>;
  /** A page, newest first (`receivedAtMs`, then id). */
  list(filter: ExchangeFilter, page: ExchangePage): Promise<ExchangeListing>;
  /** Number of exchanges that pass the filter. */
  count(filter: ExchangeFilter): Promise<number>;
  /** `receivedAtMs` of the newest exchange; undefined when the store is empty. */
  latestReceivedAtMs(): Promise<number | undefined>;
  /** Exchanges stored after `sequence`, in the order they were stored, at most `limit`. */
  storedAfter(sequence: number, limit: number): Promise<StoredExchange[]>;
  /** Sequence of the exchange that was stored last, deleted ones included; 0 for a new store. */
  lastSequence(): Promise<number>;
  /** How many exchanges were ever deleted: whoever keeps something about exchanges looks again when it has grown. */
  deletedTotal(): Promise<number>;
  /** Sequences of stored exchanges beyond `sequence`, ascending, at most `limit`. */
  sequencesAfter(sequence: number, limit: number): Promise<number[]>;
  /**
   * A text that this store alone has, and keeps: a sequence means nothing in a store of another epoch. One that was
   * built anew has another, and so has a copy that `backup` made.
   */
  epoch(): Promise<string>;
  /** Exchanges in flight as of the last commit. */
  openExchanges(): Promise<OpenExchange[]>;

  /**
   * The exact bytes of one body in pieces of at most 1 MiB; undefined when the exchange is unknown, or
   * has no body of its own on that side of the provider, or when bodies were pruned. A body that
   * was partly lost yields the bytes that exist. Rejects with `corrupt` when a piece is missing or damaged.
   */
  body(id: ExchangeId, side: BodySide): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** When the bytes of a response arrived; undefined when unknown. */
  arrivals(id: ExchangeId): Promise<readonly Arrival[] | undefined>;

  /**
   * Deletes exchanges and their bodies, then pieces that no body needs. In bounded slices.
   * @param note is told the ids of each slice before it goes
   */
  delete(
    filter: ExchangeFilter,
    note?: (ids: readonly ExchangeId[]) => Promise<void>,
  ): Promise<{ readonly exchanges: number }>;

  /**
   * Deletes the bodies of exchanges, then pieces that no body needs, and keeps everything else about them. In bounded
   * slices, oldest first; those without bodies are passed over.
   */
  pruneBodies(filter: ExchangeFilter, nowMs: number): Promise<{ readonly exchanges: number }>;
  /** Exchanges that pass the filter and have their bodies, and the bytes that these had when they were recorded. */
  bodiesOf(filter: ExchangeFilter): Promise<{ readonly exchanges: number; readonly bytes: number }>;
  /** `receivedAtMs` of the oldest exchange but `skip`, of those with bodies or of all; undefined when there are not so many. */
  receivedAtMsOf(oldest: {
    readonly skip: number;
    readonly withBodies: boolean;
  }): Promise<number | undefined>;
  /** Exchanges whose bodies were pruned, in the order of pruning, after this number. */
  prunedAfter(
    number: number,
    limit: number,
  ): Promise<readonly { readonly number: number; readonly sequence: number }[]>;

  /** Recomputes every hash; yields problems and, at the end, totals. */
  verify(): AsyncIterable<VerifyProgress>;
  /** A consistent copy made while the store is in use. `target` must not exist. */
  backup(target: string): Promise<void>;
  /** Reads everything once, without recomputing hashes; rejects with `corrupt` when the structure is damaged. */
  check(): Promise<void>;
  /** Cheap truth for health checks: reads and reports sizes; rejects when the store is unusable. */
  health(): Promise<StoreHealth>;
  close(): Promise<void>;
}

export interface StoreBatch {
  readonly exchanges: readonly ExchangeToStore[];
  /** New position for each core that this batch read from. Monotonic: an older position never replaces a newer one. */
  readonly positions: readonly JournalPosition[];
  /** Replaces the table of open exchanges; undefined leaves it. */
  readonly open?: readonly OpenExchange[];
}

export interface ExchangeToStore {
  readonly exchange: Exchange;
  readonly request: SlicedBody;
  readonly response: SlicedBody;
  readonly responseArrivals: readonly Arrival[];
  /** There exactly when the exchange has the facts of the same name. */
  readonly providerRequest?: SlicedBody;
  readonly providerResponse?: SlicedBody;
}

/** A body in order. Concatenating the pieces gives the exact bytes. */
export interface SlicedBody {
  readonly pieces: readonly BodyPiece[];
}

export type BodyPiece =
  /** Stored once however often it occurs; `sha256` is of the bytes, 32 bytes long. */
  | { readonly kind: 'chunk'; readonly sha256: Uint8Array; readonly bytes: Uint8Array }
  /** Stored with this body. */
  | { readonly kind: 'literal'; readonly bytes: Uint8Array };

/** `bytes` more of the body arrived `afterUs` microseconds after acceptance of the request. */
export interface Arrival {
  readonly afterUs: number;
  readonly bytes: number;
}

export interface JournalPosition {
  readonly coreId: string;
  readonly segmentNumber: number;
  /** Everything before this offset of that segment, and every earlier segment, is stored or not needed again. */
  readonly offset: number;
}

export interface CommitResult {
  /** Exchanges that were new. */
  readonly stored: number;
  /** Exchanges that the store already had. */
  readonly known: number;
}

/** An exchange with its place in the order of storing. */
export interface StoredExchange extends Exchange {
  readonly sequence: number;
  /** When its bodies were deleted, milliseconds since 1970; absent while they are there. */
  readonly bodiesPrunedAtMs?: number;
}

/** All conditions hold together; absent ones do not restrict. */
export interface ExchangeFilter {
  /** Half open: `fromMs <= receivedAtMs < toMs`. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Part of the asked model, without case; `%` and `_` are ordinary characters. */
  readonly modelContains?: string;
  readonly id?: ExchangeId;
  readonly provider?: string;
  readonly sessionId?: string;
  readonly agentId?: string;
  readonly tag?: string;
  readonly path?: string;
  readonly outcome?: ExchangeOutcome;
  readonly statusFrom?: number;
  readonly statusBelow?: number;
}

export type ExchangePage =
  /** Old style; `limit` 0 = all. */
  | { readonly offset: number; readonly limit: number }
  /** Keyset: what comes after (is older than) this place. */
  | { readonly after: ListPlace | undefined; readonly limit: number };

export interface ListPlace {
  readonly receivedAtMs: number;
  readonly id: ExchangeId;
}

export interface ExchangeListing {
  readonly exchanges: readonly StoredExchange[];
  /** Set when there is more. */
  readonly next?: ListPlace;
}

export type VerifyProgress =
  | {
      readonly kind: 'damage';
      readonly exchangeId?: ExchangeId;
      readonly side?: BodySide;
      readonly sentence: string;
    }
  | {
      readonly kind: 'totals';
      readonly exchanges: number;
      readonly bodies: number;
      readonly chunks: number;
      readonly damaged: number;
    };

export interface StoreHealth {
  readonly engine: string;
  readonly location: string;
  readonly exchanges: number;
  readonly bytes: number;
  readonly schemaVersion: number;
}

export type StoreErrorCode = 'busy' | 'full' | 'corrupt' | 'missing' | 'moved' | 'too-slow' | 'unusable';

/** `busy` and `full` pass; `too-slow` says that a query took longer than it may; `corrupt` and `moved` (the file is another one than was opened) need a new file. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.code = code;
  }
}
