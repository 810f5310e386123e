import type { Usage } from '#exchange';
import { type Price, rateFor } from './price.ts';

/** What is paid for by the token. Thinking is part of the output. */
export type PricedTokens = Pick<
  Usage,
  | 'inputTokens'
  | 'outputTokens'
  | 'cacheReadTokens'
  | 'cacheWriteTokens'
  | 'cacheWrite5mTokens'
  | 'cacheWrite1hTokens'
>;

/**
 * Cost of one request in whole billionths of a US dollar; undefined when the price or the tokens are unknown. Tools
 * that the provider runs itself are not in it.
 */
export function costNanos(tokens: PricedTokens, price: Price | undefined): number | undefined {
  const { inputTokens, outputTokens, cacheReadTokens = 0, cacheWrite1hTokens = 0 } = tokens;
  if (price === undefined || (inputTokens === undefined && outputTokens === undefined)) return undefined;
  const parts = (tokens.cacheWrite5mTokens ?? 0) + cacheWrite1hTokens;
  // Writes whose lifetime the provider does not name have the usual one.
  const cacheWrite5mTokens = Math.max(tokens.cacheWriteTokens ?? 0, parts) - cacheWrite1hTokens;
  const inputLength = (inputTokens ?? 0) + cacheReadTokens + cacheWrite5mTokens + cacheWrite1hTokens;
  const microDollars =
    (inputTokens ?? 0) * rateFor(price.input, inputLength) +
    (outputTokens ?? 0) * rateFor(price.output, inputLength) +
    cacheReadTokens * rateFor(price.cacheRead, inputLength) +
    cacheWrite5mTokens * rateFor(price.cacheWrite5m, inputLength) +
    cacheWrite1hTokens * rateFor(price.cacheWrite1h, inputLength);
  return Math.round(microDollars * 1000);
}
