/**
 * The life of one service as values: what happened goes in, the next state and what to do come out. Every event
 * that belongs to a process names its generation, and events of a generation that is not the current one change
 * nothing, so that late news of an old process cannot disturb a new one.
 */
export type ServiceState =
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

export type ServiceEvent =
  | { readonly kind: 'start' }
  | { readonly kind: 'ready'; readonly generation: number; readonly atMs: number }
  /** It said that it cannot serve, listens elsewhere, or took too long. */
  | { readonly kind: 'refused'; readonly generation: number }
  | { readonly kind: 'exited'; readonly generation: number; readonly atMs: number }
  | { readonly kind: 'wait-over' }
  | { readonly kind: 'drain' }
  | { readonly kind: 'stop' };

export type ServiceCommand =
  | { readonly kind: 'spawn'; readonly generation: number }
  | { readonly kind: 'kill'; readonly generation: number }
  | { readonly kind: 'tell'; readonly generation: number; readonly wish: 'drain' | 'stop' }
  | { readonly kind: 'wait'; readonly ms: number };

export interface RestartPolicy {
  /** This many deaths in a row are answered with a start at once. */
  readonly immediate: number;
  /** Then waits begin here and double up to the maximum. There is no giving up. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** A generation that served this long begins a new row. */
  readonly steadyMs: number;
}

export interface Step {
  readonly state: ServiceState;
  readonly commands: readonly ServiceCommand[];
}

/** A service that was never started. */
export const initialState: ServiceState = { kind: 'stopped', generation: 0 };

/** @returns the state after the event, and what to do, in order */
export function next(state: ServiceState, event: ServiceEvent, policy: RestartPolicy): Step {
  switch (event.kind) {
    case 'start':
      return state.kind === 'stopped' ? spawnNext(state, 0) : unchanged(state);
    case 'wait-over':
      return state.kind === 'waiting' ? spawnNext(state, state.failures) : unchanged(state);
    case 'ready':
      return afterReady(state, event);
    case 'refused':
      return isCurrent(state, event) && state.kind === 'starting'
        ? { state, commands: [{ kind: 'kill', generation: state.generation }] }
        : unchanged(state);
    case 'exited':
      return isCurrent(state, event) ? afterExit(state, event.atMs, policy) : unchanged(state);
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

function spawnNext(state: ServiceState, failures: number): Step {
  const generation = state.generation + 1;
  return { state: { kind: 'starting', generation, failures }, commands: [{ kind: 'spawn', generation }] };
}

function afterReady(state: ServiceState, event: { generation: number; atMs: number }): Step {
  if (!isCurrent(state, event) || state.kind !== 'starting') return unchanged(state);
  return {
    state: { kind: 'ready', generation: state.generation, failures: state.failures, readyAtMs: event.atMs },
    commands: [],
  };
}

function afterExit(state: ServiceState, atMs: number, policy: RestartPolicy): Step {
  if (state.kind === 'draining' || state.kind === 'stopping') {
    return { state: { kind: 'stopped', generation: state.generation }, commands: [] };
  }
  if (state.kind !== 'starting' && state.kind !== 'ready') return unchanged(state);
  const wasSteady = state.kind === 'ready' && atMs - state.readyAtMs >= policy.steadyMs;
  const failures = wasSteady ? 1 : state.failures + 1;
  return {
    state: { kind: 'waiting', generation: state.generation, failures },
    commands: [{ kind: 'wait', ms: restartDelayMs(failures, policy) }],
  };
}

function leave(state: ServiceState, kind: 'draining' | 'stopping'): Step {
  if (state.kind === 'stopped' || state.kind === 'stopping' || state.kind === kind) return unchanged(state);
  if (state.kind === 'waiting')
    return { state: { kind: 'stopped', generation: state.generation }, commands: [] };
  const { generation } = state;
  return {
    state: { kind, generation },
    commands: [{ kind: 'tell', generation, wish: kind === 'draining' ? 'drain' : 'stop' }],
  };
}

function isCurrent(state: ServiceState, event: { generation: number }): boolean {
  return state.generation === event.generation;
}

function unchanged(state: ServiceState): Step {
  return { state, commands: [] };
}
