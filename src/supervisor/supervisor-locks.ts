import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireProcessLock, type ProcessLock } from '#generation';
import { readRunStates, runDirectory } from './run-state.ts';
import { type ServiceName, SupervisorError, type SupervisorOptions } from './supervisor-options.ts';

/** The files of a supervisor in `run/`. One that runs a single service has files of its own. */
export interface SupervisorPaths {
  readonly state: string;
  readonly control: string;
  /** The lock of the process that starts the next supervisor. */
  readonly succession: string;
}

export function supervisorPaths({
  config,
  services,
}: Pick<SupervisorOptions, 'config' | 'services'>): SupervisorPaths {
  const directory = runDirectory(config.dataDir);
  const suffix = services.length > 1 ? '' : `-${services[0]?.service}`;
  return {
    state: join(directory, `state${suffix}.json`),
    control: join(directory, `control${suffix}.sock`),
    succession: join(directory, `succession${suffix}.lock`),
  };
}

/** Another `up` may try its luck just when the lock is free for a moment; it finds its ports taken and leaves. */
const luckMs = 5_000;

/** All locks of a supervisor: see `lockServices`. */
export function lockAll({ config, services }: SupervisorOptions): Promise<ProcessLock> {
  return lockServices(
    config.dataDir,
    services.map((plan) => plan.service),
  );
}

/** The same, for a moment in which nobody else should have them. */
export async function lockSoon(options: SupervisorOptions): Promise<ProcessLock> {
  const deadline = performance.now() + luckMs;
  for (;;) {
    try {
      return await lockAll(options);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

/**
 * Makes sure that no other supervisor of this data directory runs any of these services, and keeps it so.
 * Rejects with `already-running` and a sentence that says what runs and how to stop it.
 */
async function lockServices(dataDir: string, services: readonly ServiceName[]): Promise<ProcessLock> {
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
