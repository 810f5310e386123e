import type { IncomingMessage, ServerResponse } from 'node:http';
import { nowUs } from './clock.ts';
import type { CoreContext } from './core-context.ts';
import { nextExchangeId } from './exchange-ids.ts';
import { clientGone } from './fail.ts';
import { RunningExchange } from './running-exchange.ts';

/** A request for a provider that the guard let in. */
export interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path without the tag, and query with its `?` when there is one: what the provider is asked for. */
  readonly path: string;
  readonly tag: string | undefined;
}

/** Opens the record of an exchange and makes sure that it is closed, whoever leaves first. */
export function accept(core: CoreContext, arrival: Arrival): RunningExchange {
  const { request, response, tag } = arrival;
  const receivedAtMs = Date.now();
  const id = nextExchangeId(receivedAtMs);
  const journal = core.journal.open(id, {
    receivedAtMs,
    method: request.method!,
    target: core.fingerprints.target(request.url!),
    ...(tag === undefined ? {} : { tag }),
    httpVersion: request.httpVersion,
    headers: core.fingerprints.headers(request.rawHeaders),
    coreVersion: core.version,
  });
  const exchange = new RunningExchange({ id, journal, request, response });
  core.running.add(exchange);
  core.metrics.seen += 1;
  watchClient(core, exchange);
  return exchange;
}

function watchClient(core: CoreContext, exchange: RunningExchange): void {
  const { request, response } = exchange;
  const { socket } = request;
  const settle = (): void => {
    if (!core.running.delete(exchange)) return;
    socket.off('close', left);
    count(core, exchange);
    tellBreaker(core, exchange);
  };
  const left = (): void => {
    clientGone(exchange);
    settle();
  };
  // Of pipelined requests only the first has a response with a socket, so the connection itself is watched.
  socket.on('close', left);
  response.once('close', settle);
  // A write may meet a closed connection; its end is seen by the listener above.
  response.on('error', ignore);
  request.on('error', ignore);
}

function ignore(): void {}

/** How the last attempt went, when that shows only at the end of its answer. */
function tellBreaker({ breakers }: CoreContext, { tried, end, problem, status }: RunningExchange): void {
  if (tried === undefined) return;
  if (end === 'finished') breakers.note(tried, { kind: 'answered', status });
  else if (end === 'upstream-broken' || end === 'timed-out' || problem?.startsWith('upstream-'))
    breakers.note(tried, { kind: 'no-answer', cause: 'broke off in the middle of its answer' });
}

function count({ metrics }: CoreContext, exchange: RunningExchange): void {
  const since = (atUs: number | undefined): number | undefined =>
    atUs === undefined ? undefined : (atUs - exchange.acceptedAtUs) / 1e6;
  metrics.requestBytes += exchange.requestReceived.bytes;
  metrics.responseBytes += exchange.responseReceived.bytes;
  metrics.exchangeEnded(exchange.end ?? 'client-gone', exchange.status, {
    total: (nowUs() - exchange.acceptedAtUs) / 1e6,
    firstByte: since(exchange.firstByteAtUs),
    added: since(exchange.forwardedAtUs),
  });
}
