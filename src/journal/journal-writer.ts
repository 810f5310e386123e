import type {
  AttemptEnded,
  AttemptStarted,
  BodySide,
  ExchangeClosed,
  ExchangeId,
  ExchangeOpened,
  ResponseOpened,
  RouteChosen,
} from '#exchange';

/**
 * What proxy-core sees of the journal. Nothing here throws, blocks or waits for the disk, except where a promise
 * says so: a journal that cannot be written costs bodies and is counted, it never costs traffic.
 */
export interface JournalWriter {
  readonly coreId: string;
  /** Begins an exchange. The bytes of one exchange are written in the order of the calls. */
  open(id: ExchangeId, opened: ExchangeOpened): ExchangeJournal;
  /** Counters for `/health` and `/metrics`. */
  state(): JournalWriterState;
  /** Writes what is pending, seals the segment and releases the lock. Resolves also when the disk fails. */
  close(): Promise<void>;
}

/** The journal of one exchange. The writer does not copy `bytes`: the caller must not change them afterwards. */
export interface ExchangeJournal {
  routeChosen(route: RouteChosen): void;
  attemptStarted(attempt: AttemptStarted): void;
  attemptEnded(attempt: AttemptEnded): void;
  responseOpened(response: ResponseOpened): void;
  /**
   * Keeps a copy of body bytes, or counts a gap when a bound is hit.
   * @param checksum CRC-32 of `bytes` when the caller has it: then they are not read again for that of the frame
   */
  bytes(side: BodySide, bytes: Uint8Array, checksum?: number): void;
  /** Bytes that the journal left out so far. */
  dropped(side: BodySide): number;
  /**
   * Ends the exchange. Resolves when the frame is written (`durability: process`) or synced (`power`), or as soon
   * as it is certain that it cannot be: the caller may then end the answer. Never rejects.
   */
  closed(closed: Omit<ExchangeClosed, 'requestBytesDropped' | 'responseBytesDropped'>): Promise<void>;
}

export interface JournalWriterState {
  readonly healthy: boolean;
  /** What is wrong, in words, when not healthy. */
  readonly trouble?: string;
  readonly pendingBytes: number;
  readonly writtenBytes: number;
  /** Of them those that a power cut may still take. */
  readonly unsyncedBytes: number;
  readonly segments: number;
  readonly framesWritten: number;
  /** Bodies that have at least one gap, and the bytes of all gaps, by reason. */
  readonly bodiesDropped: number;
  readonly bytesDropped: Readonly<Record<string, number>>;
  readonly writeErrors: number;
  readonly openExchanges: number;
}
