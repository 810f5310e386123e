import type { JsonObject } from './json-value.ts';
import type { SseEvent } from './sse.ts';

/**
 * What an answer says, whatever its format and whether it was streamed. Absent = not said.
 */
export interface AnswerFacts {
  readonly answeredModel?: string;
  /** `msg_…`, `chatcmpl-…` or `resp_…`. */
  readonly messageId?: string;
  readonly stopReason?: string;
  readonly usage: TokenUsage;
  /** Tools the model called, by name in order. */
  readonly toolsCalled: readonly string[];
  readonly errorType?: string;
  readonly errorMessage?: string;
  /** The provider said all it had to say: terminal event seen, or a whole JSON text. */
  readonly isTerminated: boolean;
  /** Offset in the decoded stream where the first event with content is complete. */
  readonly firstTokenOffset?: number;
  /** The message as it would have been without streaming; of a broken stream what there is of it. */
  readonly assembledMessage?: JsonObject;
  /** Events whose data was not readable. */
  readonly brokenEvents: number;
}

/** Tokens as the provider counted them; `inputTokens` without those that came from or went to a cache. */
export interface TokenUsage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cacheReadTokens?: number;
  readonly cacheWriteTokens?: number;
  readonly cacheWrite5mTokens?: number;
  readonly cacheWrite1hTokens?: number;
  readonly thinkingTokens?: number;
  readonly serverToolRequests?: number;
  readonly serviceTier?: string;
}

/** Takes the events of one stream in order; `finish` may be called at any point of a stream that broke off. */
export interface AnswerStreamReader {
  feed(event: SseEvent): void;
  finish(): AnswerFacts;
}

export const unreadableAnswer: AnswerFacts = Object.freeze({
  usage: Object.freeze({}),
  toolsCalled: Object.freeze([]),
  isTerminated: false,
  brokenEvents: 0,
});
