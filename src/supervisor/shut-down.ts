import type { Log } from './log.ts';
import type { ServiceName } from './supervisor-options.ts';

/** Beyond the drain time of proxy-core, so that its own deadline comes first. */
const marginMs = 2_000;
const dataDrainMs = 5_000;
const recorderDrainMs = 30_000;
/** Between "leave now" and the last resort. */
const obeyMs = 3_000;
const pollMs = 20;

/** All processes of one service that have one origin, and what can be asked of them. */
export interface Leaver {
  readonly service: ServiceName;
  /** Finish what is open and leave. */
  drain(): void;
  /** Leave now. */
  stop(): void;
  /** The last resort. */
  kill(): void;
  /** No process is left, and none will be started. */
  readonly isStopped: boolean;
  /** All that is left does not answer any more. */
  readonly isHanging: boolean;
  /** Exchanges that they still have open while they leave. */
  readonly openExchanges: number;
}

/**
 * Stops the services in the order that loses nothing: proxy-core finishes its streams while proxy-data leaves,
 * the recorder goes last and stores what core left.
 */
export class ShutDown {
  /** Resolves when every process is gone. */
  readonly ended: Promise<void>;
  readonly #services: readonly Leaver[];
  readonly #options: { drainMs: number; readonly log: Log };
  #hasBegun = false;
  #isHurried = false;
  #end: () => void = () => {};

  constructor(services: readonly Leaver[], options: { readonly drainMs: number; readonly log: Log }) {
    this.#services = services;
    this.#options = { ...options };
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get state(): 'running' | 'draining' | 'stopping' {
    if (this.#isHurried) return 'stopping';
    return this.#hasBegun ? 'draining' : 'running';
  }

  /** From now on a stop waits so long for proxy-core; 0 = until its streams end. */
  set drainMs(drainMs: number) {
    this.#options.drainMs = drainMs;
  }

  get wasHurried(): boolean {
    return this.#isHurried;
  }

  /** @returns false when it had begun before */
  begin(): boolean {
    if (this.#hasBegun) return false;
    this.#hasBegun = true;
    void this.#run();
    return true;
  }

  /** Cuts what is open, now. */
  hurry(): void {
    if (this.#isHurried) return;
    this.#isHurried = true;
    if (this.#hasBegun) this.#options.log.write('warn', 'stopping now: open requests are cut');
    for (const service of this.#services) service.stop();
  }

  async #run(): Promise<void> {
    const { drainMs } = this.#options;
    await Promise.all([
      this.#leave('core', drainMs === 0 ? Number.POSITIVE_INFINITY : drainMs + marginMs),
      this.#leave('data', dataDrainMs),
    ]);
    await this.#leave('recorder', recorderDrainMs);
    this.#end();
  }

  async #leave(name: ServiceName, drainMs: number): Promise<void> {
    const those = this.#services.filter((one) => one.service === name);
    await Promise.all(those.map((one) => this.#leaveOne(one, drainMs)));
  }

  async #leaveOne(service: Leaver, drainMs: number): Promise<void> {
    if (!this.#isHurried) {
      service.drain();
      // Who hangs may wake up and finish, but a stop does not wait a quarter of an hour for that.
      if (await this.#isGone(service, drainMs, () => this.#isHurried || service.isHanging)) return;
    }
    service.stop();
    if (await this.#isGone(service, obeyMs)) return;
    this.#options.log.write('warn', `${service.service} does not leave and is killed`);
    service.kill();
    await this.#isGone(service, Number.POSITIVE_INFINITY);
  }

  /** Waits for the end of a service; false when the time is over or `isEnough` says so. */
  async #isGone(service: Leaver, withinMs: number, isEnough = () => false): Promise<boolean> {
    const deadline = performance.now() + withinMs;
    let told: number | undefined;
    while (!service.isStopped) {
      if (performance.now() > deadline || isEnough()) return false;
      told = this.#tellWhatIsWaitedFor(service, told);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    return true;
  }

  #tellWhatIsWaitedFor(service: Leaver, told: number | undefined): number | undefined {
    const open = service.openExchanges;
    if (open === 0 || open === told || this.#isHurried) return told;
    const limit =
      this.#options.drainMs === 0 ? 'until they end' : `up to ${Math.ceil(this.#options.drainMs / 1000)} s`;
    const what = open === 1 ? '1 request is' : `${open} requests are`;
    this.#options.log.write(
      'info',
      `${what} in flight, waiting ${limit}: press Ctrl+C again, or run "throughline stop --now", to cut them`,
    );
    return open;
  }
}
