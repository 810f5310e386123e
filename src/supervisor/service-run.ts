import type { FromService, ListeningAddress } from '#generation';
import { sameHost } from '#generation';
import type { BoundListener } from './bind-listeners.ts';
import {
  initialState,
  next,
  type RestartPolicy,
  type ServiceCommand,
  type ServiceEvent,
  type ServiceState,
} from './handover.ts';
import type { Log } from './log.ts';
import type { ServiceStatus } from './run-state.ts';
import { type RunningProgram, startProgram } from './start-program.ts';
import type { ServiceName } from './supervisor-options.ts';

/** proxy-core is back at once, or within a second when it keeps dying; the others may take their time. */
const policies: Record<ServiceName, RestartPolicy> = {
  core: { immediate: 1, firstMs: 50, maxMs: 1_000, steadyMs: 10_000 },
  data: { immediate: 0, firstMs: 100, maxMs: 5_000, steadyMs: 10_000 },
  recorder: { immediate: 0, firstMs: 100, maxMs: 5_000, steadyMs: 10_000 },
};
const readyWithinMs = 30_000;
/** Deaths before it ever served, after which a service counts as unfit. */
const silentDeathsMax = 5;

export interface ServiceRunOptions {
  readonly service: ServiceName;
  readonly program: string;
  readonly nodeOptions?: readonly string[];
  readonly listeners: readonly BoundListener[];
  readonly config: unknown;
  readonly version: string;
  readonly log: Log;
  /** After every change of the state or of what `status` says. */
  readonly onChange: () => void;
}

/** Carries out what `handover.ts` decides for one service: processes, timers, messages. */
export class ServiceRun {
  readonly service: ServiceName;
  readonly #options: ServiceRunOptions;
  readonly #policy: RestartPolicy;
  #state: ServiceState = initialState;
  #program: RunningProgram | undefined;
  #waitTimer: NodeJS.Timeout | undefined;
  #overdueTimer: NodeJS.Timeout | undefined;
  #startedAtMs: number | undefined;
  #trouble: string | undefined;
  #openExchanges: number | undefined;
  #hasServed = false;
  #hasRefused = false;

  constructor(options: ServiceRunOptions) {
    this.#options = options;
    this.service = options.service;
    this.#policy = policies[options.service];
  }

  start(): void {
    this.#dispatch({ kind: 'start' });
  }

  /** Asks it to finish what is open and leave; it is not started again. */
  drain(): void {
    this.#dispatch({ kind: 'drain' });
  }

  /** Tells it to leave now; it is not started again. */
  stop(): void {
    this.#dispatch({ kind: 'stop' });
  }

  /** The last resort for a process that does not listen. */
  kill(): void {
    this.#program?.kill();
  }

  get isStopped(): boolean {
    return this.#state.kind === 'stopped';
  }

  /** True when it never served and said that it cannot, or kept dying without a word. */
  get isUnfit(): boolean {
    return !this.#hasServed && (this.#hasRefused || this.#state.generation > silentDeathsMax);
  }

  status(): ServiceStatus {
    const pid = this.#program?.pid;
    return {
      service: this.service,
      state: this.#state.kind,
      generation: this.#state.generation,
      ...(pid === undefined ? {} : { pid }),
      ...(this.#startedAtMs === undefined || pid === undefined ? {} : { startedAtMs: this.#startedAtMs }),
      ...(this.#state.kind === 'ready' ? { readyAtMs: this.#state.readyAtMs } : {}),
      ...(this.#trouble === undefined ? {} : { trouble: this.#trouble }),
      ...(this.#openExchanges === undefined ? {} : { openExchanges: this.#openExchanges }),
    };
  }

  #dispatch(event: ServiceEvent): void {
    const step = next(this.#state, event, this.#policy);
    this.#state = step.state;
    if (step.state.kind !== 'waiting') clearTimeout(this.#waitTimer);
    if (step.state.kind !== 'starting') clearTimeout(this.#overdueTimer);
    for (const command of step.commands) this.#carryOut(command);
    this.#options.onChange();
  }

  #carryOut(command: ServiceCommand): void {
    switch (command.kind) {
      case 'spawn':
        this.#spawn(command.generation);
        break;
      case 'kill':
        this.kill();
        break;
      case 'tell':
        this.#program?.send({ type: command.wish });
        break;
      case 'wait':
        this.#waitTimer = setTimeout(() => this.#dispatch({ kind: 'wait-over' }), command.ms);
        break;
    }
  }

  #spawn(generation: number): void {
    const { service, program, nodeOptions = [], listeners, config, version, log } = this.#options;
    this.#startedAtMs = Date.now();
    this.#overdueTimer = setTimeout(
      () => this.#refuse(generation, `was not ready after ${readyWithinMs / 1000} s`),
      readyWithinMs,
    );
    this.#program = startProgram(
      program,
      { nodeOptions, order: { service, generation, version, config }, listeners },
      {
        report: (message) => this.#hear(generation, message),
        line: (text) => log.relay(service, text),
        exited: (cause) => this.#noteExit(generation, cause),
      },
    );
    log.write('debug', `${service} started`, { generation, servicePid: this.#program.pid });
  }

  #hear(generation: number, message: FromService): void {
    if (generation !== this.#state.generation) return;
    switch (message.type) {
      case 'ready':
        this.#checkReady(generation, message.addresses);
        break;
      case 'failed':
        this.#refuse(generation, message.sentence);
        break;
      case 'draining':
        this.#openExchanges = message.openExchanges;
        this.#options.onChange();
        break;
    }
  }

  #checkReady(generation: number, addresses: readonly ListeningAddress[]): void {
    const { service, listeners, log } = this.#options;
    if (!sameAddresses(addresses, listeners)) {
      this.#refuse(generation, `listens on ${spoken(addresses)} instead of ${spoken(listeners)}`);
      return;
    }
    const tookMs = Date.now() - (this.#startedAtMs ?? Date.now());
    log.write(generation === 1 ? 'debug' : 'info', `${service} is ready`, { generation, tookMs });
    this.#trouble = undefined;
    this.#hasServed = true;
    this.#dispatch({ kind: 'ready', generation, atMs: Date.now() });
  }

  #refuse(generation: number, sentence: string): void {
    this.#trouble = sentence;
    this.#hasRefused = true;
    this.#options.log.write('error', `${this.service} was refused: ${sentence}`, { generation });
    this.#dispatch({ kind: 'refused', generation });
  }

  #noteExit(generation: number, cause: string): void {
    if (generation !== this.#state.generation) return;
    const isExpected = this.#state.kind === 'draining' || this.#state.kind === 'stopping';
    const wasReady = this.#state.kind === 'ready';
    this.#program = undefined;
    this.#openExchanges = undefined;
    if (!isExpected && (wasReady || this.#trouble === undefined))
      this.#trouble = `ended by itself (${cause})`;
    this.#options.log.write(isExpected ? 'debug' : 'warn', `${this.service} ended`, { generation, cause });
    this.#dispatch({ kind: 'exited', generation, atMs: Date.now() });
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
