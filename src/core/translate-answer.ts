import type { IncomingMessage } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { headerValue } from '#exchange';
import { type AnswerContext, type AnswerStream, type AnswerTranslator, answerTranslator } from '#translate';
import { answerWhole } from './answer-whole.ts';
import { nowUs } from './clock.ts';
import type { CoreContext } from './core-context.ts';
import { failBroken, failExchange } from './fail.ts';
import { AnswerEnd } from './relay.ts';
import type { RunningExchange } from './running-exchange.ts';
import { teeTranslated } from './tee.ts';

/** Clients give up on a connection that is silent for long; Anthropic's own servers say something about as often. */
const pingMs = 10_000;
/** How long a provider that has said everything may take to end its answer, so that its connection can be used again. */
const restMsMax = 2_000;
/** An answer is held up to this size, an error up to a smaller one. */
const answerBytesMax = 32 * 1024 * 1024;
const errorBytesMax = 1024 * 1024;

/** Says the answer of a provider in the format of the client, which sees nothing of the original. */
export class AnswerTranslation {
  readonly #core: CoreContext;
  readonly #exchange: RunningExchange;
  readonly #context: AnswerContext;
  readonly #translator: AnswerTranslator;
  #stream: StreamTranslation | undefined;

  constructor(core: CoreContext, exchange: RunningExchange, context: AnswerContext) {
    this.#core = core;
    this.#exchange = exchange;
    this.#context = context;
    this.#translator = answerTranslator(context);
  }

  take(answer: IncomingMessage): void {
    const core = this.#core;
    const exchange = this.#exchange;
    const status = answer.statusCode!;
    exchange.providerActiveAtUs = exchange.clientActiveAtUs = nowUs();
    core.providerHealth.answered(exchange.provider);
    exchange.endAttempt({ result: 'answered', status });
    teeTranslated(exchange, answer);
    const body = decoded(answer);
    const isSuccess = status >= 200 && status < 300;
    if (isSuccess && this.#context.isStreaming) {
      this.#stream = new StreamTranslation(core, exchange, this.#translator.stream(), this.#context);
      this.#stream.read(body);
    } else {
      this.#gather(body, isSuccess ? answerBytesMax : errorBytesMax, (bytes) => {
        if (isSuccess) this.#answer(bytes);
        else this.#error(answer, bytes);
      });
    }
    answer.once('close', () => {
      if (!answer.complete) this.brokeOff();
    });
  }

  /** The connection broke, or what came over it cannot be decoded. */
  brokeOff(error?: Error): void {
    if (this.#stream === undefined) failBroken(this.#core, this.#exchange, error);
    else this.#stream.brokeOff(error);
  }

  #gather(body: Readable, bytesMax: number, done: (bytes: Buffer) => void): void {
    const exchange = this.#exchange;
    const pieces: Buffer[] = [];
    let bytes = 0;
    body.on('data', (piece: Buffer) => {
      if (exchange.answerPhase !== 'none') return;
      noteReceived(exchange, piece);
      bytes += piece.length;
      pieces.push(piece);
      if (bytes > bytesMax) this.#fail('its answer is too large to be translated');
    });
    body.once('end', () => {
      if (exchange.answerPhase === 'none') done(Buffer.concat(pieces));
    });
    body.once('error', (error) => this.brokeOff(error));
  }

  #answer(bytes: Buffer): void {
    const answer = this.#translator.whole(bytes);
    if (answer.kind === undefined) {
      noteDropped(this.#exchange, answer.dropped);
      this.#say(200, answer.body);
    } else if (answer.error !== undefined) {
      this.#say(answer.error.status, answer.error.body);
    } else {
      this.#fail(answer.sentence);
    }
  }

  #error({ statusCode, rawHeaders }: IncomingMessage, bytes: Buffer): void {
    const { status, body, retryAfterSeconds } = this.#translator.error(statusCode!, bytes, rawHeaders);
    const retryAfter = headerValue(rawHeaders, 'retry-after') ?? retryAfterSeconds;
    this.#say(status, body, retryAfter === undefined ? [] : ['retry-after', String(retryAfter)]);
  }

  #say(status: number, body: Uint8Array, more: readonly string[] = []): void {
    const headers = [...requestIdField(this.#exchange, this.#context), ...more];
    answerWhole(this.#exchange, wholeJson(this.#core, this.#exchange, status, body, headers), {
      source: 'provider',
      end: 'finished',
    });
  }

  #fail(cause: string): void {
    const problem = { code: 'upstream-invalid', detail: cause } as const;
    failExchange(this.#core, this.#exchange, { problem, end: 'upstream-broken', cause });
  }
}

/** A streamed answer. Its head goes out with the first event, so that what fails before can still have a status. */
class StreamTranslation {
  readonly #core: CoreContext;
  readonly #exchange: RunningExchange;
  readonly #translator: AnswerStream;
  readonly #context: AnswerContext;
  readonly #pings: NodeJS.Timeout;
  #source: Readable | undefined;
  #saidAtUs = nowUs();

  constructor(
    core: CoreContext,
    exchange: RunningExchange,
    translator: AnswerStream,
    context: AnswerContext,
  ) {
    this.#core = core;
    this.#exchange = exchange;
    this.#translator = translator;
    this.#context = context;
    this.#pings = setInterval(() => this.#ping(), pingMs);
    this.#pings.unref();
    exchange.response.once('close', () => clearInterval(this.#pings));
  }

  read(source: Readable): void {
    const exchange = this.#exchange;
    this.#source = source;
    source.on('data', (piece: Buffer) => {
      if (!this.#isOpen) return;
      noteReceived(exchange, piece);
      this.#say(this.#translator.feed(piece));
      if (this.#translator.isOver) this.#finish();
    });
    source.once('end', () => {
      if (!this.#isOpen) return;
      this.#say(this.#translator.end());
      this.#finish();
    });
    source.once('error', (error) => this.brokeOff(error));
    exchange.response.on('drain', () => {
      exchange.isProviderPaused = false;
      exchange.providerActiveAtUs = nowUs();
      source.resume();
    });
  }

  brokeOff(error?: Error): void {
    if (!this.#isOpen) return;
    const cause =
      error === undefined ? 'the provider broke off' : `the provider broke off (${error.message})`;
    this.#say(this.#translator.broken(cause));
    this.#finish(cause);
  }

  get #isOpen(): boolean {
    const { answerPhase } = this.#exchange;
    return answerPhase === 'none' || answerPhase === 'relaying';
  }

  #ping(): void {
    if (this.#isOpen && nowUs() - this.#saidAtUs >= pingMs * 1_000) this.#say(this.#translator.ping());
  }

  #say(bytes: Uint8Array): void {
    const exchange = this.#exchange;
    if (bytes.length === 0) return;
    if (exchange.answerPhase === 'none') {
      if (this.#translator.failure !== undefined) return;
      this.#begin();
    }
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#saidAtUs = nowUs();
    exchange.journal.bytes('response', piece, exchange.responseSent.add(piece));
    if (exchange.response.write(piece)) return;
    exchange.isProviderPaused = true;
    this.#source?.pause();
  }

  #begin(): void {
    const exchange = this.#exchange;
    const headers = [
      ...['content-type', 'text/event-stream; charset=utf-8', 'cache-control', 'no-cache'],
      ...requestIdField(exchange, this.#context),
    ];
    exchange.status = 200;
    exchange.answerPhase = 'relaying';
    exchange.journal.responseOpened({
      source: 'provider',
      status: 200,
      statusText: 'OK',
      httpVersion: '1.1',
      headers,
    });
    exchange.response.writeHead(200, this.#core.isDraining ? [...headers, 'connection', 'close'] : headers);
    exchange.endsWithConnection = !exchange.response.chunkedEncoding;
  }

  #finish(brokenCause?: string): void {
    const exchange = this.#exchange;
    const { failure, dropped } = this.#translator;
    clearInterval(this.#pings);
    this.#leaveSource();
    noteDropped(exchange, dropped);
    const end = brokenCause === undefined || failure === undefined ? 'finished' : 'upstream-broken';
    if (exchange.answerPhase === 'none' && failure !== undefined) {
      const answer = wholeJson(
        this.#core,
        exchange,
        failure.status,
        failure.body,
        requestIdField(exchange, this.#context),
      );
      const cause = brokenCause === undefined ? {} : { cause: brokenCause };
      answerWhole(exchange, answer, { source: 'provider', end, ...cause });
      return;
    }
    if (exchange.answerPhase === 'none') this.#begin();
    exchange.answerPhase = 'ending';
    exchange.endingAtUs = exchange.lastByteAtUs = nowUs();
    exchange.heldEnd = new AnswerEnd([], undefined);
    void exchange.close(end, undefined, brokenCause).then(() => exchange.releaseEnd());
  }

  /** The exchange is over and watched by nobody: a provider that goes on, or was paused, must not keep its connection. */
  #leaveSource(): void {
    const { upstreamRequest } = this.#exchange;
    const timer = setTimeout(() => upstreamRequest?.destroy(), restMsMax);
    timer.unref();
    upstreamRequest?.once('close', () => clearTimeout(timer));
    this.#source?.resume();
  }
}

/** Clients look for the id under the name that their own provider gives it. */
function requestIdField({ id }: RunningExchange, { clientFormat }: AnswerContext): readonly string[] {
  return [clientFormat === 'openai' ? 'x-request-id' : 'request-id', `req_${id}`];
}

function wholeJson(
  core: CoreContext,
  { isUploaded }: RunningExchange,
  status: number,
  bytes: Uint8Array,
  more: readonly string[],
) {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headers = ['content-type', 'application/json', 'content-length', String(body.length)];
  headers.push(...more);
  if (core.isDraining || !isUploaded) headers.push('connection', 'close');
  return { status, headers, body };
}

/** While the client has seen nothing yet, what the provider sends is what its patience is measured by. */
function noteReceived(exchange: RunningExchange, piece: Buffer): void {
  exchange.providerActiveAtUs = exchange.clientActiveAtUs = nowUs();
  exchange.firstByteAtUs ??= exchange.providerActiveAtUs;
  exchange.responseReceived.add(piece);
}

/** What the answer could not carry is told with what the request could not. */
function noteDropped(exchange: RunningExchange, dropped: readonly string[]): void {
  if (dropped.length === 0 || exchange.route === undefined) return;
  exchange.route = { ...exchange.route, dropped: [...(exchange.route.dropped ?? []), ...dropped] };
  exchange.journal.routeChosen(exchange.route);
}

/** Providers are asked for plain text; some compress all the same. */
function decoded(answer: IncomingMessage): Readable {
  const decoder = decoderFor(headerValue(answer.rawHeaders, 'content-encoding')?.trim().toLowerCase());
  if (decoder === undefined) return answer;
  answer.once('error', (error) => decoder.destroy(error));
  return answer.pipe(decoder);
}

function decoderFor(coding: string | undefined): Transform | undefined {
  if (coding === 'gzip' || coding === 'x-gzip') return createGunzip();
  if (coding === 'br') return createBrotliDecompress();
  if (coding === 'deflate') return createInflate();
  return coding === 'zstd' ? createZstdDecompress() : undefined;
}
