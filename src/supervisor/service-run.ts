import type { BoundListener } from './bind-listeners.ts';
import { GenerationRun } from './generation-run.ts';
import {
  initialState,
  next,
  type RestartPolicy,
  type ServiceCommand,
  type ServiceEvent,
  type ServiceState,
} from './handover.ts';
import type { Log } from './log.ts';
import type { Replacement, ServiceStatus } from './run-state.ts';
import type { Release, ServiceName } from './supervisor-options.ts';

/** proxy-core is back at once, or within a second when it keeps dying; the others may take their time. */
const policies: Record<ServiceName, RestartPolicy> = {
  core: { immediate: 1, firstMs: 50, maxMs: 1_000, steadyMs: 10_000 },
  data: { immediate: 0, firstMs: 100, maxMs: 5_000, steadyMs: 10_000 },
  recorder: { immediate: 0, firstMs: 100, maxMs: 5_000, steadyMs: 10_000 },
};
const readyWithinDefaultMs = 30_000;
/** An old generation tells at once what it has open; a receipt waits no longer than this. */
const foundOpenWithinMs = 1_000;
/** Deaths before it ever served, after which a service counts as unfit. */
const silentDeathsMax = 5;

export interface ServiceRunOptions {
  readonly service: ServiceName;
  readonly release: Release;
  readonly listeners: readonly BoundListener[];
  readonly readyWithinMs: number | undefined;
  /** The highest generation of a supervisor before this one, whose generations still work; absent = there is none. */
  readonly generationBefore?: number;
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
  readonly #runs = new Map<number, GenerationRun>();
  #state: ServiceState = initialState;
  #waitTimer: NodeJS.Timeout | undefined;
  #taintTimer: NodeJS.Timeout | undefined;
  /** The last generation that asked to be replaced. */
  #tainted: number | undefined;
  #trouble: string | undefined;
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
    const before = options.generationBefore ?? 0;
    this.#state = { ...initialState, newest: before, phase: { kind: 'stopped', generation: before } };
  }

  start(): void {
    this.#dispatch({ kind: 'start' });
  }

  /** The highest number that was given to a generation. */
  get newestGeneration(): number {
    return this.#state.newest;
  }

  /** What the current generation runs, or is started again with. */
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
      this.#dispatch({ kind: 'replace', release: place });
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

  /** The last resort for processes that do not listen. */
  kill(): void {
    for (const run of this.#runs.values()) run.kill();
  }

  get isStopped(): boolean {
    return this.#state.phase.kind === 'stopped' && this.#runs.size === 0;
  }

  /** Exchanges that all generations together still have open while they leave. */
  get openExchanges(): number {
    let open = 0;
    for (const run of this.#runs.values()) open += run.status().openExchanges ?? 0;
    return open;
  }

  /** True when it never served and said that it cannot, or kept dying without a word. */
  get isUnfit(): boolean {
    return (
      !this.#hasServed &&
      (this.#hasRefused || this.#state.newest - (this.#options.generationBefore ?? 0) > silentDeathsMax)
    );
  }

  status(): ServiceStatus {
    const { phase, candidate, retiring } = this.#state;
    const current = this.#runs.get(phase.generation)?.status();
    const candidateRun = candidate === undefined ? undefined : this.#runs.get(candidate.generation);
    return {
      service: this.service,
      state: phase.kind,
      version: this.release.version,
      ...(current ?? { generation: phase.generation }),
      ...(phase.kind === 'ready' ? { readyAtMs: phase.readyAtMs } : {}),
      ...(this.#trouble === undefined ? {} : { trouble: this.#trouble }),
      ...(candidateRun === undefined ? {} : { candidate: candidateRun.status() }),
      retiring: retiring.flatMap((generation) => this.#runs.get(generation)?.status() ?? []),
      ...(this.#lastReplacement === undefined ? {} : { lastReplacement: this.#lastReplacement }),
    };
  }

  #dispatch(event: ServiceEvent): void {
    const step = next(this.#state, event, this.#policy);
    this.#state = step.state;
    if (step.state.phase.kind !== 'waiting') clearTimeout(this.#waitTimer);
    if (step.state.phase.generation !== this.#tainted) clearTimeout(this.#taintTimer);
    for (const command of step.commands) this.#carryOut(command);
    this.#options.onChange();
  }

  #carryOut(command: ServiceCommand): void {
    switch (command.kind) {
      case 'spawn':
        this.#spawn(command.generation, command.release);
        break;
      case 'kill':
        this.#runs.get(command.generation)?.kill();
        break;
      case 'tell':
        this.#tell(command.generation, command.wish);
        break;
      case 'wait':
        this.#waitTimer = setTimeout(() => this.#dispatch({ kind: 'wait-over' }), command.ms);
        break;
      case 'replaced':
        void this.#noteReplaced(command.from, command.to);
        break;
      case 'not-replaced':
        this.#settle({ ok: false, atMs: Date.now(), reason: command.reason });
        this.#options.log.write('error', `${this.service} was not replaced: ${command.reason}`);
        break;
      case 'rolled-back':
        this.#noteDeadly(command.from, command.to);
        break;
    }
  }

  #tell(generation: number, wish: 'retire' | 'drain' | 'stop'): void {
    const run = this.#runs.get(generation);
    if (wish === 'stop') run?.stop();
    else run?.drain(wish === 'retire' ? 'replaced' : 'stop');
  }

  #spawn(generation: number, place: number): void {
    const { service, listeners, log, readyWithinMs = readyWithinDefaultMs } = this.#options;
    const run = new GenerationRun(
      {
        service,
        generation,
        release: this.#releases[place] as Release,
        listeners,
        isReplacement: this.#runs.size > 0 || generation - 1 === this.#options.generationBefore,
        readyWithinMs,
        log,
      },
      {
        ready: () => this.#noteReady(generation),
        refused: (reason) => this.#noteRefused(generation, reason),
        tainted: (cause) => this.#noteTainted(generation, cause),
        exited: (cause) => this.#noteExit(generation, cause),
        changed: () => this.#options.onChange(),
      },
    );
    this.#runs.set(generation, run);
  }

  #noteReady(generation: number): void {
    const tookMs = this.#runs.get(generation)?.tookMs;
    const isFirst = generation === (this.#options.generationBefore ?? 0) + 1;
    this.#options.log.write(isFirst ? 'debug' : 'info', `${this.service} is ready`, {
      generation,
      tookMs,
    });
    this.#trouble = undefined;
    this.#hasServed = true;
    this.#dispatch({ kind: 'ready', generation, atMs: Date.now() });
  }

  #noteRefused(generation: number, reason: string): void {
    if (generation === this.#state.phase.generation) {
      this.#trouble = reason;
      this.#hasRefused = true;
    }
    this.#options.log.write('error', `${this.service} was refused: ${reason}`, { generation });
    this.#dispatch({ kind: 'refused', generation, reason });
  }

  /** Replaced once for all that is wrong with it, and not more often than a new generation needs to prove itself. */
  #noteTainted(generation: number, cause: string): void {
    if (this.#tainted === generation || this.#state.phase.generation !== generation) return;
    this.#tainted = generation;
    this.#trouble = cause;
    this.#options.log.write('error', `${this.service} asks to be replaced: ${cause}`, { generation });
    this.#replaceTainted(generation);
    this.#options.onChange();
  }

  #replaceTainted(generation: number): void {
    const { phase, candidate, fallback } = this.#state;
    if (phase.generation !== generation || phase.kind !== 'ready') return;
    const waitMs = phase.readyAtMs + this.#policy.steadyMs - Date.now();
    // A release that has not proved itself gets no second try when there is one that has.
    const unproved = waitMs > 0 ? fallback : undefined;
    if (generation > 1 && waitMs > 0 && unproved === undefined) {
      this.#taintTimer = setTimeout(() => this.#replaceTainted(generation), waitMs);
      return;
    }
    const tryLater = () => {
      this.#taintTimer = setTimeout(() => this.#replaceTainted(generation), this.#policy.steadyMs);
    };
    if (candidate !== undefined) tryLater();
    else if (unproved !== undefined) void this.#rollBackTainted(unproved).then((ok) => ok || tryLater());
    else void this.replace(this.release).then(({ ok }) => ok || tryLater());
  }

  async #rollBackTainted(to: number): Promise<boolean> {
    const [bad, good] = [this.release, this.#releases[to] as Release];
    const cause = `version ${bad.version} asked to be replaced soon after it had taken over (${this.#trouble})`;
    const { ok } = await this.replace(good);
    if (ok) this.#noteRollback(`${cause}: back to ${good.version}`, good);
    this.#options.onChange();
    return ok;
  }

  #noteExit(generation: number, cause: string): void {
    this.#runs.delete(generation);
    const { phase, retiring } = this.#state;
    const isCurrent = phase.generation === generation;
    const isLeaving = phase.kind === 'draining' || phase.kind === 'stopping';
    const isExpected = retiring.includes(generation) || (isCurrent && isLeaving);
    if (!isExpected && isCurrent) this.#lastDeath = cause;
    if (!isExpected && isCurrent && (phase.kind === 'ready' || this.#trouble === undefined))
      this.#trouble = `ended by itself (${cause})`;
    this.#options.log.write(isExpected ? 'debug' : 'warn', `${this.service} ended`, { generation, cause });
    const reason = `ended before it was ready (${cause})`;
    this.#dispatch({ kind: 'exited', generation, atMs: Date.now(), reason });
  }

  async #noteReplaced(from: number, to: number): Promise<void> {
    const settle = this.#settleReplacement;
    this.#settleReplacement = undefined;
    const [old, young] = [this.#runs.get(from), this.#runs.get(to)];
    const replacement: Replacement = {
      ok: true,
      atMs: Date.now(),
      from,
      to,
      version: young?.release.version ?? '',
      tookMs: young?.tookMs ?? 0,
      carriedOver: 0,
    };
    this.#lastReplacement = replacement;
    const carriedOver = (await old?.foundOpen(foundOpenWithinMs)) ?? 0;
    this.#settle({ ...replacement, carriedOver }, settle);
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

  #settle(replacement: Replacement, settle = this.#settleReplacement): void {
    this.#lastReplacement = replacement;
    if (settle === this.#settleReplacement) this.#settleReplacement = undefined;
    settle?.(replacement);
  }
}
