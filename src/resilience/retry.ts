import { type Outcome, spoken } from './outcome.ts';

/** When another try at the same provider is worth it. */
export interface RetryPolicy {
  /** Tries after the first; 0 = none. */
  readonly max: number;
  /** Statuses that are tried again, and whether no answer at all is. */
  readonly statuses: readonly number[];
  readonly onNoAnswer: boolean;
  /** All waits of one request together, milliseconds. */
  readonly waitMsMax: number;
}

export type RetryDecision =
  | { readonly kind: 'again'; readonly waitMs: number }
  /** `why` is absent when there was nothing to be tried again. */
  | { readonly kind: 'enough'; readonly why?: string };

const firstWaitMs = 500;
const longestWaitMs = 8_000;

/**
 * @param tries so far, this outcome included
 * @param waitedMs all waits of this request so far
 * @param random from 0 up to 1, of the caller: waits are spread over the whole range, so that many who failed together
 * do not come back together
 */
export function decideRetry(
  outcome: Outcome,
  policy: RetryPolicy,
  { tries, waitedMs, random }: { readonly tries: number; readonly waitedMs: number; readonly random: number },
): RetryDecision {
  if (!isWorthIt(outcome, policy)) return { kind: 'enough' };
  if (policy.max === 0) return { kind: 'enough' };
  if (tries > policy.max) return { kind: 'enough', why: `${spoken(outcome)} at the last of ${tries} tries` };
  const leftMs = policy.waitMsMax - waitedMs;
  const asked = outcome.kind === 'answered' ? outcome.retryAfterMs : undefined;
  if (asked !== undefined) {
    if (asked > leftMs)
      return { kind: 'enough', why: `asks to wait ${inSeconds(asked)}, ${inSeconds(leftMs)} are allowed` };
    return { kind: 'again', waitMs: asked };
  }
  const waitMs = Math.round(random * Math.min(longestWaitMs, firstWaitMs * 2 ** (tries - 1)));
  if (waitMs > leftMs) return { kind: 'enough', why: `${spoken(outcome)}, and no time is left to wait` };
  return { kind: 'again', waitMs };
}

function isWorthIt(outcome: Outcome, { statuses, onNoAnswer }: RetryPolicy): boolean {
  if (outcome.kind === 'no-answer') return onNoAnswer;
  if (outcome.status < 400 || outcome.mayRetry === false) return false;
  return statuses.includes(outcome.status);
}

export function inSeconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
