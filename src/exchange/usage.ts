/**
 * Tokens of one answer, as the provider counted them. `undefined` means the provider did not say, which is
 * not zero. Anthropic's `input_tokens` excludes cached tokens; so does `inputTokens` here.
 */
export interface Usage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cacheReadTokens?: number;
  /** All cache writes; the two lifetimes below are parts of it. */
  readonly cacheWriteTokens?: number;
  readonly cacheWrite5mTokens?: number;
  readonly cacheWrite1hTokens?: number;
  readonly thinkingTokens?: number;
  readonly serverToolRequests?: number;
  readonly serviceTier?: string;
}

export const emptyUsage: Usage = Object.freeze({});
