import { setTimeout as delay } from 'node:timers/promises';
import { openRaw, type RawConnection, type Witnessed } from '#test-support';

/**
 * Clients on kept connections that never try anything twice: what they saw is compared with what the provider sent and
 * with what is stored. A connection is left only when the answer said `Connection: close`.
 */
export class StrictClients {
  readonly seen: Witnessed[] = [];
  readonly #url: string;
  readonly #name: string;
  #count = 0;
  #isStopped = false;
  #running: Promise<unknown>[] = [];

  /** @param name begins every marker, and so tells the provider how to answer */
  constructor(url: string, name: string) {
    this.#url = url;
    this.#name = name;
  }

  /** Asks on with this many connections until `stop`. */
  start(clients: number, pauseMs: number): this {
    for (let i = 0; i < clients; i += 1) this.#running.push(this.#client(pauseMs));
    return this;
  }

  /** So many exchanges at once, each on a connection of its own. */
  startStreams(count: number): this {
    for (let i = 0; i < count; i += 1) this.#running.push(this.#once());
    return this;
  }

  /** Resolves when the last answer has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running);
  }

  get failures(): readonly Witnessed[] {
    return this.seen.filter((one) => !one.isComplete || one.status !== 200);
  }

  async #client(pauseMs: number): Promise<void> {
    let connection: RawConnection | undefined;
    while (!this.#isStopped) {
      connection = await this.#ask(connection);
      if (pauseMs > 0) await delay(pauseMs);
    }
    connection?.close();
  }

  async #once(): Promise<void> {
    (await this.#ask(undefined))?.close();
  }

  /** @returns the connection when it may be used again */
  async #ask(kept: RawConnection | undefined): Promise<RawConnection | undefined> {
    this.#count += 1;
    const marker = `${this.#name}-${this.#count}`;
    const request = Buffer.from(
      JSON.stringify({ model: 'claude-fake', stream: true, messages: [{ role: 'user', content: marker }] }),
    );
    const startedAtMs = performance.now();
    let connection = kept;
    let failure: string | undefined;
    const place = kept?.answers.length ?? 0;
    try {
      connection ??= await openRaw(this.#url);
      const headers = [
        ['content-type', 'application/json'],
        ['x-claude-code-session-id', marker],
      ] as const;
      await connection.ask({ method: 'POST', target: '/v1/messages', headers, body: request }, 120_000);
    } catch (error) {
      failure = connection?.ended ?? (error as NodeJS.ErrnoException).code ?? String(error);
    }
    const answer = connection?.answers[place];
    const isComplete = answer?.isComplete ?? false;
    this.seen.push({
      marker,
      request,
      status: answer?.status,
      body: answer?.body ?? Buffer.alloc(0),
      isComplete,
      failure,
      tookMs: performance.now() - startedAtMs,
    });
    const stays = isComplete && answer?.header('connection')?.toLowerCase() !== 'close';
    if (stays) return connection;
    connection?.close();
    return undefined;
  }
}
