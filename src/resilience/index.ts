/**
 * What is done about a provider that fails: ask again, leave it alone for a while, ask another one. Pure state machines:
 * `(state, event, nowMs, options) -> state and decision`. No clock, no timers and no randomness inside: core brings all
 * three, tests move them.
 *
 * Read `outcome.ts` first.
 */
export {
  admit,
  type BreakerChange,
  type BreakerState,
  closedBreaker,
  isBrokenOff,
  judge,
  pauseLeftMs,
} from './breaker.ts';
export {
  atTheBeginning,
  type FallbackPlaces,
  moved,
  startingStep,
} from './fallback.ts';
export { type Outcome, outcomeInWords, verdictOn } from './outcome.ts';
export { noRetries, type RetryState, retryOrNot } from './retry.ts';
