/**
 * What to do when a provider fails: try again, break off, go to another one. Pure: states, outcomes and the time in,
 * decisions and new states out; no clock, no timer, no randomness, no network, so that every case can be shown on a
 * clock that a test moves. It must not know how a request is sent.
 *
 * Read `outcome.ts` for what counts as a failure, then `course.ts`, which brings the others together.
 */
export {
  type BreakerOptions,
  type BreakerState,
  breakerAdmits,
  closedBreaker,
  isBreakerOpen,
  noteOutcome,
} from './breaker.ts';
export {
  type Course,
  type CourseOptions,
  type CourseStep,
  courseBegins,
  type Move,
  nextMove,
} from './course.ts';
export { isBad, type Outcome, outcomeOfAnswer } from './outcome.ts';
export type { RetryPolicy } from './retry.ts';
export { firstStep, StickySteps } from './sticky-steps.ts';
export { isTurnStart } from './turn-start.ts';
