import { type FromService, isProcessAlive, type ToService } from '#generation';
import type { Log } from './log.ts';
import { type OrphanClaim, parseOrphanClaim } from './orphan-claim.ts';
import type { GenerationStatus, LeftProcess } from './run-state.ts';
import type { Leaver } from './shut-down.ts';
import type { ServiceName } from './supervisor-options.ts';

const lookEveryMs = 250;
/** Who does not come forward within this time hangs. */
const comesForwardWithinMs = 10_000;

/** The connection of an orphan to the control socket. */
export interface OrphanLink {
  /** Never throws; a process that is gone hears nothing. */
  send(message: ToService | { readonly type: 'adopted' }): void;
  onReport(callback: (message: FromService) => void): void;
  onClosed(callback: () => void): void;
}

interface Orphan extends LeftProcess {
  readonly link?: OrphanLink;
  /** Monotonic; since when it has had no link. */
  readonly aloneSinceMs: number;
  /** It had been told to leave before, so it looks for nobody. */
  readonly isLeaving: boolean;
  readonly isReady: boolean;
  readonly isDraining: boolean;
}

export interface OrphansOptions {
  /** Those that are known from the state file had been told to leave before their supervisor died. */
  readonly areLeaving: boolean;
  readonly log: Log;
  readonly onChange: () => void;
}

/** `serve`: until this supervisor has something better. Later ones replace earlier ones. */
type Wish = 'serve' | 'retire' | 'drain' | 'stop' | 'kill';

/**
 * The processes that a dead supervisor left behind. Those that come forward are told what to do; those that do not
 * (because they hang, for example) are known from the state file. A signal goes to such a process only, and only while
 * its start token proves that it is the one that is meant.
 */
export class Orphans {
  readonly #orphans = new Map<number, Orphan>();
  readonly #wishes = new Map<ServiceName, Wish>();
  readonly #options: OrphansOptions;
  #timer: NodeJS.Timeout | undefined;
  #onAdopted: (() => void)[] = [];

  constructor(left: readonly LeftProcess[], options: OrphansOptions) {
    this.#options = options;
    const isLeaving = options.areLeaving;
    const unknown = { aloneSinceMs: performance.now(), isReady: false, isLeaving, isDraining: isLeaving };
    for (const one of left) this.#orphans.set(one.pid, { ...one, ...unknown });
    this.#keepLooking();
  }

  /**
   * Takes a process over that came forward.
   * @param isOwn whether a pid is one of the processes that this supervisor has started
   * @returns what is wrong with its claim, in words
   */
  adopt(value: unknown, link: OrphanLink, isOwn: (pid: number) => boolean): string | undefined {
    const claim = parseOrphanClaim(value);
    if (typeof claim === 'string') return claim;
    if (isOwn(claim.pid)) return 'it has a supervisor';
    if (!isProcessAlive(claim.pid, claim.startToken)) return 'no such process runs here';
    const { pid, service, generation } = claim;
    link.send({ type: 'adopted' });
    this.#orphans.set(pid, adopted(claim, link, this.#orphans.get(pid)));
    link.onReport((message) => this.#hear(pid, message));
    link.onClosed(() => this.#noteClosed(pid, link));
    this.#options.log.write('info', `${service} was adopted`, { generation, servicePid: pid });
    const wish = this.#wishes.get(service) ?? 'serve';
    if (wish !== 'serve') this.#tell(pid, wish);
    this.#retireSuperseded(service);
    for (const resolve of this.#onAdopted.splice(0)) resolve();
    this.#keepLooking();
    this.#options.onChange();
    return undefined;
  }

  /** Resolves when somebody has come forward, or the time is over. */
  async adoptedOne(withinMs: number): Promise<void> {
    if ([...this.#orphans.values()].some(({ link }) => link !== undefined)) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#onAdopted.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Something of this supervisor serves now: they finish what they have open, in peace. */
  retire(service: ServiceName): void {
    if ((this.#wishes.get(service) ?? 'serve') === 'serve') this.#wish(service, 'retire');
  }

  tellAll(message: ToService): void {
    for (const { link } of this.#orphans.values()) link?.send(message);
  }

  status(service: ServiceName): GenerationStatus[] {
    return this.#of(service).map(({ startedAtMs, openExchanges, ...one }) => ({
      generation: one.generation,
      worker: one.worker,
      version: one.version,
      pid: one.pid,
      startToken: one.startToken,
      ...(startedAtMs === undefined ? {} : { startedAtMs }),
      ...(openExchanges === undefined ? {} : { openExchanges }),
    }));
  }

  /** Those of one service, as a shut-down needs them. */
  of(service: ServiceName): Leaver {
    const those = () => this.#of(service);
    return {
      service,
      drain: () => this.#wish(service, 'drain'),
      stop: () => this.#wish(service, 'stop'),
      kill: () => this.#wish(service, 'kill'),
      get isStopped() {
        return those().length === 0;
      },
      get isHanging() {
        return those().length > 0 && those().every(isHanging);
      },
      get openExchanges() {
        return those().reduce((sum, one) => sum + (one.openExchanges ?? 0), 0);
      },
    };
  }

  #of(service: ServiceName): Orphan[] {
    return [...this.#orphans.values()].filter((one) => one.service === service);
  }

  #wish(service: ServiceName, wish: Wish): void {
    this.#wishes.set(service, wish);
    for (const { pid } of this.#of(service)) this.#tell(pid, wish);
  }

  #tell(pid: number, wish: Wish): void {
    const orphan = this.#orphans.get(pid);
    if (orphan === undefined) return;
    const { link } = orphan;
    if (wish === 'kill') signal(orphan, 'SIGKILL');
    else if (link === undefined) signalWish(orphan, wish);
    else if (wish === 'stop') link.send({ type: 'stop' });
    else if (wish !== 'serve') link.send({ type: 'drain', reason: wish === 'retire' ? 'replaced' : 'stop' });
    if (wish !== 'serve') this.#orphans.set(pid, { ...orphan, isDraining: true });
  }

  #hear(pid: number, message: FromService): void {
    const orphan = this.#orphans.get(pid);
    if (orphan === undefined) return;
    if (message.type === 'ready') {
      this.#orphans.set(pid, { ...orphan, isReady: true });
      this.#retireSuperseded(orphan.service);
    }
    if (message.type === 'draining')
      this.#orphans.set(pid, { ...orphan, openExchanges: message.openExchanges });
    this.#options.onChange();
  }

  /** Supervisors that die one after the other leave more and more behind, and one generation of each is enough. */
  #retireSuperseded(service: ServiceName): void {
    for (const pid of superseded(this.#of(service))) this.#tell(pid, 'retire');
  }

  #noteClosed(pid: number, link: OrphanLink): void {
    const orphan = this.#orphans.get(pid);
    if (orphan?.link !== link) return;
    const { link: _closed, ...rest } = orphan;
    this.#orphans.set(pid, { ...rest, aloneSinceMs: performance.now() });
    this.#look();
  }

  /** Forgets those that are gone. A linked one tells by closing its connection. */
  #look(): void {
    let isChanged = false;
    for (const { pid, startToken, link, service, generation } of this.#orphans.values()) {
      if (link !== undefined || isProcessAlive(pid, startToken)) continue;
      this.#orphans.delete(pid);
      isChanged = true;
      this.#options.log.write('debug', `${service} ended`, { generation, servicePid: pid });
    }
    this.#keepLooking();
    if (isChanged) this.#options.onChange();
  }

  #keepLooking(): void {
    clearTimeout(this.#timer);
    const isUnsure = [...this.#orphans.values()].some(({ link }) => link === undefined);
    if (isUnsure) this.#timer = setTimeout(() => this.#look(), lookEveryMs).unref();
  }
}

/**
 * Pids of those that nobody needs, because a newer generation of the same worker serves as well. Those that drain
 * already are nobody's concern.
 */
export function superseded(
  orphans: readonly Pick<Orphan, 'pid' | 'generation' | 'worker' | 'isReady' | 'isDraining'>[],
): number[] {
  const serving = orphans.filter(({ isDraining }) => !isDraining);
  const isNewer = (one: (typeof serving)[number], other: (typeof serving)[number]): boolean =>
    one.isReady && one.worker === other.worker && one.generation > other.generation;
  return serving.filter((one) => serving.some((other) => isNewer(other, one))).map(({ pid }) => pid);
}

function adopted(claim: OrphanClaim, link: OrphanLink, known: Orphan | undefined): Orphan {
  const { command: _command, ...facts } = claim;
  const since = known?.startedAtMs === undefined ? {} : { startedAtMs: known.startedAtMs };
  return { ...facts, ...since, link, aloneSinceMs: 0, isLeaving: false };
}

function isHanging({ link, isLeaving, aloneSinceMs }: Orphan): boolean {
  return link === undefined && !isLeaving && performance.now() - aloneSinceMs > comesForwardWithinMs;
}

/** Only what has been seen to work without words: a first signal asks to finish, a second one to leave. */
function signalWish(orphan: Orphan, wish: Wish): void {
  // Without its word it cannot be told that it was replaced; it will ask when it can.
  if (wish === 'drain' || wish === 'stop') signal(orphan, 'SIGTERM');
  // Another one, because two of the same kind may arrive as one.
  if (wish === 'stop') signal(orphan, 'SIGINT');
}

function signal({ pid, startToken }: Orphan, name: NodeJS.Signals): void {
  if (!isProcessAlive(pid, startToken)) return;
  try {
    process.kill(pid, name);
  } catch {
    // It is gone, and that was what was wanted.
  }
}
