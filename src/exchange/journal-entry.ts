import type { ProviderSide, Side } from './exchange.ts';
import type { HeaderList } from './header-list.ts';
import type { ExchangeId } from './ids.ts';
import type { ProblemCode } from './problem.ts';

/**
 * What proxy-core writes down, one frame each. The numbers stand on disk: never reuse one.
 * A reader that meets a number it does not know skips the frame and counts it.
 */
export const journalKinds = {
  'segment-opened': 1,
  'exchange-opened': 2,
  'request-bytes': 3,
  'route-chosen': 4,
  'attempt-started': 5,
  'attempt-ended': 6,
  'response-opened': 7,
  'response-bytes': 8,
  'exchange-closed': 9,
  gap: 10,
  'provider-request-bytes': 11,
  'provider-response-bytes': 12,
  'provider-gap': 13,
} as const;
export type JournalKind = keyof typeof journalKinds;

/**
 * One frame. `atUs` is the monotonic clock of the core process in microseconds since that process started:
 * wall clocks jump, durations must not. `sequence` counts the frames of one exchange from 0.
 */
export type JournalEntry =
  | { readonly kind: 'segment-opened'; readonly atUs: number; readonly payload: SegmentOpened }
  | (ExchangeFrame & { readonly kind: 'exchange-opened'; readonly payload: ExchangeOpened })
  | (ExchangeFrame & { readonly kind: 'request-bytes'; readonly bytes: Uint8Array })
  | (ExchangeFrame & { readonly kind: 'route-chosen'; readonly payload: RouteChosen })
  | (ExchangeFrame & { readonly kind: 'attempt-started'; readonly payload: AttemptStarted })
  | (ExchangeFrame & { readonly kind: 'attempt-ended'; readonly payload: AttemptEnded })
  | (ExchangeFrame & { readonly kind: 'response-opened'; readonly payload: ResponseOpened })
  | (ExchangeFrame & { readonly kind: 'response-bytes'; readonly bytes: Uint8Array })
  | (ExchangeFrame & { readonly kind: 'exchange-closed'; readonly payload: ExchangeClosed })
  | (ExchangeFrame & { readonly kind: 'gap'; readonly payload: Gap })
  | (ExchangeFrame & { readonly kind: 'provider-request-bytes'; readonly bytes: Uint8Array })
  | (ExchangeFrame & { readonly kind: 'provider-response-bytes'; readonly bytes: Uint8Array })
  | (ExchangeFrame & { readonly kind: 'provider-gap'; readonly payload: ProviderGap });

interface ExchangeFrame {
  readonly exchangeId: ExchangeId;
  readonly sequence: number;
  readonly atUs: number;
}

/** First frame of every segment file. */
export interface SegmentOpened {
  readonly version: 1;
  /** Names the core process: unique per process start, also the name of its journal directory. */
  readonly coreId: string;
  readonly pid: number;
  /** Tells the process from another one that was given the same pid later; absent where the platform cannot say. */
  readonly startToken?: string;
  /** Wall clock that belongs to `atUs` 0, milliseconds since 1970. */
  readonly processStartedAtMs: number;
  /** 1 for the first segment of the process, then 2, 3 … */
  readonly segmentNumber: number;
}

export interface ExchangeOpened {
  /** Wall clock at acceptance, milliseconds since 1970. */
  readonly receivedAtMs: number;
  readonly method: string;
  /** Request target as sent by the client, with its query, before a `/p/<tag>` prefix is stripped. */
  readonly target: string;
  /** Tag of a `/p/<tag>/v1/…` target. */
  readonly tag?: string;
  readonly httpVersion: string;
  /** Credentials are already replaced by their keyed fingerprint. */
  readonly headers: HeaderList;
  readonly coreVersion: string;
}

export interface RouteChosen {
  readonly provider: string;
  readonly format: 'anthropic' | 'openai';
  /** Set only when the route looked at the body. */
  readonly askedModel?: string;
  /** The model we sent when a rule changed it. */
  readonly routedModel?: string;
  readonly agentName?: string;
  /** A sentence for a person. */
  readonly reason: string;
  /** Path and query sent upstream, base path of the provider included; empty when nothing was sent. */
  readonly upstreamTarget: string;
  /** What a translation could not carry. */
  readonly dropped?: readonly string[];
}

export interface AttemptStarted {
  /** 1 for the first try. */
  readonly attempt: number;
  readonly provider: string;
  readonly origin: string;
  /** The model this attempt asks for; absent when core did not look. */
  readonly model?: string;
  /** How long this attempt was held back on purpose after the one before it, in milliseconds; absent = not at all. */
  readonly waitMs?: number;
}

export interface AttemptEnded {
  readonly attempt: number;
  readonly result: 'answered' | 'refused' | 'timed-out' | 'unreachable' | 'abandoned';
  readonly status?: number;
  /** Cause in words, for example `ECONNREFUSED 127.0.0.1:9`. */
  readonly cause?: string;
  /** What was decided about this attempt or after it, as a sentence for a person: retried, broken off, next in the chain. */
  readonly reason?: string;
}

export interface ResponseOpened {
  /** `provider`: these are the provider's own words. `throughline`: a problem of ours. */
  readonly source: 'provider' | 'throughline';
  readonly status: number;
  readonly statusText: string;
  readonly httpVersion: string;
  readonly headers: HeaderList;
}

/** How the connection ended, as core saw it. Core does not read bodies, so whether a hang-up came after the
 * terminal event (then the exchange is complete) is for the recorder to say. */
export type ExchangeEnd =
  | 'finished'
  | 'client-gone'
  | 'upstream-broken'
  | 'timed-out'
  /** Answered by ourselves: refused, unreachable, over a limit. `problem` says which. */
  | 'answered-by-us'
  /** A drain deadline or forced stop cut it. */
  | 'cut';

/** Size and checksum of one body at one end. `crc32` is the running zlib CRC of all bytes. */
export interface BodyTally {
  readonly bytes: number;
  readonly crc32: number;
}

export interface ExchangeClosed {
  readonly end: ExchangeEnd;
  readonly problem?: ProblemCode;
  /** Cause in words when something broke. */
  readonly cause?: string;
  /** From the client, as received; to the provider, as sent; and the way back. Equal unless translated. */
  readonly requestReceived: BodyTally;
  readonly requestSent: BodyTally;
  readonly responseReceived: BodyTally;
  readonly responseSent: BodyTally;
  /** False when the client's body was still coming when the exchange ended. */
  readonly requestComplete: boolean;
  /** Bytes that the journal left out, per side; each loss also has its `gap` frame. */
  readonly requestBytesDropped: number;
  readonly responseBytesDropped: number;
  /**
   * The bodies of the last attempt at the provider's end, as they went over the wire; absent when that end had the same
   * bytes as the client's. Their frames are those after the last `attempt-started`.
   */
  readonly providerRequest?: BodyTally;
  readonly providerResponse?: BodyTally;
  /** Microseconds on the clock of `atUs`; absent when it never happened. */
  readonly forwardedAtUs?: number;
  readonly firstByteAtUs?: number;
  readonly lastByteAtUs?: number;
  readonly requestTrailers?: HeaderList;
  readonly responseTrailers?: HeaderList;
}

export type GapReason = 'pending-limit' | 'quota' | 'disk-full' | 'write-failed' | 'body-limit';

/** Bytes that were relayed but are not in the journal. */
export interface Gap {
  readonly side: Side;
  readonly bytes: number;
  readonly reason: GapReason;
}

/** The same of a body at the provider's end. A kind of its own, because older readers know no such side. */
export interface ProviderGap {
  readonly side: ProviderSide;
  readonly bytes: number;
  readonly reason: GapReason;
}
