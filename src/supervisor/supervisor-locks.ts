import { join } from 'node:path';
import { acquireProcessLock, type ProcessLock } from '#generation';
import { readRunStates, runDirectory } from './run-state.ts';
import { type ServiceName, SupervisorError } from './supervisor-options.ts';

/**
 * Makes sure that no other supervisor of this data directory runs any of these services, and keeps it so.
 * Rejects with `already-running` and a sentence that says what runs and how to stop it.
 */
export async function lockServices(dataDir: string, services: readonly ServiceName[]): Promise<ProcessLock> {
  const directory = runDirectory(dataDir);
  const held: ProcessLock[] = [];
  const release = () => {
    for (const lock of held.splice(0)) lock.release();
  };
  // Sorted, so that two starts at once meet at the same lock first.
  for (const service of [...services].sort()) {
    const result = await acquireProcessLock(join(directory, `${service}.lock`));
    if (result.kind === 'held') {
      held.push(result.lock);
      continue;
    }
    release();
    const sentence = result.isElsewhere
      ? `Throughline already runs with this data directory (${dataDir}) in another container: ${service}, pid ${result.heldBy} there. End it there, or use another data directory.`
      : alreadyRunning(dataDir, service, result.heldBy);
    throw new SupervisorError('already-running', sentence);
  }
  return { release };
}

function alreadyRunning(dataDir: string, service: ServiceName, pid: number): string {
  const state = readRunStates(dataDir).find((other) => other.pid === pid);
  const what = state === undefined ? service : state.services.map((one) => one.service).join(', ');
  const where = [...new Set(state?.addresses.map(({ port }) => port))].join(', ');
  return `Throughline already runs with this data directory (${dataDir}): ${what}, pid ${pid}${where === '' ? '' : `, port ${where}`}. See "throughline status", or end it with "throughline stop".`;
}
