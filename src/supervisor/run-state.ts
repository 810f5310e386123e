import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isProcessAlive, type ListeningAddress } from '#generation';
import type { ServiceName } from './supervisor-options.ts';
import type { WorkerPhase } from './worker.ts';

/** One process of a service. */
export interface GenerationStatus {
  /** Counts the starts: of all workers at once, or of one that is started again; 1 is the first. */
  readonly generation: number;
  /** 1 for the first of those that share the work, or the only one. */
  readonly worker: number;
  readonly version: string;
  readonly startedAtMs?: number;
  readonly pid?: number;
  readonly startToken?: string;
  /** Exchanges that its drain waits for. */
  readonly openExchanges?: number;
}

/** One of the processes that share the work of a service, or the place where it is missing. */
export interface WorkerStatus extends GenerationStatus {
  readonly state: WorkerPhase['kind'];
  readonly readyAtMs?: number;
  /** What went wrong last, in words; absent while all is well. */
  readonly trouble?: string;
}

/** The workers of a service, and the processes that come and go around them. What stands for one is the first worker's. */
export interface ServiceStatus extends GenerationStatus {
  readonly service: ServiceName;
  /** `ready` when all workers are. */
  readonly state: 'stopped' | 'starting' | 'ready' | 'waiting' | 'draining' | 'stopping';
  /** The newest among the workers. */
  readonly generation: number;
  readonly readyAtMs?: number;
  /** What went wrong last, in words; absent while all is well. */
  readonly trouble?: string;
  readonly workers: readonly WorkerStatus[];
  /** Start, and take the places of workers when they are ready. */
  readonly candidates: readonly GenerationStatus[];
  /** Were replaced, and finish what they have open. */
  readonly retiring: readonly GenerationStatus[];
  /** Were left by a supervisor that died; they serve until this one has a generation that does, then they retire. */
  readonly orphans?: readonly GenerationStatus[];
  readonly lastReplacement?: Replacement;
}

/** How the last replacement of a service went. */
export type Replacement =
  | {
      readonly ok: true;
      readonly atMs: number;
      /** Generations. */
      readonly from: number;
      readonly to: number;
      readonly version: string;
      readonly workers: number;
      /** From its start to its being ready. */
      readonly tookMs: number;
      /** Exchanges that the old generation has open and finishes. */
      readonly carriedOver: number;
    }
  /** Nothing has changed, or `reason` says that the program before came back. */
  | { readonly ok: false; readonly atMs: number; readonly version?: string; readonly reason: string };

/** What a supervisor says about itself, on its control socket and in `run/state.json`. */
export interface RunState {
  readonly v: 1;
  readonly pid: number;
  readonly startToken?: string;
  readonly version: string;
  readonly startedAtMs: number;
  readonly state: 'running' | 'draining' | 'stopping';
  /** Some process in the foreground of a terminal or a service manager stands for this supervisor, and ends with it. */
  readonly isAttended: boolean;
  readonly controlSocket: string;
  readonly addresses: readonly ListeningAddress[];
  readonly services: readonly ServiceStatus[];
}

/** `run/` of a data directory, created for this user alone. */
export function runDirectory(dataDir: string): string {
  const directory = join(dataDir, 'run');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return directory;
}

/** Readers see the old state or the new one, never half of one. */
export function writeRunState(path: string, state: RunState): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** The last word of a supervisor that ends in order: one that dies leaves its state behind. */
export function removeRunState(path: string): void {
  rmSync(path, { force: true });
}

/** Whether a supervisor is there, or died. */
export function hasRunState(path: string): boolean {
  return existsSync(path);
}

/** The supervisors of a data directory that are alive; usually one. Unreadable files count as none. */
export function readRunStates(dataDir: string): RunState[] {
  return stateFiles(join(dataDir, 'run')).flatMap((path) => readRunState(path) ?? []);
}

/** What the supervisor that wrote this file says; undefined when it is not alive. */
export function readRunState(path: string): RunState | undefined {
  const state = readState(path);
  return state !== undefined && isProcessAlive(state.pid, state.startToken) ? state : undefined;
}

/** True when the supervisor that wrote this file died while it was stopping everything. */
export function wasStopping(path: string): boolean {
  const state = readState(path);
  return state !== undefined && state.state !== 'running' && !isProcessAlive(state.pid, state.startToken);
}

/** A process whose supervisor died, proven to be the one that is meant. */
export interface LeftProcess extends GenerationStatus {
  readonly service: ServiceName;
  readonly pid: number;
  readonly startToken: string;
}

/** The living processes of dead supervisors of a data directory. */
export function readOrphans(dataDir: string): LeftProcess[] {
  return stateFiles(join(dataDir, 'run')).flatMap(readLeftProcesses);
}

/** The living processes of the supervisor that wrote this file; none while that is alive itself. */
export function readLeftProcesses(path: string): LeftProcess[] {
  const state = readState(path);
  if (state === undefined || isProcessAlive(state.pid, state.startToken)) return [];
  return state.services.flatMap(({ service, workers, candidates, retiring, orphans = [] }) =>
    [...workers, ...candidates, ...retiring, ...orphans].flatMap(
      ({ generation, worker, version, startedAtMs, pid, startToken }) => {
        // Without a token nobody can tell it from a stranger who has the same pid by now.
        if (pid === undefined || startToken === undefined || !isProcessAlive(pid, startToken)) return [];
        const since = startedAtMs === undefined ? {} : { startedAtMs };
        return [{ service, generation, worker, version, pid, startToken, ...since }];
      },
    ),
  );
}

/** Whatever was written there, by whom it may be; undefined when it cannot be understood. */
function readState(path: string): RunState | undefined {
  try {
    const state = JSON.parse(readFileSync(path, 'utf8')) as RunState;
    return state.v === 1 ? state : undefined;
  } catch {
    return undefined;
  }
}

function stateFiles(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => /^state(-[a-z]+)*\.json$/.test(name))
      .map((name) => join(directory, name));
  } catch {
    return [];
  }
}
