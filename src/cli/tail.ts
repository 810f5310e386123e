import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestSummary, RouteBody } from '#api';
import type { ResolvedConfig } from '#config';
import { asCliError, callApi, getJson, readText } from './api-client.ts';
import { createEventReader, type StreamEvent } from './event-stream.ts';
import type { GlobalOptions } from './global-options.ts';
import { note, print, printJson } from './output.ts';
import { readConfig } from './read-config.ts';
import { requestLine } from './request-line.ts';

const firstPauseMs = 200;
const pauseMsMax = 5_000;

/** Prints the last requests, oldest first, then every new one as it is stored. Runs until it is interrupted. */
export async function tail(
  options: GlobalOptions & { readonly lines: number; readonly json?: true },
): Promise<void> {
  const { config } = await readConfig(options);
  const tailing = new Tailing(
    config,
    options.json ? (row) => printJson({ v: 1, ...row }) : (row) => print(requestLine(row)),
  );
  await tailing.printLast(options.lines);
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMsMax, pauseMs * 2)) {
    const wasConnected = await tailing.follow();
    if (wasConnected) pauseMs = firstPauseMs;
    await sleep(pauseMs);
  }
}

class Tailing {
  readonly #config: ResolvedConfig;
  readonly #print: (row: RequestSummary) => void;
  /** Everything up to this place in the order of storing has been printed. */
  #lastSequence: number | undefined;
  /** Of the last event; it also says which database that was told of. */
  #lastEventId: string | undefined;
  #hasComplained = false;

  constructor(config: ResolvedConfig, print: (row: RequestSummary) => void) {
    this.#config = config;
    this.#print = print;
  }

  async printLast(count: number): Promise<void> {
    // One row is fetched even when none is wanted: it tells where following begins.
    const { requests } = await getJson<RouteBody<'requests.list'>>(
      this.#config,
      `/api/v2/requests?limit=${Math.max(1, count)}`,
    );
    this.#lastSequence = Math.max(0, ...requests.map(({ sequence }) => sequence));
    for (const row of requests.slice(0, count).reverse()) this.#print(row);
  }

  /** Follows until the connection ends; true when there was one. */
  async follow(): Promise<boolean> {
    try {
      await this.#followOnce();
      return true;
    } catch (error) {
      // Once is enough: proxy-data is restarting, or somebody stopped it.
      if (!this.#hasComplained) note(`${(error as Error).message}: waiting for it`);
      this.#hasComplained = true;
      return false;
    }
  }

  async #followOnce(): Promise<void> {
    const { status, body } = await callApi(this.#config, '/api/v2/events', {
      accept: 'text/event-stream',
      'last-event-id': this.#lastEventId ?? String(this.#lastSequence ?? 0),
    });
    if (status !== 200) throw asCliError(status, await readText(body));
    this.#hasComplained = false;
    const reader = createEventReader();
    body.setEncoding('utf8');
    try {
      for await (const text of body) for (const event of reader.feed(text as string)) this.#take(event);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
    }
  }

  #take({ event, data, id }: StreamEvent): void {
    this.#lastEventId = id ?? this.#lastEventId;
    if (event === 'reset') {
      note('Some requests were missed here: the break was too long.');
      this.#lastSequence = (JSON.parse(data) as { lastSequence: number }).lastSequence;
    }
    if (event !== 'request-stored') return;
    const row = JSON.parse(data) as RequestSummary;
    if (row.sequence <= (this.#lastSequence ?? 0)) return;
    this.#lastSequence = row.sequence;
    this.#print(row);
  }
}
