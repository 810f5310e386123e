import type { ClientRequest, IncomingMessage } from 'node:http';
import { nowUs } from './clock.ts';
import type { CoreContext } from './core-context.ts';
import { discardRest } from './discard-rest.ts';
import { failBroken, failExchange } from './fail.ts';
import { trailersFor } from './headers.ts';
import type { HeldBody } from './held-body.ts';
import { authOf } from './provider-headers.ts';
import type { HeldEnd, RunningExchange } from './running-exchange.ts';
import { sendHead } from './send-head.ts';
import { teeReceived, teeSent } from './tee.ts';

/**
 * Client to provider, byte for byte, as fast as the slower of the two. The copy for the journal is taken in
 * passing and never slows it.
 * @param held the beginning, when somebody had to look at it first
 */
export function relayRequest(
  core: CoreContext,
  exchange: RunningExchange,
  upstream: ClientRequest,
  held?: HeldBody,
): void {
  const { request } = exchange;
  const bytesMax = core.config.limits.requestBytesMax;
  request.on('data', (chunk: Buffer) => {
    // After the end of the answer the rest is read only to keep the connection usable.
    if (exchange.answerPhase === 'ending' || exchange.answerPhase === 'over') return;
    exchange.clientActiveAtUs = nowUs();
    core.bufferSweep.passed(chunk.length);
    teeReceived(exchange, 'request', chunk);
    if (bytesMax > 0 && exchange.requestReceived.bytes > bytesMax) {
      failExchange(core, exchange, { problem: { code: 'body-too-large' }, end: 'answered-by-us' });
      return;
    }
    teeSent(exchange, 'request', chunk);
    if (upstream.write(chunk)) return;
    exchange.isClientPaused = true;
    request.pause();
  });
  upstream.on('drain', () => {
    exchange.isClientPaused = false;
    exchange.clientActiveAtUs = nowUs();
    request.resume();
  });
  if (held === undefined) {
    setImmediate(startUpload, exchange);
  } else {
    const beginning = held.release();
    exchange.requestSent.addSent(beginning, exchange.requestReceived);
    upstream.write(beginning);
    if (held.isWhole) {
      endUpload(core, exchange, upstream);
      return;
    }
    request.resume();
  }
  request.once('end', () => {
    exchange.isUploaded = true;
    exchange.clientActiveAtUs = nowUs();
    if (exchange.answerPhase === 'ending' || exchange.answerPhase === 'over') return;
    endUpload(core, exchange, upstream);
  });
}

/** The client's body when it is here as a whole, with what came behind it. */
export function relayWhole(
  core: CoreContext,
  exchange: RunningExchange,
  upstream: ClientRequest,
  body: Uint8Array,
): void {
  if (body.length > 0) upstream.write(body);
  endUpload(core, exchange, upstream);
}

/** A client that holds its body back, for example to see the answer first, has its head forwarded alone. */
function startUpload({ answerPhase, requestReceived, isUploaded, upstreamRequest }: RunningExchange): void {
  if (answerPhase !== 'none' || isUploaded || requestReceived.bytes > 0) return;
  if (upstreamRequest !== undefined) sendHead(upstreamRequest);
}

function endUpload(core: CoreContext, exchange: RunningExchange, upstream: ClientRequest): void {
  const trailers = exchange.request.rawTrailers;
  if (trailers.length > 0) {
    exchange.requestTrailers = core.fingerprints.headers(trailers);
    const provider = core.upstreams.get(exchange.provider)?.provider;
    // No list says which of these a provider may see that the client does not know.
    if (provider !== undefined && authOf(provider) === 'client') upstream.addTrailers(trailersFor(trailers));
  }
  upstream.end();
}

/**
 * Provider to client, byte for byte and as they come. Only the end waits until the journal holds the whole
 * exchange: what a client saw complete is on disk. For an answer with a length the end is its last piece, for a
 * chunked one the terminating chunk, for one without a body the head.
 */
export function relayAnswer(
  core: CoreContext,
  exchange: RunningExchange,
  answer: IncomingMessage,
  contentLength: number | undefined,
): void {
  const { response } = exchange;
  let lastPiece: Buffer | undefined;
  answer.on('data', (chunk: Buffer) => {
    if (exchange.answerPhase !== 'relaying') return;
    exchange.providerActiveAtUs = nowUs();
    exchange.firstByteAtUs ??= exchange.providerActiveAtUs;
    core.bufferSweep.passed(chunk.length);
    teeReceived(exchange, 'response', chunk);
    teeSent(exchange, 'response', chunk);
    if (contentLength !== undefined && exchange.responseReceived.bytes >= contentLength) {
      lastPiece = chunk;
      return;
    }
    if (response.write(chunk)) return;
    exchange.isProviderPaused = true;
    answer.pause();
  });
  response.on('drain', () => {
    exchange.isProviderPaused = false;
    exchange.providerActiveAtUs = nowUs();
    answer.resume();
  });
  answer.once('end', () => endAnswer(core, exchange, answer.rawTrailers, lastPiece));
  answer.once('error', (error) => failBroken(core, exchange, error));
  answer.once('close', () => failBroken(core, exchange));
  if (hasBody(exchange, answer, contentLength)) setImmediate(startAnswer, exchange);
}

/** The head goes out with the first bytes when they are already here, and alone right afterwards when not. */
function startAnswer({ answerPhase, response, responseReceived }: RunningExchange): void {
  if (answerPhase === 'relaying' && responseReceived.bytes === 0) sendHead(response);
}

function hasBody(
  exchange: RunningExchange,
  answer: IncomingMessage,
  contentLength: number | undefined,
): boolean {
  if (exchange.request.method === 'HEAD' || contentLength === 0) return false;
  return answer.statusCode !== 204 && answer.statusCode !== 304;
}

function endAnswer(
  core: CoreContext,
  exchange: RunningExchange,
  trailers: readonly string[],
  lastPiece: Buffer | undefined,
): void {
  if (exchange.answerPhase !== 'relaying') return;
  exchange.answerPhase = 'ending';
  exchange.endingAtUs = exchange.lastByteAtUs = nowUs();
  if (trailers.length > 0) exchange.responseTrailers = core.fingerprints.headers(trailers);
  exchange.heldEnd = new AnswerEnd(trailers, lastPiece);
  void exchange.close('finished').then(() => exchange.releaseEnd());
}

/** The end of an answer that has been passed on up to it. */
export class AnswerEnd implements HeldEnd {
  readonly #trailers: readonly string[];
  readonly #lastPiece: Buffer | undefined;

  constructor(trailers: readonly string[], lastPiece: Buffer | undefined) {
    this.#trailers = trailers;
    this.#lastPiece = lastPiece;
  }

  send(exchange: RunningExchange): void {
    const { request, response } = exchange;
    // A provider that answered early does not want the rest; the client's connection stays usable.
    // Not asked of `isUploaded`: the client may have come to its end after we had stopped passing it on.
    if (exchange.upstreamRequest?.writableFinished === false) exchange.upstreamRequest.destroy();
    if (this.#trailers.length > 0 && response.chunkedEncoding) {
      response.addTrailers(trailersFor(this.#trailers));
    }
    response.end(this.#lastPiece);
    if (!exchange.isUploaded) discardRest(request, () => undefined);
  }
}
