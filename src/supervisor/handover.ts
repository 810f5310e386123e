/**
 * The life of one service as values: what happened goes in, the next state and what to do come out. A service has a
 * current generation, at most one candidate that shall replace it, and any number of retiring ones that finish what
 * they had begun.
 *
 * What is promised about a replacement:
 * 1. A candidate that refuses, dies or takes too long changes nothing: the current generation is not even told.
 * 2. Once it has succeeded, nothing new reaches the old generation, and what that one has open may end in peace.
 * 3. There is one replacement at a time; asking for a second one meanwhile is an error, not a race.
 * 4. A program that keeps dying soon after it has taken over is replaced by the one before it.
 *
 * Every event that belongs to a process names its generation, so that late news of an old process cannot disturb a
 * new one.
 */
export interface ServiceState {
  readonly phase: Phase;
  /** The highest number that was given to a generation. */
  readonly newest: number;
  /** What the current generation runs, and what it is started again with. */
  readonly release: number;
  /** What to go back to while `release` has not proved itself. */
  readonly fallback: number | undefined;
  readonly candidate: Candidate | undefined;
  readonly retiring: readonly number[];
}

/** How the current generation is. */
export type Phase =
  | { readonly kind: 'stopped'; readonly generation: number }
  | { readonly kind: 'starting'; readonly generation: number; readonly failures: number }
  | {
      readonly kind: 'ready';
      readonly generation: number;
      readonly failures: number;
      readonly readyAtMs: number;
    }
  /** It died and is started again when the wait is over. `generation` is the one that died. */
  | { readonly kind: 'waiting'; readonly generation: number; readonly failures: number }
  | { readonly kind: 'draining'; readonly generation: number }
  | { readonly kind: 'stopping'; readonly generation: number };

export interface Candidate {
  readonly generation: number;
  readonly release: number;
}

export type ServiceEvent =
  | { readonly kind: 'start' }
  /** Shall go on in a new generation; `release` may be the one that runs. */
  | { readonly kind: 'replace'; readonly release: number }
  | { readonly kind: 'ready'; readonly generation: number; readonly atMs: number }
  /** It said that it cannot serve, listens elsewhere, or took too long. */
  | { readonly kind: 'refused'; readonly generation: number; readonly reason: string }
  | {
      readonly kind: 'exited';
      readonly generation: number;
      readonly atMs: number;
      readonly reason: string;
    }
  | { readonly kind: 'wait-over' }
  /** Another supervisor has taken over: everything retires, and nothing is started again. */
  | { readonly kind: 'retire' }
  | { readonly kind: 'drain' }
  | { readonly kind: 'stop' };

export type ServiceCommand =
  | { readonly kind: 'spawn'; readonly generation: number; readonly release: number }
  | { readonly kind: 'kill'; readonly generation: number }
  /** `retire`: another one serves now, take your time. */
  | { readonly kind: 'tell'; readonly generation: number; readonly wish: 'retire' | 'drain' | 'stop' }
  | { readonly kind: 'wait'; readonly ms: number }
  /** How a replacement went. `from` is the generation that was replaced, or would have been. */
  | { readonly kind: 'replaced'; readonly from: number; readonly to: number }
  | { readonly kind: 'not-replaced'; readonly reason: string }
  /** The program dies too often and gives way to the one before it. */
  | { readonly kind: 'rolled-back'; readonly from: number; readonly to: number };

export interface RestartPolicy {
  /** This many deaths in a row are answered with a start at once. */
  readonly immediate: number;
  /** Then waits begin here and double up to the maximum. There is no giving up. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** A generation that served this long begins a new row, and has proved its release. */
  readonly steadyMs: number;
}

/** So many deaths in a row are enough to go back to the release before. */
const deathsMax = 3;

export interface Step {
  readonly state: ServiceState;
  readonly commands: readonly ServiceCommand[];
}

/** A service that was never started; its first release is 0. */
export const initialState: ServiceState = {
  phase: { kind: 'stopped', generation: 0 },
  newest: 0,
  release: 0,
  fallback: undefined,
  candidate: undefined,
  retiring: [],
};

/** @returns the state after the event, and what to do, in order */
export function next(state: ServiceState, event: ServiceEvent, policy: RestartPolicy): Step {
  switch (event.kind) {
    case 'start':
      return state.phase.kind === 'stopped' ? spawnCurrent(state, 0) : unchanged(state);
    case 'wait-over':
      return state.phase.kind === 'waiting' ? spawnCurrent(state, state.phase.failures) : unchanged(state);
    case 'replace':
      return beginReplacement(state, event.release);
    case 'ready':
      return afterReady(state, event, policy);
    case 'refused':
      return afterRefusal(state, event);
    case 'exited':
      return afterExit(state, event, policy);
    case 'retire':
      return retireAll(state);
    case 'drain':
      return leave(state, 'draining');
    case 'stop':
      return leave(state, 'stopping');
  }
}

/** Milliseconds to wait after this many deaths in a row (1 or more). */
export function restartDelayMs(failures: number, policy: RestartPolicy): number {
  const doublings = failures - policy.immediate - 1;
  if (doublings < 0) return 0;
  return Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(doublings, 30));
}

function spawnCurrent(state: ServiceState, failures: number): Step {
  const generation = state.newest + 1;
  return {
    state: { ...state, newest: generation, phase: { kind: 'starting', generation, failures } },
    commands: [{ kind: 'spawn', generation, release: state.release }],
  };
}

function beginReplacement(state: ServiceState, release: number): Step {
  const refusal = whyNotReplaceable(state);
  if (refusal !== undefined) return { state, commands: [{ kind: 'not-replaced', reason: refusal }] };
  const generation = state.newest + 1;
  return {
    state: { ...state, newest: generation, candidate: { generation, release } },
    commands: [{ kind: 'spawn', generation, release }],
  };
}

function whyNotReplaceable({ phase, candidate }: ServiceState): string | undefined {
  if (candidate !== undefined) return 'busy: another replacement is under way';
  return ['stopped', 'draining', 'stopping'].includes(phase.kind)
    ? 'the service is being stopped'
    : undefined;
}

function afterReady(
  state: ServiceState,
  { generation, atMs }: { generation: number; atMs: number },
  policy: RestartPolicy,
): Step {
  const { phase } = state;
  if (state.candidate?.generation === generation) return promote(state, state.candidate, atMs, policy);
  if (phase.generation !== generation || phase.kind !== 'starting') return unchanged(state);
  const { failures } = phase;
  return {
    state: { ...state, phase: { kind: 'ready', generation, failures, readyAtMs: atMs } },
    commands: [],
  };
}

/** The candidate becomes the current generation, and the old one retires when there is one. */
function promote(state: ServiceState, candidate: Candidate, atMs: number, policy: RestartPolicy): Step {
  const { phase } = state;
  const { generation } = candidate;
  const isRunning = phase.kind === 'ready' || phase.kind === 'starting';
  const hasProved = phase.kind === 'ready' && atMs - phase.readyAtMs >= policy.steadyMs;
  const proved = hasProved || state.fallback === undefined ? state.release : state.fallback;
  return {
    state: {
      ...state,
      phase: { kind: 'ready', generation, failures: 0, readyAtMs: atMs },
      release: candidate.release,
      fallback: proved === candidate.release ? undefined : proved,
      candidate: undefined,
      retiring: isRunning ? [...state.retiring, phase.generation] : state.retiring,
    },
    commands: [
      ...(isRunning ? [{ kind: 'tell', generation: phase.generation, wish: 'retire' } as const] : []),
      { kind: 'replaced', from: phase.generation, to: generation },
    ],
  };
}

function afterRefusal(
  state: ServiceState,
  { generation, reason }: { generation: number; reason: string },
): Step {
  const kill = { kind: 'kill', generation } as const;
  if (state.candidate?.generation === generation) {
    return {
      state: { ...state, candidate: undefined },
      commands: [kill, { kind: 'not-replaced', reason }],
    };
  }
  const isStarting = state.phase.generation === generation && state.phase.kind === 'starting';
  return isStarting ? { state, commands: [kill] } : unchanged(state);
}

function afterExit(
  state: ServiceState,
  event: { generation: number; atMs: number; reason: string },
  policy: RestartPolicy,
): Step {
  const { generation, reason } = event;
  if (state.candidate?.generation === generation)
    return { state: { ...state, candidate: undefined }, commands: [{ kind: 'not-replaced', reason }] };
  if (state.retiring.includes(generation))
    return {
      state: { ...state, retiring: state.retiring.filter((one) => one !== generation) },
      commands: [],
    };
  return state.phase.generation === generation ? afterDeath(state, event.atMs, policy) : unchanged(state);
}

function afterDeath(state: ServiceState, atMs: number, policy: RestartPolicy): Step {
  const { phase } = state;
  const { generation } = phase;
  if (phase.kind === 'draining' || phase.kind === 'stopping')
    return { state: { ...state, phase: { kind: 'stopped', generation } }, commands: [] };
  if (phase.kind !== 'starting' && phase.kind !== 'ready') return unchanged(state);
  const wasSteady = phase.kind === 'ready' && atMs - phase.readyAtMs >= policy.steadyMs;
  const failures = wasSteady ? 1 : phase.failures + 1;
  const after: ServiceState = {
    ...state,
    fallback: wasSteady ? undefined : state.fallback,
    phase: { kind: 'waiting', generation, failures },
  };
  if (after.fallback !== undefined && failures >= deathsMax) return rollBack(after, after.fallback);
  return { state: after, commands: [{ kind: 'wait', ms: restartDelayMs(failures, policy) }] };
}

function rollBack(state: ServiceState, to: number): Step {
  return {
    state: {
      ...state,
      release: to,
      fallback: undefined,
      phase: { kind: 'waiting', generation: state.phase.generation, failures: 0 },
    },
    commands: [
      { kind: 'rolled-back', from: state.release, to },
      { kind: 'wait', ms: 0 },
    ],
  };
}

function retireAll(state: ServiceState): Step {
  const { phase, candidate } = state;
  const isRunning = phase.kind === 'ready' || phase.kind === 'starting';
  const young = candidate === undefined ? [] : [candidate.generation];
  const leaving = isRunning ? [phase.generation, ...young] : young;
  const isLeaving = phase.kind === 'draining' || phase.kind === 'stopping';
  return {
    state: {
      ...state,
      phase: isLeaving ? phase : { kind: 'stopped', generation: phase.generation },
      candidate: undefined,
      retiring: [...state.retiring, ...leaving],
    },
    commands: leaving.map((generation) => ({ kind: 'tell', generation, wish: 'retire' }) as const),
  };
}

/** Everybody leaves: a candidate may have accepted something already, so it finishes that like the others. */
function leave(state: ServiceState, kind: 'draining' | 'stopping'): Step {
  const wish = kind === 'draining' ? 'drain' : 'stop';
  const { candidate } = state;
  const retiring = candidate === undefined ? state.retiring : [...state.retiring, candidate.generation];
  const { phase, tells } = leavePhase(state.phase, kind);
  return {
    state: { ...state, candidate: undefined, retiring, phase },
    commands: [
      ...[...tells, ...retiring].map((generation) => ({ kind: 'tell', generation, wish }) as const),
      ...(candidate === undefined
        ? []
        : [{ kind: 'not-replaced', reason: 'everything is being stopped' } as const]),
    ],
  };
}

function leavePhase(phase: Phase, kind: 'draining' | 'stopping'): { phase: Phase; tells: readonly number[] } {
  const { generation } = phase;
  if (phase.kind === 'stopped' || phase.kind === 'stopping' || phase.kind === kind)
    return { phase, tells: [] };
  if (phase.kind === 'waiting') return { phase: { kind: 'stopped', generation }, tells: [] };
  return { phase: { kind, generation }, tells: [generation] };
}

function unchanged(state: ServiceState): Step {
  return { state, commands: [] };
}
