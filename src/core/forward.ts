import type { IncomingMessage, ServerResponse } from 'node:http';
import { type HeaderList, headerValue, type Problem } from '#exchange';
import { attempt } from './attempt.ts';
import { nowUs } from './clock.ts';
import type { CoreContext } from './core-context.ts';
import { nextExchangeId } from './exchange-ids.ts';
import { clientGone, failExchange } from './fail.ts';
import { type RequestHeaders, requestHeadersFor, responseHeadersFor } from './headers.ts';
import { peek } from './peek.ts';
import { refuse } from './refuse.ts';
import { relayAnswer, relayRequest } from './relay.ts';
import { isRoute, type Route, route } from './route.ts';
import { RunningExchange } from './running-exchange.ts';
import { noteKeepAlive, type Upstream } from './upstream.ts';

/** A request under `/v1` that the guard let in. */
export interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path without the tag, and query with its `?` when there is one: what the provider is asked for. */
  readonly path: string;
  readonly tag: string | undefined;
}

/**
 * The life of an exchange: peek, route, accept, attempt, relay both ways. The tee into the journal is part of the
 * relay. Everything later runs in events; nothing here waits.
 */
export function forward(core: CoreContext, arrival: Arrival): void {
  const { request, response } = arrival;
  if (core.running.size >= core.exchangesMax) return refuse(core, request, response, { code: 'too-busy' });
  const chosen = route(peek(request.rawHeaders), core.config);
  if (!isRoute(chosen)) return refuse(core, request, response, chosen);
  const upstream = core.upstreams.get(chosen.provider.name)!;
  const head = requestHeadersFor(request.rawHeaders, request.method!, upstream);
  const problem = bodyProblem(core, request, head);
  if (problem !== undefined) return refuse(core, request, response, problem);
  const exchange = accept(core, arrival, chosen);
  tryProvider(core, exchange, { upstream, head, path: arrival.path });
}

/** What can be said about the body before a byte of it was read. */
function bodyProblem(core: CoreContext, request: IncomingMessage, head: RequestHeaders): Problem | undefined {
  const bytesMax = core.config.limits.requestBytesMax;
  if (bytesMax > 0 && (head.contentLength ?? 0) > bytesMax) {
    return { code: 'body-too-large', detail: `${head.contentLength} bytes announced, ${bytesMax} allowed` };
  }
  const coding = head.isChunked ? headerValue(request.rawHeaders, 'transfer-encoding') : undefined;
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked') {
    return { code: 'bad-request', detail: 'the only transfer coding understood is chunked' };
  }
  return undefined;
}

/** Opens the record and makes sure that it is closed, whoever leaves first. */
function accept(core: CoreContext, arrival: Arrival, { provider, reason }: Route): RunningExchange {
  const { request, response, path, tag } = arrival;
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
  journal.routeChosen({
    provider: provider.name,
    format: provider.format,
    reason,
    upstreamTarget: core.fingerprints.target(provider.basePath + path),
  });
  const exchange = new RunningExchange({ id, journal, request, response, provider: provider.name });
  core.running.add(exchange);
  const { socket } = request;
  const onClientGone = (): void => {
    clientGone(exchange);
    settle();
  };
  const settle = (): void => {
    if (!core.running.delete(exchange)) return;
    socket.off('close', onClientGone);
    count(core, exchange);
  };
  socket.on('close', onClientGone);
  response.once('close', settle);
  // A write that meets a closed connection; its end is seen by the listener above.
  response.on('error', ignore);
  request.on('error', ignore);
  return exchange;
}

function tryProvider(
  core: CoreContext,
  exchange: RunningExchange,
  { upstream, head, path }: { upstream: Upstream; head: RequestHeaders; path: string },
): void {
  const { request, journal } = exchange;
  const { provider } = upstream;
  journal.attemptStarted({ attempt: 1, provider: provider.name, origin: provider.origin });
  exchange.isAttemptOpen = true;
  let upstreamRequest: ReturnType<typeof attempt>;
  try {
    upstreamRequest = attempt(
      upstream,
      { method: request.method!, path, headers: head.headers },
      {
        answered: (answer) => takeAnswer(core, exchange, answer),
        failed: ({ result, problem, cause }) => {
          if (exchange.answerPhase !== 'none') return;
          exchange.isAttemptOpen = false;
          journal.attemptEnded({ attempt: 1, result, cause });
          core.providerHealth.failed(provider.name, cause);
          failExchange(core, exchange, {
            problem: { code: problem, detail: cause },
            end: 'upstream-broken',
            cause,
          });
        },
      },
    );
  } catch (error) {
    const cause = (error as Error).message;
    return failExchange(core, exchange, {
      problem: { code: 'bad-request', detail: cause },
      end: 'answered-by-us',
      cause,
    });
  }
  exchange.upstreamRequest = upstreamRequest;
  exchange.forwardedAtUs = nowUs();
  relayRequest(core, exchange, upstreamRequest);
}

/** The provider has answered: its head goes to the client as it is, then the body follows. */
function takeAnswer(core: CoreContext, exchange: RunningExchange, answer: IncomingMessage): void {
  const { journal, response } = exchange;
  exchange.providerActiveAtUs = nowUs();
  exchange.isAttemptOpen = false;
  const head = responseHeadersFor(answer.rawHeaders);
  const trouble =
    head.strangeCoding === undefined ? writeHead(core, response, answer, head.headers) : 'transfer coding';
  if (trouble !== undefined) {
    const cause = `an answer that cannot be passed on: ${trouble}`;
    journal.attemptEnded({ attempt: 1, result: 'refused', cause });
    return failExchange(core, exchange, {
      problem: { code: 'upstream-invalid', detail: cause },
      end: 'upstream-broken',
      cause,
    });
  }
  noteKeepAlive(answer.socket, head.keepAliveMs);
  core.providerHealth.answered(exchange.provider);
  journal.attemptEnded({ attempt: 1, result: 'answered', status: answer.statusCode! });
  journal.responseOpened({
    source: 'provider',
    status: answer.statusCode!,
    statusText: answer.statusMessage ?? '',
    httpVersion: answer.httpVersion,
    headers: core.fingerprints.headers(answer.rawHeaders),
  });
  exchange.status = answer.statusCode!;
  exchange.answerPhase = 'relaying';
  exchange.endsWithConnection = head.contentLength === undefined && !response.chunkedEncoding;
  relayAnswer(core, exchange, answer, head);
}

/** Composes the head, which goes out with the first bytes. Returns what is wrong with it. */
function writeHead(
  core: CoreContext,
  response: ServerResponse,
  answer: IncomingMessage,
  headers: HeaderList,
): string | undefined {
  try {
    const list = core.isDraining ? [...headers, 'Connection', 'close'] : [...headers];
    response.writeHead(answer.statusCode!, answer.statusMessage ?? '', list);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function count({ metrics }: CoreContext, exchange: RunningExchange): void {
  const since = (atUs: number | undefined): number | undefined =>
    atUs === undefined ? undefined : (atUs - exchange.acceptedAtUs) / 1e6;
  metrics.requestBytes += exchange.requestReceived.bytes;
  metrics.responseBytes += exchange.responseReceived.bytes;
  metrics.exchangeEnded(exchange.end ?? 'client-gone', exchange.status, {
    total: since(nowUs()) ?? 0,
    firstByte: since(exchange.firstByteAtUs),
    added: since(exchange.forwardedAtUs),
  });
}

function ignore(): void {}
