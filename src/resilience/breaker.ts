import { type Outcome, verdictOf } from './outcome.ts';

/**
 * One breaker belongs to one model of one provider. `closed`: everything goes through. `open`: nothing does until a
 * moment. `half-open`: one try may show whether it works again; the others are still kept away.
 */
export type BreakerState =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open'; readonly untilMs: number }
  /** A try that never says how it went gives its place up at `probeUntilMs`. */
  | { readonly kind: 'half-open'; readonly probeUntilMs: number };

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly failuresMax: number;
  readonly openMs: number;
}

export const closedBreaker: BreakerState = { kind: 'closed', failures: 0 };

/** Whether a request may be sent now, and the state after that: the one that is let through when a pause ends is the probe. */
export function breakerAdmits(
  state: BreakerState,
  nowMs: number,
  { openMs }: BreakerOptions,
): { readonly state: BreakerState; readonly isAdmitted: boolean; readonly isProbe?: true } {
  if (state.kind === 'closed') return { state, isAdmitted: true };
  const untilMs = state.kind === 'open' ? state.untilMs : state.probeUntilMs;
  if (nowMs < untilMs) return { state, isAdmitted: false };
  return { state: { kind: 'half-open', probeUntilMs: nowMs + openMs }, isAdmitted: true, isProbe: true };
}

/** Whether a request would be kept away now. Changes nothing. */
export function isBreakerOpen(state: BreakerState, nowMs: number, options: BreakerOptions): boolean {
  return !breakerAdmits(state, nowMs, options).isAdmitted;
}

/**
 * The state after a try. What only says something about the request changes nothing, except that a probe which told
 * nothing leaves its place to the next one. While it is not closed only the probe decides: all others were sent before
 * it opened, and tell of the past.
 */
export function noteOutcome(
  state: BreakerState,
  { outcome, isProbe }: { readonly outcome: Outcome; readonly isProbe: boolean },
  nowMs: number,
  { failuresMax, openMs }: BreakerOptions,
): BreakerState {
  const verdict = verdictOf(outcome);
  if (state.kind === 'closed') {
    if (verdict === 'neutral') return state;
    if (verdict === 'good') return closedBreaker;
    const failures = state.failures + 1;
    return failures >= failuresMax ? { kind: 'open', untilMs: nowMs + openMs } : { kind: 'closed', failures };
  }
  if (!isProbe) return state;
  if (verdict === 'good') return closedBreaker;
  if (verdict === 'bad') return { kind: 'open', untilMs: nowMs + openMs };
  return { kind: 'half-open', probeUntilMs: nowMs };
}
