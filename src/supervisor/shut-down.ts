import type { Log } from './log.ts';
import type { ServiceRun } from './service-run.ts';

/** Beyond the drain time of proxy-core, so that its own deadline comes first. */
const marginMs = 2_000;
const dataDrainMs = 5_000;
const recorderDrainMs = 30_000;
/** Between "leave now" and the last resort. */
const obeyMs = 3_000;
const pollMs = 20;

/**
 * Stops the services in the order that loses nothing: proxy-core finishes its streams while proxy-data leaves,
 * the recorder goes last and stores what core left.
 */
export class ShutDown {
  /** Resolves when every process is gone. */
  readonly ended: Promise<void>;
  readonly #services: readonly ServiceRun[];
  readonly #options: { drainMs: number; readonly log: Log };
  #hasBegun = false;
  #isHurried = false;
  #end: () => void = () => {};

  constructor(services: readonly ServiceRun[], options: { readonly drainMs: number; readonly log: Log }) {
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

  async #leave(name: ServiceRun['service'], drainMs: number): Promise<void> {
    const service = this.#services.find((one) => one.service === name);
    if (service === undefined) return;
    if (!this.#isHurried) {
      service.drain();
      // Who hangs may wake up and finish, but a stop does not wait a quarter of an hour for that.
      if (await this.#isGone(service, drainMs, () => this.#isHurried || service.isHanging)) return;
    }
    service.stop();
    if (await this.#isGone(service, obeyMs)) return;
    this.#options.log.write('warn', `${name} does not leave and is killed`);
    service.kill();
    await this.#isGone(service, Number.POSITIVE_INFINITY);
  }

  /** Waits for the end of a service; false when the time is over or `isEnough` says so. */
  async #isGone(service: ServiceRun, withinMs: number, isEnough = () => false): Promise<boolean> {
    const deadline = performance.now() + withinMs;
    let told: number | undefined;
    while (!service.isStopped) {
      if (performance.now() > deadline || isEnough()) return false;
      told = this.#tellWhatIsWaitedFor(service, told);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    return true;
  }

  #tellWhatIsWaitedFor(service: ServiceRun, told: number | undefined): number | undefined {
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
