import type { BreakerSettings } from '#core-config';
import { type Outcome, verdictOn } from './outcome.ts';

/**
 * One provider and model. `closed`: it is asked, `failures` in a row so far. `open`: it is not asked before `untilMs`.
 * `half-open`: one request is on its way to find out, the others stay away.
 */
export type BreakerState =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open'; readonly untilMs: number }
  | { readonly kind: 'half-open'; readonly lostAtMs: number };

export type BreakerChange = 'opened' | 'closed';

export const closedBreaker: BreakerState = { kind: 'closed', failures: 0 };

/** A probe that nobody has heard of for so long does not keep the provider away for ever. */
const probeMsMax = 15 * 60_000;

/**
 * Asks for leave to send a request. Whoever gets it as a probe has to report how that went, whatever happens.
 */
export function admit(
  state: BreakerState,
  nowMs: number,
): { readonly state: BreakerState; readonly leave: 'given' | 'as-probe' | 'refused' } {
  if (state.kind === 'closed') return { state, leave: 'given' };
  if (isBrokenOff(state, nowMs)) return { state, leave: 'refused' };
  return { state: { kind: 'half-open', lostAtMs: nowMs + probeMsMax }, leave: 'as-probe' };
}

/** Whether a request would be refused at this moment. */
export function isBrokenOff(state: BreakerState, nowMs: number): boolean {
  return pauseLeftMs(state, nowMs) > 0;
}

/** How long requests are refused at least, milliseconds; of a probe nobody knows, and it counts as a second. */
export function pauseLeftMs(state: BreakerState, nowMs: number): number {
  if (state.kind === 'closed') return 0;
  if (state.kind === 'open') return Math.max(0, state.untilMs - nowMs);
  return nowMs < state.lostAtMs ? 1_000 : 0;
}

/**
 * Takes in how an attempt went. Only the probe decides about a provider that is broken off: what was sent before it was
 * broken off tells of the past.
 */
export function judge(
  state: BreakerState,
  { outcome, isProbe }: { readonly outcome: Outcome; readonly isProbe: boolean },
  nowMs: number,
  { failuresMax, pauseMs }: BreakerSettings,
): { readonly state: BreakerState; readonly change?: BreakerChange } {
  const verdict = verdictOn(outcome);
  if (isProbe && state.kind === 'half-open') {
    if (verdict === 'works') return { state: closedBreaker, change: 'closed' };
    // It has told nothing: the next request is the probe.
    if (verdict === 'nothing') return { state: { kind: 'open', untilMs: nowMs } };
    return { state: { kind: 'open', untilMs: nowMs + pauseMs }, change: 'opened' };
  }
  if (state.kind !== 'closed' || verdict === 'nothing') return { state };
  if (verdict === 'works') return { state: state.failures === 0 ? state : closedBreaker };
  const failures = state.failures + 1;
  if (failures < failuresMax) return { state: { kind: 'closed', failures } };
  return { state: { kind: 'open', untilMs: nowMs + pauseMs }, change: 'opened' };
}
