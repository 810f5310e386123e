import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';

export interface StrictLoadOptions {
  readonly port: number;
  /** Clients that ask again and again on connections that they keep. */
  readonly kept: number;
  /** Clients that open a connection for each request. */
  readonly fresh: number;
  /** Streams that are open at any time, four events a second each. */
  readonly streams: number;
  readonly streamSeconds: number;
  /** Between two requests of one client; default 5. */
  readonly pauseMs?: number;
}

export interface Tally {
  ok: number;
  failed: number;
}

const bodyBytes = 2_000;
const answerBytes = 2_000;
/** Nobody waits for ever: what hangs has failed. */
const answerWithinMs = 30_000;
const eventsPerSecond = 4;

/**
 * Clients as agents are, but strict: nothing is tried twice, and every refusal, reset, other status or short answer
 * counts. A kept connection that its server has closed is not used again; only a request that met the close has failed.
 */
export class StrictLoad {
  readonly kept: Tally = { ok: 0, failed: 0 };
  readonly fresh: Tally = { ok: 0, failed: 0 };
  readonly streams: Tally = { ok: 0, failed: 0 };
  /** How often each kind of failure was seen. */
  readonly failures = new Map<string, number>();
  readonly #options: StrictLoadOptions;
  readonly #agent: Agent;
  #isStopped = false;
  #running: Promise<void>[] = [];

  constructor(options: StrictLoadOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.kept });
  }

  start(): this {
    const { kept, fresh, streams, streamSeconds } = this.#options;
    const fixed = `/v1/fixed/${answerBytes}`;
    const events = streamSeconds * eventsPerSecond;
    const stream = `/v1/events/${eventsPerSecond}/${events}`;
    const isWhole = (answer: string): boolean => answer.length === answerBytes;
    const hasAllEvents = (answer: string): boolean => answer.split('event: ping').length === events + 1;
    this.#begin(kept, () => this.#count(this.kept, this.#ask(fixed, this.#agent, isWhole)));
    this.#begin(fresh, () => this.#count(this.fresh, this.#ask(fixed, false, isWhole)));
    this.#begin(streams, () => this.#count(this.streams, this.#ask(stream, false, hasAllEvents)));
    return this;
  }

  /** Begins nothing any more, and resolves when everything has been answered. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running);
    this.#agent.destroy();
  }

  #begin(clients: number, ask: () => Promise<void>): void {
    const { pauseMs = 5 } = this.#options;
    const client = async (): Promise<void> => {
      while (!this.#isStopped) {
        await ask();
        await delay(pauseMs);
        // After what has arrived meanwhile was read: a close that could be known is no failure.
        await turn();
      }
    };
    for (let i = 0; i < clients; i += 1) this.#running.push(client());
  }

  async #count(tally: Tally, asked: Promise<string | undefined>): Promise<void> {
    const failure = await asked;
    if (failure === undefined) tally.ok += 1;
    else {
      tally.failed += 1;
      this.failures.set(failure, (this.failures.get(failure) ?? 0) + 1);
    }
  }

  /** @returns what went wrong, or undefined */
  #ask(path: string, agent: Agent | false, isGood: (answer: string) => boolean): Promise<string | undefined> {
    return new Promise((resolve) => {
      const outgoing = request({ host: '127.0.0.1', port: this.#options.port, path, method: 'POST', agent });
      const fail = (error: NodeJS.ErrnoException): void => resolve(error.code ?? error.message);
      outgoing.setTimeout(answerWithinMs, () => outgoing.destroy(new Error('no answer')));
      outgoing.on('error', fail);
      outgoing.on('response', (response: IncomingMessage) => {
        let answer = '';
        response.setEncoding('latin1');
        response.on('data', (piece: string) => {
          answer += piece;
        });
        response.on('error', fail);
        response.on('end', () => {
          if (response.statusCode !== 200) resolve(`status ${response.statusCode}`);
          else resolve(response.complete && isGood(answer) ? undefined : 'short answer');
        });
      });
      outgoing.setHeader('content-type', 'application/json');
      outgoing.end('x'.repeat(bodyBytes));
    });
  }
}
