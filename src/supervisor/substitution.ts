import { type ServiceState, type Step, tell, unchanged, withWorker, workerOf } from './service-state.ts';
import { isRunning, type ProcessName, processOf, readyWorker, type Worker } from './worker.ts';

/**
 * A process starts beside that of one worker, with the release that is in force, and takes its place when it is ready.
 * Nothing is asked for twice, and nothing changes when it fails.
 */
export function beginSubstitution(state: ServiceState, process: ProcessName): Step {
  const worker = workerOf(state, process);
  if (worker === undefined || !isRunning(worker) || worker.substitute !== undefined) return unchanged(state);
  const substitute = state.newest + 1;
  return {
    state: { ...withWorker(state, { ...worker, substitute }), newest: substitute },
    commands: [
      {
        kind: 'spawn',
        process: { generation: substitute, worker: worker.worker },
        release: state.release,
      },
    ],
  };
}

export function workerWithSubstitute(state: ServiceState, process: ProcessName): Worker | undefined {
  return state.workers.find((one) => one.worker === process.worker && one.substitute === process.generation);
}

export function takePlace(state: ServiceState, worker: Worker, by: ProcessName, atMs: number): Step {
  const process = processOf(worker);
  return {
    state: { ...withWorker(state, readyWorker(by, atMs)), retiring: [...state.retiring, process] },
    commands: [...tell([process], 'retire'), { kind: 'substituted', process, by }],
  };
}

export function giveUpSubstitute(state: ServiceState, worker: Worker, reason: string): Step {
  return {
    state: withWorker(state, { ...worker, substitute: undefined }),
    commands: [{ kind: 'not-substituted', process: processOf(worker), reason }],
  };
}
