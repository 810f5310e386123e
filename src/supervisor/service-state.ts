import { isSameProcess, type ProcessName, substituteOf, type Worker } from './worker.ts';

/** What a service is at one moment, what can happen to it, and what can be done about that. See `handover.ts`. */
export interface ServiceState {
  readonly stage: 'stopped' | 'running' | 'draining' | 'stopping';
  /** The highest number that was given to a generation: to all workers at once, or to one that was started again. */
  readonly newest: number;
  /** What a worker is started again with. */
  readonly release: number;
  /** What to go back to while `release` has not proved itself. */
  readonly fallback: number | undefined;
  readonly workers: readonly Worker[];
  readonly candidate: Candidate | undefined;
  readonly retiring: readonly ProcessName[];
}

/** A generation of workers that starts beside the current ones. */
export interface Candidate {
  readonly generation: number;
  readonly release: number;
  /** How many it shall have. */
  readonly size: number;
  /** Those that are ready already: they serve, and wait for the others. */
  readonly ready: readonly Worker[];
}

export type ServiceEvent =
  | { readonly kind: 'start'; readonly workers: number }
  /** Shall go on in a new generation of so many workers; `release` may be the one that runs. */
  | { readonly kind: 'replace'; readonly release: number; readonly workers: number }
  /** Shall get a substitute. */
  | { readonly kind: 'substitute'; readonly process: ProcessName }
  | { readonly kind: 'ready'; readonly process: ProcessName; readonly atMs: number }
  /** It said that it cannot serve, listens elsewhere, or took too long. */
  | { readonly kind: 'refused'; readonly process: ProcessName; readonly reason: string }
  | {
      readonly kind: 'exited';
      readonly process: ProcessName;
      readonly atMs: number;
      readonly reason: string;
    }
  /** For the worker whose process this was. */
  | { readonly kind: 'wait-over'; readonly process: ProcessName }
  /** Another supervisor has taken over: everything retires, and nothing is started again. */
  | { readonly kind: 'retire' }
  | { readonly kind: 'drain' }
  | { readonly kind: 'stop' };

export type Wish = 'retire' | 'drain' | 'stop';

export type ServiceCommand =
  | { readonly kind: 'spawn'; readonly process: ProcessName; readonly release: number }
  | { readonly kind: 'kill'; readonly process: ProcessName }
  /** `retire`: another one serves now, take your time. */
  | { readonly kind: 'tell'; readonly process: ProcessName; readonly wish: Wish }
  /** `process` is the one that died. */
  | { readonly kind: 'wait'; readonly process: ProcessName; readonly ms: number }
  /** How a replacement of all workers went. `from` and `to` are generations, `retiring` those that it was about. */
  | {
      readonly kind: 'replaced';
      readonly from: number;
      readonly to: number;
      readonly retiring: readonly ProcessName[];
    }
  | { readonly kind: 'not-replaced'; readonly reason: string }
  /** How it went with a substitute. */
  | { readonly kind: 'substituted'; readonly process: ProcessName; readonly by: ProcessName }
  | { readonly kind: 'not-substituted'; readonly process: ProcessName; readonly reason: string }
  /** The program dies too often and gives way to the one before it. */
  | { readonly kind: 'rolled-back'; readonly from: number; readonly to: number };

export interface Step {
  readonly state: ServiceState;
  readonly commands: readonly ServiceCommand[];
}

/** A service that was never started; its first release is 0. */
export const initialState: ServiceState = {
  stage: 'stopped',
  newest: 0,
  release: 0,
  fallback: undefined,
  workers: [],
  candidate: undefined,
  retiring: [],
};

/** The newest generation among the workers. */
export function generationOf({ workers, newest }: ServiceState): number {
  return workers.length === 0 ? newest : Math.max(...workers.map(({ generation }) => generation));
}

export function processesOf(generation: number, count: number): ProcessName[] {
  return Array.from({ length: count }, (_, index) => ({ generation, worker: index + 1 }));
}

/** The worker whose process this is. */
export function workerOf({ workers }: ServiceState, process: ProcessName): Worker | undefined {
  return workers.find((one) => isSameProcess(one, process));
}

export function substitutesOf({ workers }: ServiceState): ProcessName[] {
  return workers.flatMap((worker) => substituteOf(worker) ?? []);
}

/** Everything that starts and has no place yet. */
export function startingBeside(state: ServiceState): ProcessName[] {
  const { candidate } = state;
  const young = candidate === undefined ? [] : processesOf(candidate.generation, candidate.size);
  return [...substitutesOf(state), ...young];
}

export function tell(processes: readonly ProcessName[], wish: Wish): ServiceCommand[] {
  return processes.map((process) => ({ kind: 'tell', process, wish }));
}

export function withWorker(state: ServiceState, worker: Worker): ServiceState {
  return { ...state, workers: state.workers.map((one) => (one.worker === worker.worker ? worker : one)) };
}

export function withoutWorker(state: ServiceState, worker: Worker): Step {
  const workers = state.workers.filter((one) => one !== worker);
  return {
    state: { ...state, workers, stage: workers.length === 0 ? 'stopped' : state.stage },
    commands: [],
  };
}

export function after(command: ServiceCommand, { state, commands }: Step): Step {
  return { state, commands: [command, ...commands] };
}

export function unchanged(state: ServiceState): Step {
  return { state, commands: [] };
}
