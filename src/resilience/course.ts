import { type Outcome, spoken, verdictOf } from './outcome.ts';
import { decideRetry, inSeconds, type RetryPolicy } from './retry.ts';

/** One place where a request may go: the provider of its route, then those that take over. */
export interface CourseStep {
  /** For reasons, `provider` or `provider:model`. */
  readonly name: string;
  /** Absent = tried once. */
  readonly retry?: RetryPolicy;
}

export interface CourseOptions {
  /** At least one; the first is where the route leads. */
  readonly steps: readonly CourseStep[];
  /** False in the middle of a turn: another model could not go on with what this one has begun. */
  readonly mayChange: boolean;
}

/** Where one request is on its way. */
export interface Course {
  readonly step: number;
  /** Tries at this step that have begun. */
  readonly tries: number;
  /** All waits so far, milliseconds. */
  readonly waitedMs: number;
}

export type Move =
  | { readonly kind: 'again'; readonly course: Course; readonly waitMs: number; readonly reason: string }
  | { readonly kind: 'step'; readonly course: Course; readonly reason: string }
  /** What came goes to the client. `reason` is absent when there is nothing to explain. */
  | { readonly kind: 'take'; readonly reason?: string };

export function courseBegins(step = 0): Course {
  return { step, tries: 1, waitedMs: 0 };
}

/**
 * What follows from an outcome: the same again after a wait, the next step, or the client gets it as it is. A step whose
 * breaker is open is passed over.
 * @param isOpen whether the breaker of a step is open
 */
export function nextMove(
  course: Course,
  outcome: Outcome,
  { steps, mayChange }: CourseOptions,
  { random, isOpen }: { readonly random: number; readonly isOpen: (step: number) => boolean },
): Move {
  const { retry } = steps[course.step]!;
  const { tries, waitedMs } = course;
  // A breaker that this outcome has opened ends the tries here.
  const decision =
    retry === undefined || isOpen(course.step)
      ? undefined
      : decideRetry(outcome, retry, { tries, waitedMs, random });
  if (decision?.kind === 'again') {
    const { waitMs } = decision;
    return {
      kind: 'again',
      course: { ...course, tries: tries + 1, waitedMs: waitedMs + waitMs },
      waitMs,
      reason: `tried again after ${inSeconds(waitMs)}`,
    };
  }
  return nextStep(course, outcome, { steps, mayChange }, { isOpen, why: decision?.why });
}

function nextStep(
  course: Course,
  outcome: Outcome,
  { steps, mayChange }: CourseOptions,
  { isOpen, why }: { readonly isOpen: (step: number) => boolean; readonly why: string | undefined },
): Move {
  const because = why === undefined ? {} : { reason: why };
  if (verdictOf(outcome) !== 'bad') return { kind: 'take', ...because };
  const hasMore = course.step + 1 < steps.length;
  if (!hasMore) return { kind: 'take', ...because };
  if (!mayChange) {
    return { kind: 'take', reason: 'no other provider takes over in the middle of a turn' };
  }
  for (let step = course.step + 1; step < steps.length; step += 1) {
    if (isOpen(step)) continue;
    return {
      kind: 'step',
      course: { step, tries: 1, waitedMs: course.waitedMs },
      reason: `${steps[step]!.name} takes over: ${steps[course.step]!.name} ${why ?? spoken(outcome)}`,
    };
  }
  return { kind: 'take', reason: 'all that could take over are broken off' };
}
