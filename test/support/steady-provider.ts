import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { startLoadProvider } from './load-provider.ts';
import { kindOf, steadyAnswer, steadyRequest } from './steady-exchange.ts';

export interface SteadyProvider {
  readonly origin: string;
  readonly longEvents: number;
  /** What arrived, by marker. */
  readonly received: ReadonlyMap<string, Arrival>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Arrival {
  /** On the clock of `performance.now()`. */
  readonly firstAtMs: number;
  /** More than one: somebody asked again. */
  times: number;
  /** Whole requests that were not what the client had sent. */
  altered: number;
}

export interface SteadyProviderOptions {
  /** A long stream takes about their product. Default 40 events, 250 ms apart. */
  readonly longEvents?: number;
  readonly longPauseMs?: number;
}

/** Answers exchanges of a steady load, and remembers of each only that it came. */
export async function startSteadyProvider(options: SteadyProviderOptions = {}): Promise<SteadyProvider> {
  const { longEvents = 40, longPauseMs = 250 } = options;
  const received = new Map<string, Arrival>();
  const provider = await startLoadProvider((request, response) => {
    const marker = String(request.headers['x-claude-code-session-id']);
    const arrival = received.get(marker) ?? { firstAtMs: performance.now(), times: 0, altered: 0 };
    received.set(marker, arrival);
    arrival.times += 1;
    const kind = kindOf(marker);
    void bodyOf(request).then((body) => {
      if (body === undefined) return;
      if (!body.equals(steadyRequest(marker))) arrival.altered += 1;
      const events = steadyAnswer(marker, longEvents);
      if (kind === 'long') return answer(response, events, longPauseMs);
      // In two parts with a moment in between, so that there is a middle to break or to leave.
      const half = Math.ceil(events.length / 2);
      const parts = [events.slice(0, half).join(''), events.slice(half).join('')];
      return answer(response, parts, kind === 'leaving' ? 300 : 2);
    });
  });
  return {
    origin: provider.origin,
    longEvents,
    received,
    [Symbol.asyncDispose]: () => provider[Symbol.asyncDispose](),
  };
}

function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.once('end', () => resolve(Buffer.concat(pieces)));
    request.once('close', () => resolve(undefined));
    request.on('error', () => undefined);
  });
}

async function answer(response: ServerResponse, pieces: readonly string[], pauseMs: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await delay(pauseMs);
    if (response.destroyed) return;
    response.write(piece);
  }
  response.end();
}
