import { existsSync, write } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AdoptedLink, joinSupervisor } from './adopted-link.ts';
import { Election } from './election.ts';
import { livingSupervisor } from './living-supervisor.ts';
import type { FromService, OrphanClaim, Succession, Testament } from './messages.ts';
import { type Candidacy, electionDelayMs, type OrphanView, orphanStep } from './orphan-step.ts';
import { readProcessLock } from './process-lock.ts';

export interface OrphanOptions {
  readonly succession: Succession;
  /** How long this process had its last supervisor. */
  readonly supervisedMs: number;
  /** Undefined in a service that may not start a supervisor, or is about to leave. */
  readonly testament: () => Testament | undefined;
  readonly claim: () => OrphanClaim;
  /** Takes every message of the supervisor that was found. */
  readonly hear: (message: unknown) => void;
  /** Nobody will come: finish what is open and leave. Called once. */
  readonly leave: () => void;
}

/** A supervisor that lived this long began a new row of early deaths. */
const steadyMs = 10_000;
/** A process that only finishes what is open would leave in the middle of it: others come first. */
const drainingStandsBackMs = 2_000;
/** After a failure somebody else may try, perhaps with a better testament. */
const standsAsideMs = 1_000;
const looksOftenMs = 100;
const looksSeldomMs = 500;
/** So many looks come quickly one after the other. */
const quickLooks = 50;

/**
 * The life of a service whose supervisor died without a word: it goes on serving, looks for the next supervisor, and
 * starts it when it is elected to. When that one dies as well, everything begins again. What to do when is decided in
 * `orphan-step.ts`.
 */
export class Orphan {
  readonly #options: OrphanOptions;
  readonly #election: Election;
  #link: AdoptedLink | undefined;
  #candidacy: Candidacy = { kind: 'none' };
  #joinsAtMs = 0;
  #hopeAtMs = performance.now();
  #failedStarts = 0;
  #earlyDeaths = 0;
  #hasLeft = false;
  #isLogging = false;

  constructor(options: OrphanOptions) {
    this.#options = options;
    this.#election = new Election(options.succession.lock);
    void this.#live(options.supervisedMs);
  }

  /** It has been adopted. */
  get hasSupervisor(): boolean {
    return this.#link !== undefined;
  }

  /** Never throws; without a supervisor nobody hears it. */
  send(message: FromService): void {
    this.#link?.send(message);
  }

  /** This process is about to leave: a supervisor that it has begun to start is not wanted any more. */
  giveUpElection(): void {
    this.#election.giveUp('SIGTERM');
    this.#candidacy = { kind: 'none' };
  }

  async #live(supervisedMs: number): Promise<void> {
    this.#beginSearch(supervisedMs);
    for (;;) {
      const link = await this.#search();
      const joinedAtMs = performance.now();
      await link.closed;
      this.#link = undefined;
      this.#beginSearch(performance.now() - joinedAtMs);
    }
  }

  #beginSearch(supervisedMs: number): void {
    const nowMs = performance.now();
    const before = this.#options.testament()?.earlyDeaths ?? 0;
    this.#earlyDeaths = supervisedMs < steadyMs ? before + 1 : 0;
    this.#hopeAtMs = nowMs;
    const standsBackMs = this.#options.claim().isDraining ? drainingStandsBackMs : 0;
    this.#candidacy = { kind: 'open', standsAtMs: nowMs + standsBackMs };
  }

  /** Resolves when this process belongs to a supervisor again. */
  async #search(): Promise<AdoptedLink> {
    for (let looks = 0; ; looks += 1) {
      const link = await this.#takeStep().catch(() => undefined);
      if (link !== undefined) return link;
      await sleep(looks < quickLooks ? looksOftenMs : looksSeldomMs, undefined, { ref: false });
    }
  }

  async #takeStep(): Promise<AdoptedLink | undefined> {
    const view = await this.#look();
    switch (orphanStep(view)) {
      case 'join':
        return this.#join();
      case 'stand':
        await this.#stand();
        break;
      case 'start':
        this.#start();
        break;
      case 'give-up':
        this.#election.giveUp('SIGKILL');
        this.#standAside('it did not begin to work');
        break;
      case 'leave':
        if (!this.#hasLeft) this.#options.leave();
        this.#hasLeft = true;
        break;
      case 'wait':
        break;
    }
    return undefined;
  }

  async #look(): Promise<OrphanView> {
    const { stateFile, lock } = this.#options.succession;
    const nowMs = performance.now();
    const candidacy: Candidacy = this.#mayStand() ? this.#candidacy : { kind: 'none' };
    const hasSupervisor = livingSupervisor(stateFile) !== undefined;
    const looksForElector = !hasSupervisor && (candidacy.kind === 'none' || candidacy.kind === 'open');
    const hasElector = looksForElector && (await readProcessLock(lock)) !== undefined;
    if (hasSupervisor || hasElector) this.#hopeAtMs = nowMs;
    return {
      nowMs,
      hasPlace: existsSync(dirname(stateFile)),
      hasSupervisor,
      joinsAtMs: this.#joinsAtMs,
      hasElector,
      hopeAtMs: this.#hopeAtMs,
      candidacy,
    };
  }

  #mayStand(): boolean {
    return this.#options.succession.kept !== undefined && this.#options.testament() !== undefined;
  }

  async #join(): Promise<AdoptedLink | undefined> {
    const controlSocket = livingSupervisor(this.#options.succession.stateFile);
    if (controlSocket === undefined) return undefined;
    try {
      const link = await joinSupervisor(controlSocket, this.#options.claim(), this.#options.hear);
      this.#link = link;
      this.#failedStarts = 0;
      this.#election.conclude();
      return link;
    } catch {
      // It is just beginning or ending, or is of a release that adopts nobody.
      this.#joinsAtMs = performance.now() + looksSeldomMs;
      return undefined;
    }
  }

  async #stand(): Promise<void> {
    try {
      if (!(await this.#election.stand())) return;
      if (this.#mayStand())
        this.#candidacy = { kind: 'elected', startsAtMs: performance.now() + this.#delayMs };
      else this.#election.conclude();
    } catch (error) {
      this.#standAside((error as Error).message);
    }
  }

  #start(): void {
    const { kept } = this.#options.succession;
    const testament = this.#options.testament();
    if (kept === undefined || testament === undefined) return;
    this.#candidacy = { kind: 'starting', startedAtMs: performance.now() };
    try {
      this.#election.start({ ...testament, earlyDeaths: this.#earlyDeaths }, kept, (reason) =>
        this.#standAside(reason),
      );
    } catch (error) {
      this.#standAside((error as Error).message);
    }
  }

  get #delayMs(): number {
    return electionDelayMs({ failedStarts: this.#failedStarts, earlyDeaths: this.#earlyDeaths });
  }

  /** @param reason what went wrong; nothing did when another supervisor was faster */
  #standAside(reason?: string): void {
    this.#election.conclude();
    this.#candidacy = { kind: 'open', standsAtMs: performance.now() + standsAsideMs };
    if (reason === undefined) return;
    this.#failedStarts += 1;
    const seconds = Math.ceil((standsAsideMs + this.#delayMs) / 1000);
    this.#log(`no new supervisor could be started (${reason}): serving on, next try within ${seconds} s`);
  }

  /** Where the dead supervisor wrote to. A reader that does not read must not hold up anything. */
  #log(msg: string): void {
    const { kept } = this.#options.succession;
    if (kept === undefined || this.#isLogging) return;
    this.#isLogging = true;
    const { service, generation } = this.#options.claim();
    const entry = { level: 50, time: Date.now(), pid: process.pid, service, generation, msg };
    write(kept.errors, `${JSON.stringify(entry)}\n`, () => {
      this.#isLogging = false;
    });
  }
}
