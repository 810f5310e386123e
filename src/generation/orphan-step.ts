/**
 * What a service without a supervisor does next, as values: what it sees goes in, one step comes out.
 *
 * 1. Whoever finds a living supervisor joins it.
 * 2. Of those that may start one, the holder of the lock does, and all others wait for its success.
 * 3. A service that may not start one waits while there is hope, and leaves when there is none.
 * 4. When the directory of the data is gone, nobody will ever be found there: everybody leaves.
 *
 * Times are monotonic milliseconds.
 */
export interface OrphanView {
  readonly nowMs: number;
  /** The directory of the state file exists. */
  readonly hasPlace: boolean;
  readonly hasSupervisor: boolean;
  /** When to ask the supervisor again that did not answer before. */
  readonly joinsAtMs: number;
  /** Another process holds the right to start a supervisor. */
  readonly hasElector: boolean;
  /** When a supervisor, or somebody who may start one, was last seen. */
  readonly hopeAtMs: number;
  readonly candidacy: Candidacy;
}

export type Candidacy =
  | { readonly kind: 'none' }
  | { readonly kind: 'open'; readonly standsAtMs: number }
  /** Holds the right. */
  | { readonly kind: 'elected'; readonly startsAtMs: number }
  | { readonly kind: 'starting'; readonly startedAtMs: number };

export type OrphanStep = 'join' | 'stand' | 'start' | 'give-up' | 'wait' | 'leave';

/** A supervisor that has not begun to answer by then never will. */
const startWithinMs = 30_000;
const hopeMs = 5_000;

export function orphanStep(view: OrphanView): OrphanStep {
  const { nowMs, candidacy } = view;
  if (!view.hasPlace) return 'leave';
  if (view.hasSupervisor) return nowMs < view.joinsAtMs ? 'wait' : 'join';
  switch (candidacy.kind) {
    case 'none':
      return view.hasElector || nowMs - view.hopeAtMs < hopeMs ? 'wait' : 'leave';
    case 'open':
      return view.hasElector || nowMs < candidacy.standsAtMs ? 'wait' : 'stand';
    case 'elected':
      return nowMs < candidacy.startsAtMs ? 'wait' : 'start';
    case 'starting':
      return nowMs - candidacy.startedAtMs < startWithinMs ? 'wait' : 'give-up';
  }
}

const firstDelayMs = 250;
const afterFailedStartMsMax = 60_000;
/** A supervisor that begins and dies leaves new processes behind each time, so even that is not done without a pause. */
const afterEarlyDeathMsMax = 2_000;
const earlyDeathsForgiven = 3;

/** How long to wait before another supervisor is started. */
export function electionDelayMs(failures: {
  /** So many in a row did not even begin. */
  readonly failedStarts: number;
  /** So many in a row died soon after they had begun. */
  readonly earlyDeaths: number;
}): number {
  return Math.max(
    doubled(failures.failedStarts, afterFailedStartMsMax),
    doubled(failures.earlyDeaths - earlyDeathsForgiven, afterEarlyDeathMsMax),
  );
}

function doubled(count: number, msMax: number): number {
  return count <= 0 ? 0 : Math.min(msMax, firstDelayMs * 2 ** Math.min(count - 1, 30));
}
