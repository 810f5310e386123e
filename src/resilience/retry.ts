import type { RetrySettings } from '#core-config';
import { type Outcome, outcomeInWords } from './outcome.ts';

/** What the tries so far at one provider have used up. */
export interface RetryState {
  /** Tries after the first. */
  readonly retries: number;
  readonly waitedMs: number;
}

export const noRetries: RetryState = { retries: 0, waitedMs: 0 };

export type RetryDecision =
  | { readonly kind: 'retry'; readonly waitMs: number; readonly state: RetryState }
  /** `why` ends a sentence that begins with the provider. */
  | { readonly kind: 'give-up'; readonly why: string };

/** Bounds of the first pause and of the longest one. */
const firstPauseMs = 500;
const pauseMsMax = 8_000;
/** All clients of a provider get the same `Retry-After`; they shall not come back in the same instant. */
const spreadMsMax = 1_000;

/**
 * Whether the same provider is asked again after an attempt, and after which wait. A `Retry-After` is waited for in
 * full or not at all; without one the pause is drawn between zero and a bound that doubles each time ("full jitter").
 * @param jitter drawn anew for each decision, 0 <= jitter < 1
 */
export function retryOrNot(
  { retries, waitedMs }: RetryState,
  outcome: Outcome,
  nowMs: number,
  { max, on, maxWaitMs, jitter }: RetrySettings & { readonly jitter: number },
): RetryDecision {
  const what = outcomeInWords(outcome);
  const giveUp = (why: string): RetryDecision => ({ kind: 'give-up', why: `${what}${why}` });
  if (outcome.kind === 'abandoned') return giveUp('');
  if (max === 0 || !on.includes(outcome.kind === 'answered' ? outcome.status : outcome.why))
    return giveUp('');
  if (retries >= max) return giveUp(`, and ${max === 1 ? 'one retry was' : `${max} retries were`} allowed`);
  const answer = outcome.kind === 'answered' ? outcome : undefined;
  if (answer?.shouldRetry === 'false') return giveUp(' and said not to retry');
  const leftMs = maxWaitMs - waitedMs;
  const askedMs = answer?.retryAfter === undefined ? undefined : retryAfterMs(answer.retryAfter, nowMs);
  if (askedMs !== undefined && askedMs > leftMs)
    return giveUp(` and asked for a wait of ${inSeconds(askedMs)}, more than the ${inSeconds(leftMs)} left`);
  const wishedMs =
    askedMs === undefined
      ? jitter * Math.min(pauseMsMax, firstPauseMs * 2 ** Math.min(retries, 20))
      : askedMs + jitter * Math.min(spreadMsMax, askedMs / 4);
  const waitMs = Math.round(Math.min(wishedMs, leftMs));
  return { kind: 'retry', waitMs, state: { retries: retries + 1, waitedMs: waitedMs + waitMs } };
}

/** Seconds or a date, in milliseconds from now on; undefined when it is neither. A date that has passed is now. */
export function retryAfterMs(value: string, nowMs: number): number | undefined {
  const text = value.trim();
  if (/^\d{1,9}(?:\.\d{1,9})?$/.test(text)) return Math.ceil(Number(text) * 1000);
  // `Date.parse` takes much that is no date of HTTP, for example "-1"; those all name the zone.
  const atMs = /^[A-Za-z]{3,9},? .{1,40} GMT$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

function inSeconds(ms: number): string {
  return `${Math.ceil(Math.max(0, ms) / 100) / 10} s`;
}
