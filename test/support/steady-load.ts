import { SteadyConnection } from './steady-connection.ts';
import { type SteadyKind, type SteadyMarker, steadyAnswer, steadyRequest } from './steady-exchange.ts';

export interface SteadyLoadOptions {
  readonly url: string;
  /** Short exchanges, every second one on a kept connection. */
  readonly perSecond: number;
  /** Open at any time; one that ends is followed by the next. */
  readonly longStreams: number;
  /** As its provider has it. */
  readonly longEvents: number;
  /** Every so many short exchanges one leaves in mid-answer; 0 = none. */
  readonly leaveEvery?: number;
  /** Begins every number, for several loads on one store. */
  readonly name?: string;
}

/** One exchange as its client saw it. Times are those of `performance.now()`. */
export interface SteadyExchange {
  readonly marker: SteadyMarker;
  readonly kind: SteadyKind;
  readonly sentAtMs: number;
  readonly endedAtMs: number;
  /** `answered`: with status 200 and every byte as the provider sent it. The others are ways of not getting that. */
  readonly end: 'answered' | 'left' | 'refused' | 'broken' | 'altered' | 'not-200' | 'invalid' | 'silent';
  /** Bytes of the answer's body that arrived. */
  readonly bodyBytes: number;
}

const tickMs = 5;
const keptConnections = 24;
/** Short exchanges that may be open at once; a load that cannot keep its pace sends less instead of piling up. */
const openMax = 200;

/** Strict clients at a steady pace: connections kept and fresh, streams, some that leave. Nothing is tried twice. */
export class SteadyLoad {
  readonly exchanges: SteadyExchange[] = [];
  readonly #options: SteadyLoadOptions;
  readonly #idle: (SteadyConnection | undefined)[] = Array.from({ length: keptConnections });
  readonly #open = new Set<Promise<void>>();
  readonly #startedAtMs = performance.now();
  readonly #timer: NodeJS.Timeout;
  #nextAtMs = this.#startedAtMs;
  #stoppedAtMs: number | undefined;
  #shortOpen = 0;
  #count = 0;

  constructor(options: SteadyLoadOptions) {
    this.#options = options;
    for (let i = 0; i < options.longStreams; i += 1) this.#run(this.#streams());
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  /** Begins nothing more and resolves when everything that is open has ended. */
  async stop(): Promise<void> {
    this.#stoppedAtMs ??= performance.now();
    clearInterval(this.#timer);
    while (this.#open.size > 0) await Promise.all(this.#open);
    for (const connection of this.#idle.splice(0)) connection?.close();
  }

  /** Exchanges that ended per second of the load so far. */
  get pace(): number {
    const seconds = ((this.#stoppedAtMs ?? performance.now()) - this.#startedAtMs) / 1000;
    return Math.round(this.exchanges.length / seconds);
  }

  #tick(): void {
    const nowMs = performance.now();
    for (; this.#nextAtMs <= nowMs; this.#nextAtMs += 1000 / this.#options.perSecond)
      // What cannot be sent now is left out, so that no burst follows.
      if (this.#shortOpen < openMax) this.#run(this.#short());
  }

  async #short(): Promise<void> {
    this.#shortOpen += 1;
    this.#count += 1;
    const number = this.#count;
    const { leaveEvery = 0 } = this.#options;
    if (leaveEvery > 0 && number % leaveEvery === 0) await this.#once('leaving', number);
    else if (number % 2 === 0 && this.#idle.length > 0) await this.#onKept(number);
    else await this.#once('fresh', number);
    this.#shortOpen -= 1;
  }

  async #streams(): Promise<void> {
    while (this.#stoppedAtMs === undefined) {
      this.#count += 1;
      await this.#once('long', this.#count);
    }
  }

  async #onKept(number: number): Promise<void> {
    const kept = this.#idle.pop();
    // One that was closed while it idled is no loss: a client sees that before it sends.
    const usable = kept?.hasEnded === true ? undefined : kept;
    this.#idle.push(await this.#exchange('kept', number, usable));
  }

  async #once(kind: SteadyKind, number: number): Promise<void> {
    (await this.#exchange(kind, number, undefined))?.close();
  }

  /** @returns the connection when it may be used again */
  async #exchange(
    kind: SteadyKind,
    number: number,
    kept: SteadyConnection | undefined,
  ): Promise<SteadyConnection | undefined> {
    const { url, longEvents, name = '' } = this.#options;
    const marker: SteadyMarker = `${kind}-${name}${number}`;
    const sentAtMs = performance.now();
    const connection = kept ?? (await SteadyConnection.open(url));
    const answer = await connection?.ask(marker, steadyRequest(marker), kind === 'leaving');
    const body = answer?.body ?? Buffer.alloc(0);
    const end = (): SteadyExchange['end'] => {
      if (answer === undefined) return 'refused';
      if (answer.end !== 'whole') return answer.end;
      if (answer.status !== 200) return 'not-200';
      return body.equals(Buffer.from(steadyAnswer(marker, longEvents).join(''))) ? 'answered' : 'altered';
    };
    this.exchanges.push({
      marker,
      kind,
      sentAtMs,
      endedAtMs: performance.now(),
      end: end(),
      bodyBytes: body.length,
    });
    return answer?.isKept === true ? connection : undefined;
  }

  #run(exchange: Promise<void>): void {
    this.#open.add(exchange);
    void exchange.finally(() => this.#open.delete(exchange));
  }
}
