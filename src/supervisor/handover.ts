import {
  after,
  type Candidate,
  generationOf,
  processesOf,
  type ServiceCommand,
  type ServiceEvent,
  type ServiceState,
  type Step,
  startingBeside,
  substitutesOf,
  tell,
  unchanged,
  withoutWorker,
  withWorker,
  workerOf,
} from './service-state.ts';
import { beginSubstitution, giveUpSubstitute, takePlace, workerWithSubstitute } from './substitution.ts';
import {
  isRunning,
  isSameProcess,
  isSteady,
  type ProcessName,
  processOf,
  type RestartPolicy,
  readyWorker,
  restartDelayMs,
  startingWorker,
  substituteOf,
  type Worker,
} from './worker.ts';

/** So many deaths in a row are enough to go back to the release before. */
const deathsMax = 3;

/**
 * The life of one service as values: what happened goes in, the next state and what to do come out. A service has
 * workers that share its work, at most one candidate generation that shall replace all of them, and any number of
 * retiring processes that finish what they had begun.
 *
 * What is promised about a replacement:
 * 1. A candidate of which one process refuses, dies or takes too long changes nothing: the workers are not even told.
 * 2. Once it has succeeded, nothing new reaches the old workers, and what those have open may end in peace.
 * 3. There is one replacement at a time; asking for a second one meanwhile is an error, not a race.
 * 4. A program that keeps dying soon after it has taken over is replaced by the one before it.
 *
 * A worker that dies is started again while the others go on. One that lives and yet cannot be relied on gets a
 * substitute beside it, which takes its place when it is ready; until then promise 1 holds for it as well.
 *
 * Every event that belongs to a process names it, so that late news of an old process cannot disturb a new one.
 *
 * @returns the state after the event, and what to do, in order
 */
export function next(state: ServiceState, event: ServiceEvent, policy: RestartPolicy): Step {
  switch (event.kind) {
    case 'start':
      return state.stage === 'stopped' ? startAll(state, event.workers) : unchanged(state);
    case 'wait-over':
      return startAgain(state, event.process);
    case 'replace':
      return beginReplacement(state, event);
    case 'substitute':
      return beginSubstitution(state, event.process);
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

function startAll(state: ServiceState, count: number): Step {
  const generation = state.newest + 1;
  const processes = processesOf(generation, count);
  return {
    state: {
      ...state,
      stage: 'running',
      newest: generation,
      workers: processes.map((process) => startingWorker(process)),
    },
    commands: processes.map((process) => ({ kind: 'spawn', process, release: state.release })),
  };
}

function startAgain(state: ServiceState, died: ProcessName): Step {
  const worker = workerOf(state, died);
  if (worker?.phase.kind !== 'waiting') return unchanged(state);
  const process = { generation: state.newest + 1, worker: worker.worker };
  return {
    state: {
      ...withWorker(state, startingWorker(process, worker.failures)),
      newest: process.generation,
    },
    commands: [{ kind: 'spawn', process, release: state.release }],
  };
}

// A replacement of all workers.

function beginReplacement(
  state: ServiceState,
  { release, workers }: { release: number; workers: number },
): Step {
  const refusal = whyNotReplaceable(state);
  if (refusal !== undefined) return { state, commands: [{ kind: 'not-replaced', reason: refusal }] };
  const generation = state.newest + 1;
  return {
    state: { ...state, newest: generation, candidate: { generation, release, size: workers, ready: [] } },
    commands: processesOf(generation, workers).map((process) => ({ kind: 'spawn', process, release })),
  };
}

function whyNotReplaceable({ stage, candidate }: ServiceState): string | undefined {
  if (candidate !== undefined) return 'busy: another replacement is under way';
  return stage === 'running' ? undefined : 'the service is being stopped';
}

/** The candidate, when the process belongs to it. */
function candidateOf({ candidate }: ServiceState, { generation }: ProcessName): Candidate | undefined {
  return candidate?.generation === generation ? candidate : undefined;
}

function afterCandidateReady(
  state: ServiceState,
  candidate: Candidate,
  { process, atMs }: { process: ProcessName; atMs: number },
  policy: RestartPolicy,
): Step {
  if (candidate.ready.some((one) => isSameProcess(one, process))) return unchanged(state);
  const ready = [...candidate.ready, readyWorker(process, atMs)].sort((a, b) => a.worker - b.worker);
  const grown = { ...candidate, ready };
  if (ready.length < candidate.size) return { state: { ...state, candidate: grown }, commands: [] };
  return promote(state, grown, atMs, policy);
}

/** The candidate's processes become the workers, and the old ones retire as far as they run. */
function promote(state: ServiceState, candidate: Candidate, atMs: number, policy: RestartPolicy): Step {
  const leaving = [...state.workers.filter(isRunning).map(processOf), ...substitutesOf(state)];
  const hasProved = state.workers.some((worker) => isSteady(worker, atMs, policy));
  const proved = hasProved || state.fallback === undefined ? state.release : state.fallback;
  return {
    state: {
      ...state,
      workers: candidate.ready,
      release: candidate.release,
      fallback: proved === candidate.release ? undefined : proved,
      candidate: undefined,
      retiring: [...state.retiring, ...leaving],
    },
    commands: [
      ...tell(leaving, 'retire'),
      { kind: 'replaced', from: generationOf(state), to: candidate.generation, retiring: leaving },
    ],
  };
}

/** One of its processes failed. The others may have accepted something already, so they retire like any other. */
function giveUpCandidate(
  state: ServiceState,
  { generation, size }: Candidate,
  { process, reason }: { process: ProcessName; reason: string },
): Step {
  const others = processesOf(generation, size).filter((one) => !isSameProcess(one, process));
  return {
    state: { ...state, candidate: undefined, retiring: [...state.retiring, ...others] },
    commands: [...tell(others, 'retire'), { kind: 'not-replaced', reason }],
  };
}

// What processes tell.

function afterReady(
  state: ServiceState,
  event: { process: ProcessName; atMs: number },
  policy: RestartPolicy,
): Step {
  const { process, atMs } = event;
  const candidate = candidateOf(state, process);
  if (candidate !== undefined) return afterCandidateReady(state, candidate, event, policy);
  const replaceable = workerWithSubstitute(state, process);
  if (replaceable !== undefined) return takePlace(state, replaceable, process, atMs);
  const worker = workerOf(state, process);
  if (worker?.phase.kind !== 'starting') return unchanged(state);
  const ready = { ...worker, phase: { kind: 'ready', readyAtMs: atMs } } as const;
  return { state: withWorker(state, ready), commands: [] };
}

function afterRefusal(state: ServiceState, event: { process: ProcessName; reason: string }): Step {
  const { process, reason } = event;
  const kill = { kind: 'kill', process } as const;
  const candidate = candidateOf(state, process);
  if (candidate !== undefined) return after(kill, giveUpCandidate(state, candidate, event));
  const replaceable = workerWithSubstitute(state, process);
  if (replaceable !== undefined) return after(kill, giveUpSubstitute(state, replaceable, reason));
  const isStarting = workerOf(state, process)?.phase.kind === 'starting';
  const isRetiring = state.retiring.some((one) => isSameProcess(one, process));
  return isStarting || isRetiring ? { state, commands: [kill] } : unchanged(state);
}

function afterExit(
  state: ServiceState,
  event: { process: ProcessName; atMs: number; reason: string },
  policy: RestartPolicy,
): Step {
  const { process, atMs, reason } = event;
  const candidate = candidateOf(state, process);
  if (candidate !== undefined) return giveUpCandidate(state, candidate, event);
  const replaceable = workerWithSubstitute(state, process);
  if (replaceable !== undefined) return giveUpSubstitute(state, replaceable, reason);
  const worker = workerOf(state, process);
  if (worker !== undefined) return afterDeath(state, worker, atMs, policy);
  const retiring = state.retiring.filter((one) => !isSameProcess(one, process));
  return retiring.length < state.retiring.length
    ? { state: { ...state, retiring }, commands: [] }
    : unchanged(state);
}

function afterDeath(state: ServiceState, worker: Worker, atMs: number, policy: RestartPolicy): Step {
  if (worker.phase.kind === 'leaving') return withoutWorker(state, worker);
  if (worker.phase.kind === 'waiting') return unchanged(state);
  const wasSteady = isSteady(worker, atMs, policy);
  const failures = wasSteady ? 1 : worker.failures + 1;
  const fallback = wasSteady ? undefined : state.fallback;
  if (fallback !== undefined && failures >= deathsMax) return rollBack(state, worker, fallback);
  const substitute = substituteOf(worker);
  if (substitute !== undefined)
    return { state: withWorker({ ...state, fallback }, startingWorker(substitute, failures)), commands: [] };
  const waiting: Worker = { ...worker, phase: { kind: 'waiting' }, failures };
  return {
    state: withWorker({ ...state, fallback }, waiting),
    commands: [{ kind: 'wait', process: processOf(worker), ms: restartDelayMs(failures, policy) }],
  };
}

/** This worker is started with the release before at once, and the others get it as their substitutes. */
function rollBack(state: ServiceState, worker: Worker, to: number): Step {
  const late = substitutesOf(state);
  const waiting: Worker = { ...worker, phase: { kind: 'waiting' }, failures: 0, substitute: undefined };
  let after: ServiceState = {
    ...state,
    release: to,
    fallback: undefined,
    workers: state.workers.map((one) => (one === worker ? waiting : { ...one, substitute: undefined })),
    retiring: [...state.retiring, ...late],
  };
  const commands: ServiceCommand[] = [
    { kind: 'rolled-back', from: state.release, to },
    ...tell(late, 'retire'),
    { kind: 'wait', process: processOf(worker), ms: 0 },
  ];
  for (const other of after.workers) {
    const step = beginSubstitution(after, processOf(other));
    after = step.state;
    commands.push(...step.commands);
  }
  return { state: after, commands };
}

// The end.

function retireAll(state: ServiceState): Step {
  const leaving = [...state.workers.filter(isRunning).map(processOf), ...startingBeside(state)];
  const isLeaving = state.stage === 'draining' || state.stage === 'stopping';
  return {
    state: {
      ...state,
      stage: isLeaving ? state.stage : 'stopped',
      workers: isLeaving ? state.workers : [],
      candidate: undefined,
      retiring: [...state.retiring, ...leaving],
    },
    commands: tell(leaving, 'retire'),
  };
}

/** Everybody leaves: who is only starting may have accepted something already, and finishes that like the others. */
function leave(state: ServiceState, stage: 'draining' | 'stopping'): Step {
  if (state.stage === stage || state.stage === 'stopping') return unchanged(state);
  const leaving = state.workers.filter(({ phase }) => phase.kind !== 'waiting');
  const retiring = [...state.retiring, ...startingBeside(state)];
  return {
    state: {
      ...state,
      stage: leaving.length === 0 ? 'stopped' : stage,
      workers: leaving.map((worker) => ({ ...worker, phase: { kind: 'leaving' }, substitute: undefined })),
      candidate: undefined,
      retiring,
    },
    commands: [
      ...tell([...leaving.map(processOf), ...retiring], stage === 'draining' ? 'drain' : 'stop'),
      ...(state.candidate === undefined
        ? []
        : [{ kind: 'not-replaced', reason: 'everything is being stopped' } as const]),
    ],
  };
}
