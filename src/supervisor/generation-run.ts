import type { DrainReason, FromService, ListeningAddress, ToService } from '#generation';
import { processStartToken, sameHost } from '#generation';
import type { BoundListener } from './bind-listeners.ts';
import { Heartbeat } from './heartbeat.ts';
import type { Log } from './log.ts';
import type { GenerationStatus } from './run-state.ts';
import { type RunningProgram, type SuccessionPlan, startProgram } from './start-program.ts';
import type { Release, ServiceName } from './supervisor-options.ts';
import type { ProcessName } from './worker.ts';

export interface GenerationOptions {
  readonly service: ServiceName;
  readonly process: ProcessName;
  /** How many workers its generation has. */
  readonly workers: number;
  readonly release: Release;
  readonly listeners: readonly BoundListener[];
  /** Another generation still works and leaves when this one is ready. */
  readonly isReplacement: boolean;
  readonly readyWithinMs: number;
  /** How often it is asked for a sign of life once it is ready; absent = never. */
  readonly heartbeatMs: number | undefined;
  readonly succession?: SuccessionPlan;
  readonly log: Log;
}

export interface GenerationEvents {
  ready(): void;
  /** It cannot serve, in words. */
  refused(reason: string): void;
  /** It serves, and asks to be replaced. */
  tainted(cause: string): void;
  exited(cause: string): void;
  /** It does not answer any more, or does so again. */
  heartbeatChanged(heartbeat: Heartbeat): void;
  /** Something that `status` says is different now. */
  changed(): void;
}

/** One process of a service, from its start to its end. */
export class GenerationRun {
  readonly #options: GenerationOptions;
  readonly #events: GenerationEvents;
  readonly #program: RunningProgram;
  readonly #startToken: string | undefined;
  readonly #startedAtMs = Date.now();
  readonly #overdueTimer: NodeJS.Timeout;
  readonly #heartbeat: Heartbeat;
  #heartbeatTimer: NodeJS.Timeout | undefined;
  #readyAtMs: number | undefined;
  #openExchanges: number | undefined;
  #onDraining: (() => void)[] = [];

  constructor(options: GenerationOptions, events: GenerationEvents) {
    this.#options = options;
    this.#events = events;
    const { service, release, listeners, isReplacement, readyWithinMs, log, workers, succession } = options;
    const { generation, worker } = options.process;
    const { config, version, program, node, nodeOptions = [] } = release;
    this.#heartbeat = new Heartbeat(options.heartbeatMs);
    this.#overdueTimer = setTimeout(
      () => events.refused(`was not ready after ${readyWithinMs / 1000} s`),
      readyWithinMs,
    );
    this.#program = startProgram(
      program,
      {
        node,
        nodeOptions,
        order: {
          service,
          generation,
          version,
          config,
          ...(isReplacement ? { isReplacement } : {}),
          ...(workers > 1 ? { worker: { number: worker, of: workers } } : {}),
        },
        listeners,
        ...(succession === undefined ? {} : { succession }),
      },
      {
        report: (message) => this.#hear(message),
        line: (text) => log.relay(service, text),
        exited: (cause) => {
          clearTimeout(this.#overdueTimer);
          clearInterval(this.#heartbeatTimer);
          this.#tellDraining();
          events.exited(cause);
        },
      },
    );
    this.#startToken = this.#program.pid === undefined ? undefined : processStartToken(this.#program.pid);
    log.write('debug', `${service} started`, { generation, worker, servicePid: this.#program.pid });
  }

  get release(): Release {
    return this.#options.release;
  }

  get tookMs(): number {
    return (this.#readyAtMs ?? Date.now()) - this.#startedAtMs;
  }

  /** It was asked for a sign of life and gave none. */
  get isHanging(): boolean {
    return this.#heartbeat.isHanging;
  }

  drain(reason: DrainReason): void {
    this.#program.send({ type: 'drain', reason });
  }

  stop(): void {
    this.#program.send({ type: 'stop' });
  }

  send(message: ToService): void {
    this.#program.send(message);
  }

  /** The last resort for a process that does not listen. */
  kill(): void {
    this.#program.kill();
  }

  /** Exchanges that a drain found open: 0 when it does not tell in time, or has none to tell of. */
  async foundOpen(withinMs: number): Promise<number> {
    if (this.#openExchanges === undefined) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        this.#onDraining.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return this.#openExchanges ?? 0;
  }

  status(): GenerationStatus {
    const { process, release } = this.#options;
    const { pid } = this.#program;
    return {
      ...process,
      version: release.version,
      startedAtMs: this.#startedAtMs,
      ...(pid === undefined ? {} : { pid }),
      ...(this.#startToken === undefined ? {} : { startToken: this.#startToken }),
      ...(this.#openExchanges === undefined ? {} : { openExchanges: this.#openExchanges }),
    };
  }

  #hear(message: FromService): void {
    switch (message.type) {
      case 'ready':
        this.#checkReady(message.addresses);
        break;
      case 'failed':
        this.#events.refused(message.sentence);
        break;
      case 'tainted':
        this.#events.tainted(message.cause.slice(0, 500));
        break;
      case 'draining':
        this.#openExchanges = message.openExchanges;
        this.#tellDraining();
        this.#events.changed();
        break;
      case 'pong':
        this.#watch(() => this.#heartbeat.answered(message));
        break;
    }
  }

  #checkReady(addresses: readonly ListeningAddress[]): void {
    clearTimeout(this.#overdueTimer);
    const { listeners } = this.#options;
    if (!sameAddresses(addresses, listeners)) {
      this.#events.refused(`listens on ${spoken(addresses)} instead of ${spoken(listeners)}`);
      return;
    }
    this.#readyAtMs = Date.now();
    this.#beginHeartbeat();
    this.#events.ready();
  }

  #beginHeartbeat(): void {
    const { heartbeatMs } = this.#options;
    if (heartbeatMs === undefined || this.#heartbeatTimer !== undefined) return;
    const beat = (): void => {
      if (this.#heartbeat.beat(performance.now())) this.#program.send({ type: 'ping' });
    };
    beat();
    this.#heartbeatTimer = setInterval(() => this.#watch(beat), heartbeatMs);
  }

  #watch(happens: () => void): void {
    const { isHanging, isLost } = this.#heartbeat;
    happens();
    if (isHanging !== this.#heartbeat.isHanging || isLost !== this.#heartbeat.isLost)
      this.#events.heartbeatChanged(this.#heartbeat);
  }

  #tellDraining(): void {
    for (const tell of this.#onDraining.splice(0)) tell();
  }
}

function sameAddresses(reported: readonly ListeningAddress[], ordered: readonly ListeningAddress[]): boolean {
  return (
    reported.length === ordered.length &&
    ordered.every((one) =>
      reported.some(
        (other) =>
          one.purpose === other.purpose && one.port === other.port && sameHost(one.host, String(other.host)),
      ),
    )
  );
}

function spoken(addresses: readonly ListeningAddress[]): string {
  return addresses.length === 0
    ? 'nothing'
    : addresses.map(({ purpose, host, port }) => `${purpose} ${host}:${port}`).join(', ');
}
