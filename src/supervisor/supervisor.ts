import type { ChildProcess } from 'node:child_process';
import { isAbsolute, join } from 'node:path';
import { type ListeningAddress, type ProcessLock, prepareProcess, processStartToken } from '#generation';
import { activatedSockets } from './activated-listeners.ts';
import { type BoundListener, bindListeners } from './bind-listeners.ts';
import { type ControlSocket, openControlSocket } from './control-socket.ts';
import { createLog, type Log } from './log.ts';
import { LogSink } from './log-sink.ts';
import { changedListeners, parseReplaceRequest, type Receipt, replaceServices } from './replace-services.ts';
import { type RunState, removeRunState, runDirectory, writeRunState } from './run-state.ts';
import { ServiceRun } from './service-run.ts';
import { ShutDown } from './shut-down.ts';
import {
  heard,
  type Inheritance,
  inheritedListeners,
  startSuccessor,
  takeInheritance,
} from './succession.ts';
import { lockServices } from './supervisor-locks.ts';
import type { SupervisorOptions } from './supervisor-options.ts';

const flushMs = 1_000;
/** A new supervisor starts all services, which may take 30 s each, at the same time. */
const successorWithinMs = 60_000;
/** Between two supervisors that both run: no more than a few file operations. */
const yoursWithinMs = 10_000;

export interface Supervisor {
  readonly addresses: readonly ListeningAddress[];
  /** Resolves when every service has become ready or has failed once; tells how each is doing. */
  readonly settled: Promise<RunState>;
  /** Resolves with the exit code when everything has ended. */
  readonly finished: Promise<number>;
}

/**
 * Binds the listening sockets, starts the services, starts again what dies, and stops them in order on the first
 * SIGINT or SIGTERM, at once on the second. Rejects with a `SupervisorError` when an address is taken or
 * the services already run; nothing is left behind then.
 */
export async function runSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  prepareProcess();
  const inheritance = takeInheritance();
  if (inheritance !== undefined) return succeed(options, inheritance);
  const lock = await lockAll(options);
  try {
    const purposes = new Set(options.services.flatMap((plan) => plan.purposes));
    const { bound, notices } = await bindListeners(
      options.config.listeners.filter((one) => purposes.has(one.purpose)),
      activatedSockets(),
    );
    const running = new RunningSupervisor(options, bound);
    for (const notice of notices) running.log.write('info', notice);
    running.start();
    await running.open(lock);
    return running;
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Takes over from the supervisor that started this process: see `Inheritance`. */
async function succeed(options: SupervisorOptions, inheritance: Inheritance): Promise<Supervisor> {
  const purposes = new Set(options.services.flatMap((plan) => plan.purposes));
  const wanted = options.config.listeners.filter((one) => purposes.has(one.purpose));
  const running = new RunningSupervisor(options, inheritedListeners(inheritance, wanted), inheritance);
  running.start();
  void running.takeOver(() => lockSoon(options));
  return running;
}

/** Another `up` may try its luck just when the predecessor lets go; it finds its ports taken and leaves. */
async function lockSoon(options: SupervisorOptions): Promise<ProcessLock> {
  const deadline = performance.now() + yoursWithinMs / 2;
  for (;;) {
    try {
      return await lockAll(options);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function lockAll({ config, services }: SupervisorOptions): Promise<ProcessLock> {
  return lockServices(
    config.dataDir,
    services.map((plan) => plan.service),
  );
}

class RunningSupervisor implements Supervisor {
  readonly addresses: readonly ListeningAddress[];
  readonly settled: Promise<RunState>;
  readonly finished: Promise<number>;
  readonly log: Log;
  readonly #options: SupervisorOptions;
  readonly #bound: readonly BoundListener[];
  #lock: ProcessLock | undefined;
  /** The supervisor that has taken over; this one only waits for its end. */
  #successor: ChildProcess | undefined;
  #hasHandedOver = false;
  readonly #sink = new LogSink(2);
  readonly #services: readonly ServiceRun[];
  readonly #shutDown: ShutDown;
  readonly #startedAtMs = Date.now();
  readonly #startToken = processStartToken(process.pid);
  readonly #statePath: string;
  readonly #controlPath: string;
  #control: ControlSocket | undefined;
  #isStateStale = false;
  #isReplacing = false;
  #settle: (state: RunState) => void = () => {};
  #finish: (exitCode: number) => void = () => {};

  constructor(options: SupervisorOptions, bound: readonly BoundListener[], inheritance?: Inheritance) {
    this.#options = options;
    this.#bound = bound;
    this.addresses = bound.map(({ purpose, host, port }) => ({ purpose, host, port }));
    this.log = createLog(this.#sink, { level: options.config.logLevel, pretty: options.prettyLog });
    const suffix = options.services.length > 1 ? '' : `-${options.services[0]?.service}`;
    this.#statePath = join(runDirectory(options.config.dataDir), `state${suffix}.json`);
    this.#controlPath = join(runDirectory(options.config.dataDir), `control${suffix}.sock`);
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#services = options.services.map((plan) =>
      this.#planned(plan, inheritance?.generations[plan.service]),
    );
    this.#shutDown = new ShutDown(this.#services, { drainMs: options.config.drainMs, log: this.log });
  }

  start(): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => this.#hearSignal(signal));
    for (const service of this.#services) service.start();
  }

  /** From here on this is the supervisor of its data directory. */
  async open(lock: ProcessLock): Promise<void> {
    this.#lock = lock;
    this.#control = await openControlSocket(this.#controlPath, {
      status: () => this.#state(),
      stop: (now) => {
        void this.#leave(now ? 'now' : 'drain');
        return this.#state();
      },
      replace: (request) => this.#replace(request),
      replaceSupervisor: ({ program, node }) => this.#replaceSupervisor(program, node),
    });
    this.#noteChange();
  }

  /** The new supervisor's side: everything serves before anything is taken from the old one. */
  async takeOver(lock: () => Promise<ProcessLock>): Promise<void> {
    try {
      const { services } = await this.settled;
      const ill = services.find((one) => one.state !== 'ready');
      if (ill !== undefined) throw new Error(`${ill.service} ${ill.trouble ?? 'is not ready'}`);
      const yours = heard(process, 'yours', yoursWithinMs);
      process.send?.('ready');
      await yours;
      await this.open(await lock());
      process.send?.('taken');
      process.channel?.unref();
    } catch (error) {
      this.log.write('error', `cannot take over: ${(error as Error).message}`);
      await this.#leave('failed');
    }
  }

  /** The old supervisor's side. Until the new one is ready nothing changes. */
  async #replaceSupervisor(program: unknown, node: unknown = process.execPath): Promise<unknown> {
    if (typeof program !== 'string') return { v: 1, error: 'program must be a path' };
    if (typeof node !== 'string' || !isAbsolute(node))
      return { v: 1, error: 'node must be an absolute path' };
    if (this.#isReplacing) return { v: 1, error: 'busy: another replacement is under way' };
    if (this.#shutDown.state !== 'running') return { v: 1, error: 'Throughline is being stopped' };
    this.#isReplacing = true;
    const startedAtMs = performance.now();
    const generations = this.#services.map((one) => [one.service, one.newestGeneration] as const);
    const successor = startSuccessor(
      { program, node },
      {
        bound: this.#bound,
        configured: this.#listeners(this.#options.config.listeners),
        generations: Object.fromEntries(generations),
      },
    );
    try {
      await heard(successor, 'ready', successorWithinMs);
    } catch (error) {
      successor.kill('SIGTERM');
      this.#isReplacing = false;
      return { v: 1, error: `the new supervisor did not take over: ${(error as Error).message}` };
    }
    await this.#giveUp(successor);
    return { v: 1, pid: successor.pid, tookMs: Math.round(performance.now() - startedAtMs) };
  }

  /** In one step: lock, control socket and state file are the successor's, and everything here retires. */
  async #giveUp(successor: ChildProcess): Promise<void> {
    this.#successor = successor;
    this.#hasHandedOver = true;
    successor.once('exit', (code, signal) => void this.#end(code ?? (signal === null ? 0 : 1)));
    const taken = heard(successor, 'taken', yoursWithinMs).catch(() => {});
    this.#control?.release();
    this.#lock?.release();
    successor.send('yours');
    await taken;
    for (const service of this.#services) service.retire();
    this.log.write('info', 'another supervisor has taken over', { successorPid: successor.pid });
  }

  /** The successor has ended, so everything has: what still retires here leaves in time. */
  async #end(exitCode: number): Promise<void> {
    this.#shutDown.begin();
    await this.#shutDown.ended;
    this.#closeSockets();
    await this.#sink.flush(flushMs);
    this.#control?.close();
    this.#finish(exitCode);
  }

  #closeSockets(): void {
    for (const listener of this.#bound) listener.close();
  }

  /** Terminals and service managers know this pid: what they say is passed on to the one that is in charge. */
  #hearSignal(signal: 'SIGINT' | 'SIGTERM'): void {
    if (this.#successor === undefined) void this.#leave('signal');
    else this.#successor.kill(signal);
  }

  #planned(plan: SupervisorOptions['services'][number], generationBefore: number | undefined): ServiceRun {
    return new ServiceRun({
      service: plan.service,
      release: {
        program: plan.program,
        ...(plan.nodeOptions === undefined ? {} : { nodeOptions: plan.nodeOptions }),
        ...(plan.workers === undefined ? {} : { workers: plan.workers }),
        config: plan.order(this.addresses),
        version: this.#options.version,
      },
      listeners: this.#bound.filter((listener) => plan.purposes.includes(listener.purpose)),
      readyWithinMs: this.#options.config.readyWithinMs,
      heartbeatMs: this.#options.config.heartbeatMs,
      ...(generationBefore === undefined ? {} : { generationBefore }),
      log: this.log,
      onChange: () => this.#noteChange(),
    });
  }

  /** One at a time: a second request meanwhile is told so. */
  async #replace(value: Readonly<Record<string, unknown>>): Promise<Receipt | { v: 1; error: string }> {
    const request = parseReplaceRequest(value);
    if (typeof request === 'string') return { v: 1, error: request };
    if (this.#isReplacing) return { v: 1, error: 'busy: another replacement is under way' };
    if (this.#shutDown.state !== 'running') return { v: 1, error: 'Throughline is being stopped' };
    const change =
      request.listeners &&
      changedListeners(this.#listeners(this.#options.config.listeners), this.#listeners(request.listeners));
    if (change !== undefined) return { v: 1, error: change };
    if (request.drainMs !== undefined) this.#shutDown.drainMs = request.drainMs;
    this.#isReplacing = true;
    try {
      return await replaceServices(this.#services, request);
    } finally {
      this.#isReplacing = false;
    }
  }

  /** Those among the configured listeners that the services here have. */
  #listeners(all: readonly ListeningAddress[]): readonly ListeningAddress[] {
    const purposes = new Set(this.#options.services.flatMap((plan) => plan.purposes));
    return all.filter(({ purpose }) => purposes.has(purpose));
  }

  #noteChange(): void {
    const services = this.#services.map((service) => service.status());
    if (services.every((one) => one.state === 'ready' || one.trouble !== undefined))
      this.#settle(this.#state());
    if (!this.#hasHandedOver && this.#isUseless()) void this.#leave('failed');
    // Many changes of one turn are one write.
    if (this.#isStateStale) return;
    this.#isStateStale = true;
    setImmediate(() => {
      this.#isStateStale = false;
      this.#writeState();
    });
  }

  /**
   * True when the service this was started for cannot even begin: its user waits for the reason, and no
   * traffic depends on trying again. Whatever has served once is started again for ever.
   */
  #isUseless(): boolean {
    const [first] = this.#services.filter((one) => one.service === 'core' || this.#services.length === 1);
    return first?.isUnfit ?? false;
  }

  #state(): RunState {
    return {
      v: 1,
      pid: process.pid,
      ...(this.#startToken === undefined ? {} : { startToken: this.#startToken }),
      version: this.#options.version,
      startedAtMs: this.#startedAtMs,
      state: this.#shutDown.state,
      controlSocket: this.#control?.path ?? this.#controlPath,
      addresses: this.addresses,
      services: this.#services.map((service) => service.status()),
    };
  }

  #writeState(): void {
    if (this.#control === undefined || this.#hasHandedOver) return;
    try {
      writeRunState(this.#statePath, this.#state());
    } catch (error) {
      // A full disk must not end what serves; the control socket still answers.
      this.log.write('warn', `cannot write ${this.#statePath}: ${(error as Error).message}`);
    }
  }

  async #leave(how: 'signal' | 'drain' | 'now' | 'failed'): Promise<void> {
    if (how === 'now' || (how === 'signal' && this.#shutDown.state !== 'running')) this.#shutDown.hurry();
    if (this.#shutDown.state !== 'running' && how !== 'now') return;
    if (!this.#shutDown.begin()) return;
    await this.#shutDown.ended;
    if (this.#lock !== undefined) removeRunState(this.#statePath);
    this.#closeSockets();
    this.#lock?.release();
    await this.#sink.flush(flushMs);
    this.#control?.close();
    this.#finish(how === 'failed' ? 1 : this.#shutDown.wasHurried ? 130 : 0);
  }
}
