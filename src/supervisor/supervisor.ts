import { join } from 'node:path';
import { type ListeningAddress, type ProcessLock, prepareProcess, processStartToken } from '#generation';
import { type BoundListener, bindListeners } from './bind-listeners.ts';
import { type ControlSocket, openControlSocket } from './control-socket.ts';
import { createLog, type Log } from './log.ts';
import { LogSink } from './log-sink.ts';
import { changedListeners, parseReplaceRequest, type Receipt, replaceServices } from './replace-services.ts';
import { type RunState, removeRunState, runDirectory, writeRunState } from './run-state.ts';
import { ServiceRun } from './service-run.ts';
import { ShutDown } from './shut-down.ts';
import { lockServices } from './supervisor-locks.ts';
import type { SupervisorOptions } from './supervisor-options.ts';

const flushMs = 1_000;

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
  const lock = await lockServices(
    options.config.dataDir,
    options.services.map((plan) => plan.service),
  );
  try {
    const purposes = new Set(options.services.flatMap((plan) => plan.purposes));
    const { bound, notices } = await bindListeners(
      options.config.listeners.filter((one) => purposes.has(one.purpose)),
    );
    const running = new RunningSupervisor(options, bound, lock);
    for (const notice of notices) running.log.write('info', notice);
    await running.open();
    return running;
  } catch (error) {
    lock.release();
    throw error;
  }
}

class RunningSupervisor implements Supervisor {
  readonly addresses: readonly ListeningAddress[];
  readonly settled: Promise<RunState>;
  readonly finished: Promise<number>;
  readonly log: Log;
  readonly #options: SupervisorOptions;
  readonly #bound: readonly BoundListener[];
  readonly #lock: ProcessLock;
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

  constructor(options: SupervisorOptions, bound: readonly BoundListener[], lock: ProcessLock) {
    this.#options = options;
    this.#bound = bound;
    this.#lock = lock;
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
    this.#services = options.services.map((plan) => this.#planned(plan));
    this.#shutDown = new ShutDown(this.#services, { drainMs: options.config.drainMs, log: this.log });
  }

  async open(): Promise<void> {
    this.#control = await openControlSocket(this.#controlPath, {
      status: () => this.#state(),
      stop: (now) => {
        void this.#leave(now ? 'now' : 'drain');
        return this.#state();
      },
      replace: (request) => this.#replace(request),
    });
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void this.#leave('signal'));
    for (const service of this.#services) service.start();
  }

  #planned(plan: SupervisorOptions['services'][number]): ServiceRun {
    return new ServiceRun({
      service: plan.service,
      release: {
        program: plan.program,
        ...(plan.nodeOptions === undefined ? {} : { nodeOptions: plan.nodeOptions }),
        config: plan.order(this.addresses),
        version: this.#options.version,
      },
      listeners: this.#bound.filter((listener) => plan.purposes.includes(listener.purpose)),
      readyWithinMs: this.#options.config.readyWithinMs,
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
    if (this.#isUseless()) void this.#leave('failed');
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
    if (this.#control === undefined) return;
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
    removeRunState(this.#statePath);
    for (const listener of this.#bound) listener.close();
    this.#lock.release();
    await this.#sink.flush(flushMs);
    this.#control?.close();
    this.#finish(how === 'failed' ? 1 : this.#shutDown.wasHurried ? 130 : 0);
  }
}
