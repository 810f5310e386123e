/** Names a process for good: a number of a generation is never used twice, and no worker has two processes of one. */
export interface ProcessName {
  readonly generation: number;
  readonly worker: number;
}

/** A place among the processes that share the work of a service, and the process that has it. */
export interface Worker extends ProcessName {
  /** 1, 2, 3 … */
  readonly worker: number;
  /** Of its process; while it waits, of the one that died. */
  readonly generation: number;
  readonly phase: WorkerPhase;
  /** Deaths in a row. */
  readonly failures: number;
  /** The generation of a process that starts beside its own and takes the place when it is ready. */
  readonly substitute: number | undefined;
}

export type WorkerPhase =
  | { readonly kind: 'starting' }
  | { readonly kind: 'ready'; readonly readyAtMs: number }
  /** Its process died, and another one is started when the wait is over. */
  | { readonly kind: 'waiting' }
  /** Its process was told to leave, and no other follows. */
  | { readonly kind: 'leaving' };

export interface RestartPolicy {
  /** This many deaths in a row are answered with a start at once. */
  readonly immediate: number;
  /** Then waits begin here and double up to the maximum. There is no giving up. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** A process that served this long begins a new row, and has proved its release. */
  readonly steadyMs: number;
}

/** Milliseconds to wait after this many deaths in a row (1 or more). */
export function restartDelayMs(failures: number, policy: RestartPolicy): number {
  const doublings = failures - policy.immediate - 1;
  if (doublings < 0) return 0;
  return Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(doublings, 30));
}

export function startingWorker({ generation, worker }: ProcessName, failures = 0): Worker {
  return { worker, generation, phase: { kind: 'starting' }, failures, substitute: undefined };
}

export function readyWorker({ generation, worker }: ProcessName, readyAtMs: number, failures = 0): Worker {
  return { worker, generation, phase: { kind: 'ready', readyAtMs }, failures, substitute: undefined };
}

/** It has a process that serves, or soon will. */
export function isRunning({ phase }: Worker): boolean {
  return phase.kind === 'starting' || phase.kind === 'ready';
}

export function isSteady({ phase }: Worker, atMs: number, { steadyMs }: RestartPolicy): boolean {
  return phase.kind === 'ready' && atMs - phase.readyAtMs >= steadyMs;
}

export function isSameProcess(a: ProcessName, b: ProcessName): boolean {
  return a.generation === b.generation && a.worker === b.worker;
}

export function processOf({ generation, worker }: Worker): ProcessName {
  return { generation, worker };
}

/** The process that starts beside a worker's own. */
export function substituteOf({ worker, substitute }: Worker): ProcessName | undefined {
  return substitute === undefined ? undefined : { generation: substitute, worker };
}
