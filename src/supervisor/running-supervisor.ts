import type { ChildProcess } from 'node:child_process';
import { isAbsolute } from 'node:path';
import { type ListeningAddress, type ProcessLock, processStartToken, type Testament } from '#generation';
import type { BoundListener } from './bind-listeners.ts';
import { type ControlSocket, openControlSocket } from './control-socket.ts';
import { type EndingSignal, onEndingSignals } from './ending-signals.ts';
import { Follower } from './follower.ts';
import { createLog, type Log } from './log.ts';
import { LogSink } from './log-sink.ts';
import { Orphans } from './orphans.ts';
import { changedListeners, parseReplaceRequest, type Receipt, replaceServices } from './replace-services.ts';
import {
  hasRunState,
  type LeftProcess,
  type RunState,
  readRunState,
  removeRunState,
  writeRunState,
} from './run-state.ts';
import { ServiceRun } from './service-run.ts';
import { ShutDown } from './shut-down.ts';
import type { SuccessionPlan } from './start-program.ts';
import { type Estate, heard, type Inheritance, startSuccessor } from './succession.ts';
import { lockSoon, type SupervisorPaths, supervisorPaths } from './supervisor-locks.ts';
import type { ServicePlan, SupervisorOptions } from './supervisor-options.ts';

const flushMs = 1_000;
/** A new supervisor starts all services, which may take 30 s each, at the same time. */
const successorWithinMs = 60_000;
/** Between two supervisors that both run: no more than a few file operations. */
const yoursWithinMs = 10_000;
/** Whoever lives this long did not die young. */
const steadyMs = 10_000;
/** The process that started this supervisor comes forward within a moment. */
const firstOrphanWithinMs = 2_000;

/** What was there before this supervisor. */
export interface Past {
  /** What another one gave or left to it. */
  readonly inheritance?: Inheritance;
  /** What it left behind besides. */
  readonly left?: readonly LeftProcess[];
}

/** A supervisor at work: sockets, services, control socket, and the ways in which it begins and ends. */
export class RunningSupervisor {
  readonly addresses: readonly ListeningAddress[];
  readonly settled: Promise<RunState>;
  readonly finished: Promise<number>;
  readonly log: Log;
  readonly #options: SupervisorOptions;
  readonly #bound: readonly BoundListener[];
  readonly #inheritance: Inheritance | undefined;
  readonly #paths: SupervisorPaths;
  #lock: ProcessLock | undefined;
  /** The supervisor that has taken over; this one only waits for its end. */
  #successor: ChildProcess | undefined;
  /** Signals that it was sent. */
  readonly #passedOn: EndingSignal[] = [];
  /** … and for the end of whoever goes on when that one died without a word. */
  #follower: Follower | undefined;
  #hasHandedOver = false;
  #followers = 0;
  readonly #sink = new LogSink(2);
  readonly #services: readonly ServiceRun[];
  readonly #orphans: Orphans;
  readonly #shutDown: ShutDown;
  readonly #startedAtMs = Date.now();
  readonly #startToken = processStartToken(process.pid);
  #earlyDeaths: number;
  #drainMs: number;
  #control: ControlSocket | undefined;
  #isStateStale = false;
  #isReplacing = false;
  /** The testament that everybody has. */
  #bequeathed = '';
  #settle: (state: RunState) => void = () => {};
  #finish: (exitCode: number) => void = () => {};

  constructor(options: SupervisorOptions, bound: readonly BoundListener[], past: Past = {}) {
    const { inheritance, left = [] } = past;
    this.#options = options;
    this.#bound = bound;
    this.#inheritance = inheritance;
    this.#earlyDeaths = inheritance?.earlyDeaths ?? 0;
    this.#drainMs = options.config.drainMs;
    this.addresses = bound.map(({ purpose, host, port }) => ({ purpose, host, port }));
    this.log = createLog(this.#sink, { level: options.config.logLevel, pretty: options.prettyLog });
    this.#paths = supervisorPaths(options);
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#orphans = new Orphans(left, {
      // Whoever goes on for a dead supervisor is looked for; who starts afresh is not.
      areLeaving: inheritance === undefined,
      log: this.log,
      onChange: () => this.#noteChange(),
    });
    this.#services = options.services.map((plan) => this.#planned(plan));
    const orphans = options.services.map(({ service }) => this.#orphans.of(service));
    this.#shutDown = new ShutDown([...this.#services, ...orphans], {
      drainMs: this.#drainMs,
      log: this.log,
    });
  }

  hearSignals(): void {
    onEndingSignals((signal) => this.#hearSignal(signal));
  }

  start(): void {
    if (this.#shutDown.state !== 'running') return;
    for (const service of this.#services) service.start();
  }

  /** From here on this is the supervisor of its data directory. */
  async open(lock: ProcessLock): Promise<void> {
    this.#lock = lock;
    this.#control = await openControlSocket(this.#paths.control, {
      status: () => this.#state(),
      stop: (now) => {
        void this.#leave(now ? 'now' : 'drain');
        return this.#state();
      },
      replace: (request) => this.#replace(request),
      replaceSupervisor: ({ program, node }) => this.#replaceSupervisor(program, node),
      adopt: (claim, link) => this.#adopt(claim, link),
      follow: ({ alone }, onClosed) => this.#noteFollower(alone, onClosed),
    });
    setTimeout(() => {
      this.#earlyDeaths = 0;
      this.#noteChange();
    }, steadyMs).unref();
    this.#noteChange();
    // Not in a moment: whoever hears that this one is in charge may rely on it, also if it is killed right then. Its
    // services must know how to go on, and the file must not name somebody who has handed over.
    this.#bequeath();
    this.#writeState();
  }

  /** Goes on where a dead supervisor was. Its orphans serve until the services here do. */
  async goOn(lock: ProcessLock): Promise<void> {
    this.log.write(
      'warn',
      'the supervisor before this one died; this one goes on. To end everything: throughline stop',
    );
    await this.open(lock);
    // Should this one die before anybody has found it, it must not have started what would be left as well.
    await this.#orphans.adoptedOne(firstOrphanWithinMs);
    this.start();
  }

  /** The new supervisor's side: everything serves before anything is taken from the old one. */
  async takeOver(): Promise<void> {
    const giveWay = (): void => this.#giveWay();
    process.once('disconnect', giveWay);
    try {
      const { services } = await this.settled;
      const ill = services.find((one) => one.state !== 'ready');
      if (ill !== undefined) throw new Error(`${ill.service} ${ill.trouble ?? 'is not ready'}`);
      const yours = heard(process, 'yours', yoursWithinMs);
      if (process.connected) process.send?.('ready');
      await yours;
      process.off('disconnect', giveWay);
      // Whoever watches over the old one will not hear of this one any more.
      process.once('disconnect', () => this.#noteChange());
      await this.open(await lockSoon(this.#options));
      if (process.connected) process.send?.('taken');
      process.channel?.unref();
    } catch (error) {
      if (!process.connected) {
        giveWay();
        return;
      }
      this.log.write('error', `cannot take over: ${(error as Error).message}`);
      await this.#leave('failed');
    }
  }

  /**
   * The old supervisor is gone before it handed over. When it died, its services have a new one by now or soon, and what
   * was started here is left to that one, as it serves already.
   */
  #giveWay(): void {
    if (!hasRunState(this.#paths.state)) {
      void this.#leave('failed');
      return;
    }
    this.log.write('error', 'cannot take over: the supervisor before this one died');
    void this.#sink.flush(flushMs).then(() => this.#finish(1));
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
    const successor = startSuccessor(
      { program, node },
      {
        bound: this.#bound,
        configured: this.#listeners(this.#options.config.listeners),
        generations: this.#generations(),
        isAttended: this.#isAttended,
      },
    );
    try {
      await heard(successor, 'ready', successorWithinMs);
    } catch (error) {
      successor.kill('SIGTERM');
      this.#isReplacing = false;
      return { v: 1, error: `the new supervisor did not take over: ${(error as Error).message}` };
    }
    if (!(await this.#giveUp(successor)))
      return { v: 1, error: 'the new supervisor died while it took over: this one goes on' };
    return { v: 1, pid: successor.pid, tookMs: Math.round(performance.now() - startedAtMs) };
  }

  /**
   * In one step: lock, control socket and state file are the successor's, and everything here retires. Resolves with
   * false when it died in the middle of that, or did not get through it.
   */
  async #giveUp(successor: ChildProcess): Promise<boolean> {
    this.#successor = successor;
    this.#hasHandedOver = true;
    const taken = heard(successor, 'taken', yoursWithinMs).then(
      () => true,
      () => false,
    );
    this.#control?.release();
    this.#lock?.release();
    successor.send('yours', () => {});
    if (!(await taken) && (await this.#takeBack(successor))) return false;
    const outlive = (code: number | null) => void this.#outlive(code ?? 1);
    if (successor.exitCode === null && successor.signalCode === null) successor.once('exit', outlive);
    else outlive(successor.exitCode);
    for (const { service } of this.#services) this.#orphans.retire(service);
    for (const service of this.#services) service.retire();
    this.log.write('info', 'another supervisor has taken over', { successorPid: successor.pid });
    return true;
  }

  /** Nothing has been retired yet. False when the successor is in charge all the same, or somebody else was faster. */
  async #takeBack(successor: ChildProcess): Promise<boolean> {
    if (readRunState(this.#paths.state)?.pid === successor.pid) return false;
    // Half of a supervisor would be followed by nobody: what it started comes to this one.
    successor.kill('SIGKILL');
    const lock = await lockSoon(this.#options).catch(() => undefined);
    if (lock === undefined) return false;
    this.#successor = undefined;
    this.#hasHandedOver = false;
    this.#isReplacing = false;
    await this.open(lock);
    return true;
  }

  /** The successor has ended: in order, so everything has; or it died, and somebody else goes on. */
  async #outlive(exitCode: number): Promise<void> {
    this.#successor = undefined;
    this.#follower = new Follower(this.#paths.state, { alone: false });
    // It may have died before it could do what it was told.
    for (const signal of this.#passedOn) this.#follower.hear(signal);
    const hasGoneOn = await this.#follower.hasBegun;
    await this.#end(hasGoneOn ? await this.#follower.finished : exitCode);
  }

  /** What still retires here leaves in time. */
  async #end(exitCode: number): Promise<void> {
    this.#beginShutDown();
    await this.#shutDown.ended;
    this.#closeSockets();
    await this.#sink.flush(flushMs);
    this.#control?.close(exitCode);
    this.#finish(exitCode);
  }

  #closeSockets(): void {
    for (const listener of this.#bound) listener.close();
  }

  /** Terminals and service managers know this pid: what they say is passed on to the one that is in charge. */
  #hearSignal(signal: EndingSignal): void {
    if (this.#successor !== undefined) {
      this.#passedOn.push(signal);
      this.#successor.kill(signal);
    } else if (this.#follower !== undefined) this.#follower.hear(signal);
    else if (signal === 'SIGHUP') void this.#leave('drain');
    else void this.#leave(signal === 'SIGQUIT' ? 'now' : 'signal');
  }

  #planned(plan: ServicePlan): ServiceRun {
    const generationBefore = this.#inheritance?.generations[plan.service];
    const succession = this.#succession(plan);
    return new ServiceRun({
      service: plan.service,
      release: {
        program: plan.program,
        ...(plan.node === undefined ? {} : { node: plan.node }),
        ...(plan.nodeOptions === undefined ? {} : { nodeOptions: plan.nodeOptions }),
        ...(plan.workers === undefined ? {} : { workers: plan.workers }),
        config: plan.order(this.addresses),
        version: plan.version ?? this.#options.version,
      },
      listeners: this.#bound.filter((listener) => plan.purposes.includes(listener.purpose)),
      readyWithinMs: this.#options.config.readyWithinMs,
      heartbeatMs: this.#options.config.heartbeatMs,
      ...(generationBefore === undefined ? {} : { generationBefore }),
      ...(succession === undefined ? {} : { succession }),
      log: this.log,
      onChange: () => this.#noteChange(),
    });
  }

  /** Only proxy-core starts a supervisor: without it there is no traffic that would need one. */
  #succession({ service }: ServicePlan): SuccessionPlan | undefined {
    if (!this.#options.services.some((plan) => plan.service === 'core')) return undefined;
    return {
      stateFile: this.#paths.state,
      lock: this.#paths.succession,
      testament: () => this.#testament(),
      ...(service === 'core' ? { keeps: this.#bound } : {}),
    };
  }

  /** Undefined while another supervisor is in charge. */
  #testament(): Testament | undefined {
    if (this.#lock === undefined || this.#hasHandedOver) return undefined;
    const { config, services, version, prettyLog } = this.#options;
    const estate: Estate = {
      config: { ...config, drainMs: this.#drainMs },
      services: services.map(({ service, purposes }, index) => {
        const release = this.#services[index]?.release;
        if (release === undefined) throw new Error(`${service} is not planned`);
        return { service, purposes, release };
      }),
      generations: this.#generations(),
      version,
      prettyLog,
    };
    const args = [...process.execArgv, ...process.argv.slice(1)];
    return { program: process.execPath, args, estate, earlyDeaths: this.#earlyDeaths };
  }

  #generations(): Inheritance['generations'] {
    return Object.fromEntries(this.#services.map((one) => [one.service, one.newestGeneration]));
  }

  /** Everybody who may start the next supervisor knows the latest testament. */
  #bequeath(): void {
    const testament = this.#testament();
    const text = JSON.stringify(testament);
    if (testament === undefined || text === this.#bequeathed) return;
    this.#bequeathed = text;
    for (const service of this.#services)
      if (service.service === 'core') service.tellAll({ type: 'testament', testament });
    this.#orphans.tellAll({ type: 'testament', testament });
  }

  #adopt(claim: unknown, link: Parameters<Orphans['adopt']>[1]): string | undefined {
    const refusal = this.#orphans.adopt(claim, link, (pid) => this.#isOwn(pid));
    if (refusal !== undefined) return refusal;
    const testament = this.#testament();
    if (testament !== undefined) link.send({ type: 'testament', testament });
    if (this.#shutDown.state !== 'running') link.send({ type: 'ending' });
    return undefined;
  }

  /** A child of this process whose channel broke is still counted on: it must not be retired as somebody else's. */
  #isOwn(pid: number): boolean {
    return this.#services.some((service) => {
      const { workers, candidates, retiring } = service.status();
      return [...workers, ...candidates, ...retiring].some((one) => one.pid === pid);
    });
  }

  #noteFollower(alone: boolean, onClosed: (callback: () => void) => void): string | undefined {
    if (alone && this.#isAttended) return 'somebody else stands for this supervisor';
    this.#followers += 1;
    this.#noteChange();
    onClosed(() => {
      this.#followers -= 1;
      this.#noteChange();
    });
    return undefined;
  }

  /** The first supervisor is in the foreground itself; one that took over from it counts on it while it lives. */
  get #isAttended(): boolean {
    if (this.#followers > 0 || this.#inheritance === undefined) return true;
    return this.#inheritance.isAttended && process.connected;
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
    if (request.drainMs !== undefined) this.#setDrainMs(request.drainMs);
    this.#isReplacing = true;
    try {
      return await replaceServices(this.#services, request);
    } finally {
      this.#isReplacing = false;
      // Whoever has the receipt finds in the file what it says.
      this.#writeState();
    }
  }

  #setDrainMs(drainMs: number): void {
    this.#drainMs = drainMs;
    this.#shutDown.drainMs = drainMs;
    this.#noteChange();
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
    for (const { service, state } of services) if (state === 'ready') this.#orphans.retire(service);
    if (!this.#hasHandedOver && this.#isUseless()) void this.#leave('failed');
    // Many changes of one turn are one write.
    if (this.#isStateStale) return;
    this.#isStateStale = true;
    setImmediate(() => {
      this.#isStateStale = false;
      this.#bequeath();
      this.#writeState();
    });
  }

  /**
   * True when the service this was started for cannot even begin: its user waits for the reason, and no
   * traffic depends on trying again. Whatever has served once is started again for ever, also by another supervisor.
   */
  #isUseless(): boolean {
    if (this.#inheritance?.estate !== undefined) return false;
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
      isAttended: this.#isAttended,
      controlSocket: this.#control?.path ?? this.#paths.control,
      addresses: this.addresses,
      services: this.#services.map((service) => {
        const orphans = this.#orphans.status(service.service);
        return orphans.length === 0 ? service.status() : { ...service.status(), orphans };
      }),
    };
  }

  #writeState(): void {
    if (this.#control === undefined || this.#hasHandedOver) return;
    try {
      writeRunState(this.#paths.state, this.#state());
    } catch (error) {
      // A full disk must not end what serves; the control socket still answers.
      this.log.write('warn', `cannot write ${this.#paths.state}: ${(error as Error).message}`);
    }
  }

  /** Services hear of it before anything else: should this process be killed meanwhile, none looks for another one. */
  #beginShutDown(): boolean {
    for (const service of this.#services) service.tellAll({ type: 'ending' });
    this.#orphans.tellAll({ type: 'ending' });
    return this.#shutDown.begin();
  }

  async #leave(how: 'signal' | 'drain' | 'now' | 'failed'): Promise<void> {
    if (how === 'now' || (how === 'signal' && this.#shutDown.state !== 'running')) this.#shutDown.hurry();
    if (this.#shutDown.state !== 'running' && how !== 'now') return;
    if (!this.#beginShutDown()) return;
    await this.#shutDown.ended;
    if (this.#lock !== undefined) removeRunState(this.#paths.state);
    this.#closeSockets();
    this.#lock?.release();
    await this.#sink.flush(flushMs);
    const exitCode = how === 'failed' ? 1 : this.#shutDown.wasHurried ? 130 : 0;
    this.#control?.close(exitCode);
    this.#finish(exitCode);
  }
}
