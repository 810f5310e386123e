import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isProcessAlive, type ListeningAddress } from '#generation';
import type { ServiceState } from './handover.ts';
import type { ServiceName } from './supervisor-options.ts';

export interface ServiceStatus {
  readonly service: ServiceName;
  readonly state: ServiceState['kind'];
  /** Runs so far; 1 means that it never died. */
  readonly generation: number;
  readonly pid?: number;
  readonly startedAtMs?: number;
  readonly readyAtMs?: number;
  /** What went wrong last, in words; absent while all is well. */
  readonly trouble?: string;
  /** Exchanges that a drain waits for. */
  readonly openExchanges?: number;
}

/** What a supervisor says about itself, on its control socket and in `run/state.json`. */
export interface RunState {
  readonly v: 1;
  readonly pid: number;
  readonly startToken?: string;
  readonly version: string;
  readonly startedAtMs: number;
  readonly state: 'running' | 'draining' | 'stopping';
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

export function removeRunState(path: string): void {
  rmSync(path, { force: true });
}

/** The supervisors of a data directory that are alive; usually one. Unreadable files count as none. */
export function readRunStates(dataDir: string): RunState[] {
  return stateFiles(join(dataDir, 'run')).flatMap((path) => {
    try {
      const state = JSON.parse(readFileSync(path, 'utf8')) as RunState;
      return state.v === 1 && isProcessAlive(state.pid, state.startToken) ? [state] : [];
    } catch {
      return [];
    }
  });
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
