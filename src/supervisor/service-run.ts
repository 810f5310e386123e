import type { ToService } from '#generation';
import type { BoundListener } from './bind-listeners.ts';
import { type Doubt, DoubtedWorkers } from './doubted-workers.ts';
import { GenerationRun } from './generation-run.ts';
import { next } from './handover.ts';
import { type Heartbeat, heartbeatDefaultMs } from './heartbeat.ts';
import type { Log } from './log.ts';
import { ProcessMap } from './process-map.ts';
import type { Replacement, ServiceStatus } from './run-state.ts';
import {
  initialState,
  type ServiceCommand,
  type ServiceEvent,
  type ServiceState,
  type Wish,
  workerOf,
} from './service-state.ts';
import { serviceStatus } from './service-status.ts';
import type { SuccessionPlan } from './start-program.ts';
import type { Release, ServiceName } from './supervisor-options.ts';
import { isSameProcess, type ProcessName, type RestartPolicy } from './worker.ts';

/** proxy-core is back at once, or within a second when it keeps dying; the others may take their time. */
const policies: Record<ServiceName, RestartPolicy> = {
  core: { immediate: 1, firstMs: 50, maxMs: 1_000, steadyMs: 10_000 },
  data: { immediate: 0, firstMs: 100, maxMs: 5_000, steadyMs: 10_000 },
  recorder: { immediate: 0, firstMs: 100, maxMs: 5_000, steadyMs: 10_000 },
};
const readyWithinDefaultMs = 30_000;
/** An old generation tells at once what it has open; a receipt waits no longer than this. */
const foundOpenWithinMs = 1_000;
/** Deaths of each worker before it ever served, after which a service counts as unfit. */
const silentDeathsMax = 5;

export interface ServiceRunOptions {
  readonly service: ServiceName;
  readonly release: Release;
  readonly listeners: readonly BoundListener[];
  readonly readyWithinMs: number | undefined;
  readonly heartbeatMs: number | undefined;
  /** The highest generation of a supervisor before this one, whose generations still work; absent = there is none. */
  readonly generationBefore?: number;
  /** How its processes go on when this supervisor dies; absent = they leave. */
  readonly succession?: SuccessionPlan;
  readonly log: Log;
  /** After every change of the state or of what `status` says. */
  readonly onChange: () => void;
}

/** Carries out what `handover.ts` decides for one service: processes, timers, messages. */
export class ServiceRun {
  readonly service: ServiceName;
  readonly #options: ServiceRunOptions;
  readonly #policy: RestartPolicy;
  /** The state machine knows releases by their place in this list. */
  readonly #releases: Release[];
  readonly #runs = new ProcessMap<GenerationRun>();
  readonly #waitTimers = new ProcessMap<NodeJS.Timeout>();
  readonly #doubted: DoubtedWorkers;
  /** What went wrong last, by the number of the worker. */
  readonly #troubles = new Map<number, string>();
  #state: ServiceState;
  #lastDeath = '';
  #hasServed = false;
  #hasRefused = false;
  #lastReplacement: Replacement | undefined;
  #settleReplacement: ((replacement: Replacement) => void) | undefined;

  constructor(options: ServiceRunOptions) {
    this.#options = options;
    this.#releases = [options.release];
    this.service = options.service;
    this.#policy = policies[options.service];
    this.#state = { ...initialState, newest: options.generationBefore ?? 0 };
    this.#doubted = new DoubtedWorkers((process) => this.#replaceDoubted(process), this.#policy.steadyMs);
  }

  start(): void {
    this.#dispatch({ kind: 'start', workers: this.#options.release.workers ?? 1 });
  }

  /** The highest number that was given to a generation. */
  get newestGeneration(): number {
    return this.#state.newest;
  }

  /** What the workers run, or are started again with. */
  get release(): Release {
    return this.#releases[this.#state.release] as Release;
  }

  /**
   * Goes on in a new generation without a gap. Resolves when that one serves and the old one has been told to
   * retire, or when it was given up and nothing has changed; never rejects.
   */
  replace(release: Release): Promise<Replacement> {
    if (this.#state.candidate !== undefined) {
      return Promise.resolve({
        ok: false,
        atMs: Date.now(),
        version: release.version,
        reason: `was not started: another replacement of ${this.service} is under way`,
      });
    }
    let place = this.#releases.indexOf(release);
    if (place < 0) place = this.#releases.push(release) - 1;
    return new Promise((resolve) => {
      this.#settleReplacement = resolve;
      this.#dispatch({ kind: 'replace', release: place, workers: release.workers ?? 1 });
    });
  }

  /** Lets everything finish what it has open: another supervisor serves now. Nothing is started again. */
  retire(): void {
    this.#dispatch({ kind: 'retire' });
  }

  /** Asks everything to finish what is open and leave; it is not started again. */
  drain(): void {
    this.#dispatch({ kind: 'drain' });
  }

  /** Tells everything to leave now; it is not started again. */
  stop(): void {
    this.#dispatch({ kind: 'stop' });
  }

  /** Says to every process what changes nothing about its life. */
  tellAll(message: ToService): void {
    for (const run of this.#runs.values()) run.send(message);
  }

  /** The last resort for processes that do not listen. */
  kill(): void {
    for (const run of this.#runs.values()) run.kill();
  }

  get isStopped(): boolean {
    return this.#state.stage === 'stopped' && this.#runs.size === 0;
  }

  /** True when all that is left does not answer any more. */
  get isHanging(): boolean {
    return this.#runs.size > 0 && this.#runs.values().every((run) => run.isHanging);
  }

  /** Exchanges that all processes together still have open while they leave. */
  get openExchanges(): number {
    let open = 0;
    for (const run of this.#runs.values()) open += run.status().openExchanges ?? 0;
    return open;
  }

  /** True when it never served and said that it cannot, or kept dying without a word. */
  get isUnfit(): boolean {
    const starts = this.#state.newest - (this.#options.generationBefore ?? 0);
    const startsMax = silentDeathsMax * (this.#options.release.workers ?? 1);
    return !this.#hasServed && (this.#hasRefused || starts > startsMax);
  }

  status(): ServiceStatus {
    return serviceStatus(this.#state, {
      service: this.service,
      version: this.release.version,
      statusOf: (process) => this.#runs.get(process)?.status(),
      troubles: this.#troubles,
      lastReplacement: this.#lastReplacement,
    });
  }

  #dispatch(event: ServiceEvent): void {
    const step = next(this.#state, event, this.#policy);
    this.#state = step.state;
    for (const command of step.commands) this.#carryOut(command);
    this.#forgetWhatIsOver();
    this.#options.onChange();
  }

  /** Timers and troubles of what a worker was before. */
  #forgetWhatIsOver(): void {
    for (const [process, timer] of this.#waitTimers.entries()) {
      if (workerOf(this.#state, process)?.phase.kind === 'waiting') continue;
      clearTimeout(timer);
      this.#waitTimers.delete(process);
    }
    for (const worker of this.#troubles.keys())
      if (!this.#state.workers.some((one) => one.worker === worker)) this.#troubles.delete(worker);
  }

  #carryOut(command: ServiceCommand): void {
    switch (command.kind) {
      case 'spawn':
        this.#spawn(command.process, command.release);
        break;
      case 'kill':
        this.#runs.get(command.process)?.kill();
        break;
      case 'tell':
        this.#tell(command.process, command.wish);
        break;
      case 'wait':
        this.#wait(command.process, command.ms);
        break;
      case 'replaced':
        void this.#noteReplaced(command);
        break;
      case 'not-replaced':
        this.#settle({ ok: false, atMs: Date.now(), reason: command.reason });
        this.#options.log.write('error', `${this.service} was not replaced: ${command.reason}`);
        break;
      case 'substituted':
        this.#doubted.forget(command.process);
        break;
      case 'not-substituted':
        this.#doubted.tryAgain(command.process);
        this.#log('error', `has no substitute: ${command.reason}`, command.process);
        break;
      case 'rolled-back':
        this.#noteDeadly(command.from, command.to);
        break;
    }
  }

  #wait(process: ProcessName, ms: number): void {
    this.#waitTimers.set(
      process,
      setTimeout(() => this.#dispatch({ kind: 'wait-over', process }), ms),
    );
  }

  #tell(process: ProcessName, wish: Wish): void {
    const run = this.#runs.get(process);
    if (wish === 'stop') run?.stop();
    else run?.drain(wish === 'retire' ? 'replaced' : 'stop');
  }

  #spawn(process: ProcessName, place: number): void {
    const { service, listeners, log, readyWithinMs = readyWithinDefaultMs, succession } = this.#options;
    const { candidate, workers } = this.#state;
    const hasOthers = this.#runs.entries().some(([{ generation }]) => generation !== process.generation);
    const run = new GenerationRun(
      {
        service,
        process,
        workers: candidate?.generation === process.generation ? candidate.size : workers.length,
        release: this.#releases[place] as Release,
        listeners,
        isReplacement: hasOthers || process.generation - 1 === this.#options.generationBefore,
        readyWithinMs,
        // The others have work that takes a while, and nobody's stream depends on them.
        heartbeatMs: service === 'core' ? (this.#options.heartbeatMs ?? heartbeatDefaultMs) : undefined,
        ...(succession === undefined ? {} : { succession }),
        log,
      },
      {
        ready: () => this.#noteReady(process),
        refused: (reason) => this.#noteRefused(process, reason),
        tainted: (cause) => this.#noteTainted(process, cause),
        heartbeatChanged: (heartbeat) => this.#noteHeartbeat(process, heartbeat),
        exited: (cause) => this.#noteExit(process, cause),
        changed: () => this.#options.onChange(),
      },
    );
    this.#runs.set(process, run);
  }

  #noteReady(process: ProcessName): void {
    const isFirst = process.generation === (this.#options.generationBefore ?? 0) + 1;
    this.#log(isFirst ? 'debug' : 'info', 'is ready', process, { tookMs: this.#runs.get(process)?.tookMs });
    this.#hasServed = true;
    this.#dispatch({ kind: 'ready', process, atMs: Date.now() });
    if (workerOf(this.#state, process) !== undefined) this.#troubles.delete(process.worker);
    this.#options.onChange();
  }

  #noteRefused(process: ProcessName, reason: string): void {
    if (workerOf(this.#state, process) !== undefined) {
      this.#troubles.set(process.worker, reason);
      this.#hasRefused = true;
    }
    this.#log('error', `was refused: ${reason}`, process);
    this.#dispatch({ kind: 'refused', process, reason });
  }

  /** Something broke in it: it goes on, and another process takes its place. */
  #noteTainted(process: ProcessName, cause: string): void {
    if (!this.#doubt(process, 'tainted', cause)) return;
    this.#log('error', `asks to be replaced: ${cause}`, process);
    this.#options.onChange();
  }

  /** It may wake up again and finish what it has, so another process starts beside it. */
  #noteHeartbeat(process: ProcessName, { isHanging, isLost }: Heartbeat): void {
    if (isLost) {
      this.#log('error', 'has not answered for so long that it is killed', process);
      this.#runs.get(process)?.kill();
    } else if (isHanging) {
      this.#log('error', 'does not answer any more', process);
      this.#doubt(process, 'hanging', 'does not answer any more');
    } else {
      this.#log('info', 'answers again', process);
      if (this.#doubted.isDoubted(process, 'hanging')) {
        this.#doubted.forget(process);
        this.#troubles.delete(process.worker);
      }
    }
    this.#options.onChange();
  }

  #doubt(process: ProcessName, doubt: Doubt, trouble: string): boolean {
    if (workerOf(this.#state, process)?.phase.kind !== 'ready') return false;
    const isUnproved = this.#unprovedFallback(process) !== undefined;
    // No row of replacements: one that took such a place itself has to serve for a while first.
    const waitMs = process.generation === 1 || isUnproved ? 0 : this.#unsteadyMs(process);
    if (!this.#doubted.add(process, doubt, { waitMs })) return false;
    this.#troubles.set(process.worker, trouble);
    return true;
  }

  #replaceDoubted(process: ProcessName): void {
    const good = this.#unprovedFallback(process);
    if (good === undefined) this.#dispatch({ kind: 'substitute', process });
    else void this.#rollBackDoubted(process, good).then((ok) => ok || this.#doubted.tryAgain(process));
  }

  /** A release that has not proved itself gets no second try when there is one that has. */
  #unprovedFallback(process: ProcessName): Release | undefined {
    const { fallback } = this.#state;
    return fallback === undefined || this.#unsteadyMs(process) === 0 ? undefined : this.#releases[fallback];
  }

  /** Until this process has served long enough. */
  #unsteadyMs(process: ProcessName): number {
    const phase = workerOf(this.#state, process)?.phase;
    return phase?.kind === 'ready' ? Math.max(0, phase.readyAtMs + this.#policy.steadyMs - Date.now()) : 0;
  }

  async #rollBackDoubted(process: ProcessName, good: Release): Promise<boolean> {
    const why = this.#troubles.get(process.worker);
    const cause = `version ${this.release.version} asked to be replaced soon after it had taken over (${why})`;
    const { ok } = await this.replace(good);
    if (ok) this.#noteRollback(`${cause}: back to ${good.version}`, good);
    this.#options.onChange();
    return ok;
  }

  #noteExit(process: ProcessName, cause: string): void {
    this.#runs.delete(process);
    this.#doubted.forget(process);
    const phase = workerOf(this.#state, process)?.phase.kind;
    const isRetiring = this.#state.retiring.some((one) => isSameProcess(one, process));
    if (phase === 'ready' || phase === 'starting') this.#lastDeath = cause;
    const isUnexpected = phase === 'ready' || (phase === 'starting' && !this.#troubles.has(process.worker));
    if (isUnexpected) this.#troubles.set(process.worker, `ended by itself (${cause})`);
    this.#log(isRetiring || phase === 'leaving' ? 'debug' : 'warn', 'ended', process, { cause });
    const reason = `ended before it was ready (${cause})`;
    this.#dispatch({ kind: 'exited', process, atMs: Date.now(), reason });
  }

  async #noteReplaced({ from, to, retiring }: ServiceCommand & { kind: 'replaced' }): Promise<void> {
    const settle = this.#settleReplacement;
    this.#settleReplacement = undefined;
    this.#troubles.clear();
    const young = this.#state.workers.flatMap((worker) => this.#runs.get(worker) ?? []);
    const replacement: Replacement = {
      ok: true,
      atMs: Date.now(),
      from,
      to,
      version: this.release.version,
      workers: young.length,
      tookMs: Math.max(0, ...young.map((run) => run.tookMs)),
      carriedOver: 0,
    };
    this.#lastReplacement = replacement;
    const open = await Promise.all(
      retiring.map((process) => this.#runs.get(process)?.foundOpen(foundOpenWithinMs) ?? 0),
    );
    const carriedOver = open.reduce((sum, one) => sum + one, 0);
    const counted: Replacement = { ...replacement, carriedOver };
    // Counting takes a while: what it may have been rolled back by meanwhile is the news then.
    if (this.#lastReplacement === replacement) this.#lastReplacement = counted;
    settle?.(counted);
    this.#options.onChange();
  }

  #noteDeadly(from: number, to: number): void {
    const [bad, good] = [this.#releases[from] as Release, this.#releases[to] as Release];
    const cause = `version ${bad.version} kept dying soon after it had taken over (${this.#lastDeath})`;
    this.#noteRollback(`${cause}: back to ${good.version}`, good);
  }

  #noteRollback(reason: string, { version }: Release): void {
    this.#lastReplacement = { ok: false, atMs: Date.now(), reason, version };
    this.#options.log.write('error', `${this.service} was rolled back: ${reason}`);
  }

  #settle(replacement: Replacement): void {
    const settle = this.#settleReplacement;
    this.#settleReplacement = undefined;
    this.#lastReplacement = replacement;
    settle?.(replacement);
  }

  #log(
    level: 'debug' | 'info' | 'warn' | 'error',
    text: string,
    process: ProcessName,
    fields: Readonly<Record<string, unknown>> = {},
  ): void {
    this.#options.log.write(level, `${this.service} ${text}`, { ...process, ...fields });
  }
}
