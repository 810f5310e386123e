import type { HeaderList } from './header-list.ts';
import type { ExchangeId } from './ids.ts';
import type { Usage } from './usage.ts';

export type Side = 'request' | 'response';

/** What the provider was sent and what it answered, where those are other bytes than the client's. */
export type ProviderSide = 'provider-request' | 'provider-response';
export const providerSides = [
  'provider-request',
  'provider-response',
] as const satisfies readonly ProviderSide[];
export type BodySide = Side | ProviderSide;

/**
 * `complete`: the answer ended as the provider meant it (a hang-up after the terminal event counts).
 * `client-aborted`: the client left earlier. `upstream-failed`: the provider refused the connection, broke off,
 * stalled beyond the limit; also every problem of our own. `interrupted`: core died, the bytes that exist are kept.
 * An HTTP error status that arrived whole is `complete`: the status says the rest.
 */
export const exchangeOutcomes = ['complete', 'client-aborted', 'upstream-failed', 'interrupted'] as const;
export type ExchangeOutcome = (typeof exchangeOutcomes)[number];

/**
 * A finished exchange as it is kept: a fact, written once, never updated. Times are wall clock milliseconds
 * since 1970 at acceptance, everything else microseconds after acceptance on a monotonic clock.
 * Absent optional fields are unknown, never zero.
 */
export interface Exchange {
  readonly id: ExchangeId;
  readonly receivedAtMs: number;
  readonly method: string;
  /** Path without query and without tag, for example `/v1/messages`. */
  readonly path: string;
  /** Query without `?`, empty when none. */
  readonly query: string;
  readonly tag?: string;
  readonly provider?: string;
  readonly format?: 'anthropic' | 'openai';
  readonly routeReason?: string;
  readonly upstreamTarget?: string;
  readonly askedModel?: string;
  readonly routedModel?: string;
  readonly answeredModel?: string;
  readonly isStreaming: boolean;
  readonly sessionId?: string;
  readonly agentId?: string;
  readonly parentAgentId?: string;
  readonly agentName?: string;
  readonly requestClass?: string;
  readonly promptId?: string;
  readonly clientVersion?: string;
  readonly clientRequestId?: string;
  /** Status the client received; absent when it received none. */
  readonly status?: number;
  readonly outcome: ExchangeOutcome;
  readonly stopReason?: string;
  /** `error.type` of an Anthropic or OpenAI error, also one sent in mid-stream. */
  readonly errorType?: string;
  readonly errorMessage?: string;
  /** Problem code when the answer, or the lack of one, was ours. */
  readonly problem?: string;
  /** Cause in words when something broke. */
  readonly cause?: string;
  readonly requestIdHeader?: string;
  readonly messageId?: string;
  readonly usage: Usage;
  readonly toolsDeclared: readonly string[];
  /** Tool calls in the answer, by name in order. */
  readonly toolsCalled: readonly string[];
  readonly forwardedUs?: number;
  readonly firstByteUs?: number;
  readonly firstTokenUs?: number;
  readonly lastByteUs?: number;
  readonly closedUs?: number;
  /** The part of the time to first byte that was ours: from acceptance to the head being sent upstream. */
  readonly addedUs?: number;
  readonly requestHeaders: HeaderList;
  readonly responseHeaders: HeaderList;
  readonly responseTrailers?: HeaderList;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** SHA-256, 64 hex characters, of the body as stored. */
  readonly requestSha256: string;
  readonly responseSha256: string;
  /** True when what core received, what it sent and what the journal holds have equal checksums. */
  readonly requestUnaltered: boolean;
  readonly responseUnaltered: boolean;
  /** Bytes missing from the stored body; 0 when it is whole. */
  readonly requestBytesMissing: number;
  readonly responseBytesMissing: number;
  /** What the last attempt sent, when it was not the client's own body: translated, or with another model in it. */
  readonly providerRequest?: ProviderBody;
  /** What the provider answered to it, as it came over the wire, when the client got it in other words. */
  readonly providerResponse?: ProviderBody;
  readonly attempts: readonly ExchangeAttempt[];
  /** What a translation could not carry. */
  readonly dropped: readonly string[];
  readonly coreId: string;
  readonly coreVersion: string;
}

/** A body at the provider's end, stored beside the two of the client. */
export interface ProviderBody {
  readonly bytes: number;
  /** SHA-256, 64 hex characters, of the body as stored. */
  readonly sha256: string;
  /** Bytes missing from the stored body; 0 when it is whole. */
  readonly bytesMissing: number;
  /** True when what passed core and what the journal holds have equal checksums. */
  readonly isProven: boolean;
}

interface ExchangeAttempt {
  readonly attempt: number;
  readonly provider: string;
  readonly origin: string;
  /** The model this attempt asked for; absent when core did not look at the body. */
  readonly model?: string;
  /** How long it was held back on purpose after the one before it, in milliseconds. */
  readonly waitMs?: number;
  readonly result: 'answered' | 'refused' | 'timed-out' | 'unreachable' | 'abandoned';
  readonly status?: number;
  readonly cause?: string;
  /** What was decided about it or after it, as a sentence for a person. */
  readonly reason?: string;
  readonly startedUs: number;
  readonly endedUs?: number;
}

/** An exchange that has not ended yet: shown live, never the system of record. */
export interface OpenExchange {
  readonly id: ExchangeId;
  readonly coreId: string;
  readonly receivedAtMs: number;
  readonly method: string;
  readonly path: string;
  readonly tag?: string;
  readonly provider?: string;
  readonly sessionId?: string;
  readonly agentId?: string;
  readonly status?: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}
