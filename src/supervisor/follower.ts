import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { readLines } from '#generation';
import { tellStop } from './control-client.ts';
import { endOrphans } from './end-orphans.ts';
import type { EndingSignal } from './ending-signals.ts';
import { type RunState, readLeftProcesses, readRunState } from './run-state.ts';

const lookEveryMs = 100;
/** One that does not say within this time whether it may be followed is asked anew, for it may be another one by then. */
const answerWithinMs = 5_000;
const answerBytesMax = 64 * 1024;

type Outcome =
  /** In order. */
  | { readonly kind: 'ended'; readonly exitCode: number }
  | { readonly kind: 'refused' }
  /** It died without a word. */
  | { readonly kind: 'lost' };

/**
 * Stands for a supervisor that was not started from here, towards the terminal or service manager that watches over
 * this process: what it is told is passed on, and it ends when that supervisor does, with the same exit code. When that
 * one dies without a word, it goes on with the next.
 */
export class Follower {
  /** Resolves with true when a supervisor is followed, with false when none can be. */
  readonly hasBegun: Promise<boolean>;
  /** Resolves with the exit code when everything has ended. */
  readonly finished: Promise<number>;
  readonly #statePath: string;
  readonly #alone: boolean;
  #wish: 'drain' | 'now' | undefined;
  #isFollowing = false;
  #isPassingOn = false;
  #noteBegin: (hasBegun: boolean) => void = () => {};

  /** @param options.alone only when nobody else stands for it */
  constructor(statePath: string, options: { readonly alone: boolean }) {
    this.#statePath = statePath;
    this.#alone = options.alone;
    this.hasBegun = new Promise((resolve) => {
      this.#noteBegin = resolve;
    });
    this.finished = this.#follow().finally(() => this.#noteBegin(false));
  }

  /** The first one asks to finish, the second one to leave now. */
  hear(signal: EndingSignal): void {
    const isSecond = this.#wish !== undefined && signal !== 'SIGHUP';
    this.#wish = isSecond || signal === 'SIGQUIT' ? 'now' : (this.#wish ?? 'drain');
    void this.#passOn();
  }

  async #follow(): Promise<number> {
    for (;;) {
      const state = await this.#nextSupervisor();
      if (state === undefined) return 1;
      const outcome = await this.#followOne(state.controlSocket);
      if (outcome.kind === 'ended') return outcome.exitCode;
      if (outcome.kind === 'refused' && this.#alone) return 1;
      await sleep(lookEveryMs);
    }
  }

  /** Undefined when nobody is left who could start one. */
  async #nextSupervisor(): Promise<RunState | undefined> {
    const look = () => this.#inCharge();
    const left = () => readLeftProcesses(this.#statePath);
    for (;;) {
      const state = look();
      if (state !== undefined) return state;
      if (left().length === 0) return undefined;
      const wish = this.#wish;
      if (wish !== undefined) {
        const isOver = () => look() !== undefined || this.#wish !== wish;
        await endOrphans(left, { patienceMs: wish === 'now' ? 0 : Number.POSITIVE_INFINITY, isOver });
      }
      await sleep(lookEveryMs);
    }
  }

  #followOne(controlSocket: string): Promise<Outcome> {
    return new Promise((resolve) => {
      const request = { command: 'follow', alone: this.#alone };
      const socket = connect(controlSocket, () => socket.write(`${JSON.stringify(request)}\n`));
      const timer = setTimeout(() => socket.destroy(), answerWithinMs);
      readLines(socket, answerBytesMax, (line) => {
        clearTimeout(timer);
        const { ok, error, exitCode } = parse(line);
        if (ok === true) this.#noteFollowed();
        else if (typeof exitCode === 'number') resolve({ kind: 'ended', exitCode });
        else if (error !== undefined) {
          resolve({ kind: 'refused' });
          socket.destroy();
        }
      });
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        clearTimeout(timer);
        this.#isFollowing = false;
        resolve({ kind: 'lost' });
      });
    });
  }

  #noteFollowed(): void {
    this.#isFollowing = true;
    this.#noteBegin(true);
    void this.#passOn();
  }

  /** One that does not take it, because it is slow or hands over just now, is told again. */
  async #passOn(): Promise<void> {
    if (this.#isPassingOn) return;
    this.#isPassingOn = true;
    for (let told = ''; this.#isFollowing && this.#wish !== undefined; ) {
      // The one that is followed may have handed over to another one in the meantime.
      const inCharge = this.#inCharge();
      const telling = `${inCharge?.pid} ${this.#wish}`;
      if (telling === told) break;
      if (inCharge !== undefined && (await hasHeard(inCharge, this.#wish))) told = telling;
      else await sleep(lookEveryMs);
    }
    this.#isPassingOn = false;
  }

  /** This process may be named by the file still, after it has handed over to one that never got to write its own. */
  #inCharge(): RunState | undefined {
    const state = readRunState(this.#statePath);
    return state?.pid === process.pid ? undefined : state;
  }
}

function hasHeard({ controlSocket }: RunState, wish: 'drain' | 'now'): Promise<boolean> {
  return tellStop(controlSocket, { now: wish === 'now' }).then(
    () => true,
    () => false,
  );
}

function parse(line: string): { ok?: unknown; error?: unknown; exitCode?: unknown } {
  try {
    return JSON.parse(line) ?? {};
  } catch {
    return {};
  }
}
