import { setTimeout as sleep } from 'node:timers/promises';
import { type ListeningAddress, prepareProcess } from '#generation';
import { activatedSockets } from './activated-listeners.ts';
import { bindListeners } from './bind-listeners.ts';
import { askStatus } from './control-client.ts';
import { endOrphans } from './end-orphans.ts';
import { onEndingSignals } from './ending-signals.ts';
import { Follower } from './follower.ts';
import {
  type LeftProcess,
  type RunState,
  readLeftProcesses,
  readOrphans,
  readRunState,
  wasStopping,
} from './run-state.ts';
import { RunningSupervisor } from './running-supervisor.ts';
import { type Inheritance, inheritedListeners, takeInheritance } from './succession.ts';
import { lockAll, supervisorPaths } from './supervisor-locks.ts';
import { SupervisorError, type SupervisorOptions } from './supervisor-options.ts';

/** So long a start waits for the supervisor that proxy-core starts after the death of one. */
const successorWithinMs = 60_000;
/** What has no proxy-core beside it finishes quickly. */
const orphansWithinMs = 10_000;
const lookEveryMs = 100;

export interface Supervisor {
  readonly addresses: readonly ListeningAddress[];
  /** Resolves when every service has become ready or has failed once; tells how each is doing. */
  readonly settled: Promise<RunState>;
  /** Resolves with the exit code when everything has ended. */
  readonly finished: Promise<number>;
  /** Another process supervises, and this one only stands for it: see `Follower`. */
  readonly isFollower: boolean;
}

/**
 * Binds the listening sockets, starts the services, starts again what dies, and stops them in order on the first
 * SIGINT or SIGTERM, at once on the second. Rejects with a `SupervisorError` when an address is taken or
 * the services already run; nothing is left behind then. A supervisor that goes on for one that died, and that nobody
 * stands for, is followed instead.
 */
export async function runSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  prepareProcess();
  const inheritance = await takeInheritance();
  if (inheritance?.estate !== undefined) return goOn(options, inheritance);
  if (inheritance !== undefined) return succeed(options, inheritance);
  return (await followUnattended(options)) ?? startAfresh(options);
}

async function startAfresh(options: SupervisorOptions): Promise<Supervisor> {
  const lock = await lockAll(options);
  try {
    const { bound, notices } = await bindListeners(ownListeners(options), activatedSockets());
    // Somebody may still finish what was open when another supervisor died in the middle of a stop.
    const running = new RunningSupervisor(options, bound, { left: orphansOf(options) });
    for (const notice of notices) running.log.write('info', notice);
    running.hearSignals();
    running.start();
    await running.open(lock);
    return supervisorOf(running);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Takes over from the supervisor that started this process: see `Inheritance`. */
async function succeed(options: SupervisorOptions, inheritance: Inheritance): Promise<Supervisor> {
  const bound = inheritedListeners(inheritance, ownListeners(options));
  const running = new RunningSupervisor(options, bound, { inheritance });
  running.hearSignals();
  running.start();
  void running.takeOver();
  return supervisorOf(running);
}

/** Goes on for a supervisor that died. The locks come first: of several that want to, exactly one does. */
async function goOn(options: SupervisorOptions, inheritance: Inheritance): Promise<Supervisor> {
  const lock = await lockAll(options);
  try {
    const left = readLeftProcesses(supervisorPaths(options).state);
    const bound = inheritedListeners(inheritance, ownListeners(options));
    const running = new RunningSupervisor(options, bound, { inheritance, left });
    running.hearSignals();
    await running.goOn(lock);
    return supervisorOf(running);
  } catch (error) {
    lock.release();
    throw error;
  }
}

function supervisorOf({ addresses, settled, finished }: RunningSupervisor): Supervisor {
  return { addresses, settled, finished, isFollower: false };
}

/**
 * What a supervisor that died has left comes first: either another one goes on with it, which can be followed, or it
 * ends. Undefined when the way is free, or somebody in the foreground supervises already.
 */
async function followUnattended(options: SupervisorOptions): Promise<Supervisor | undefined> {
  const { state: statePath } = supervisorPaths(options);
  const orphans = () => orphansOf(options);
  const deadline = performance.now() + successorWithinMs;
  for (;;) {
    const state = readRunState(statePath);
    if (state !== undefined) return state.isAttended ? undefined : follow(statePath, state);
    if (wasStopping(statePath)) return undefined;
    const left = orphans();
    const core = left.find(({ service }) => service === 'core');
    if (left.length === 0) return undefined;
    if (core === undefined) {
      await endOrphans(orphans, { patienceMs: orphansWithinMs });
      return undefined;
    }
    if (performance.now() > deadline) {
      throw new SupervisorError(
        'already-running',
        `Throughline already runs with this data directory (${options.config.dataDir}), without a supervisor: core, pid ${core.pid}. Starting another one fails, see its log. End it with "throughline stop".`,
      );
    }
    await sleep(lookEveryMs);
  }
}

/** Processes of the services in question whose supervisor died. */
function orphansOf({ config, services }: SupervisorOptions): LeftProcess[] {
  const names = new Set(services.map(({ service }) => service));
  return readOrphans(config.dataDir).filter(({ service }) => names.has(service));
}

async function follow(statePath: string, state: RunState): Promise<Supervisor | undefined> {
  const follower = new Follower(statePath, { alone: true });
  if (!(await follower.hasBegun)) return undefined;
  onEndingSignals((signal) => follower.hear(signal));
  const { addresses } = state;
  return {
    addresses,
    settled: settledState(statePath, state),
    finished: follower.finished,
    isFollower: true,
  };
}

async function settledState(statePath: string, first: RunState): Promise<RunState> {
  for (let state: RunState | undefined = first; state !== undefined; state = readRunState(statePath)) {
    const asked: RunState = await askStatus(state.controlSocket).catch(() => first);
    if (asked.services.every((one) => one.state === 'ready' || one.trouble !== undefined)) return asked;
    await sleep(lookEveryMs);
  }
  return first;
}

function ownListeners({ config, services }: SupervisorOptions): readonly ListeningAddress[] {
  const purposes = new Set(services.flatMap((plan) => plan.purposes));
  return config.listeners.filter((one) => purposes.has(one.purpose));
}
