import {
  asArray,
  asObject,
  createSseReader,
  type JsonObject,
  jsonBytesMax,
  type SseEvent,
  utf8,
} from '#formats';
import { type AnswerSegments, createAnswerSegments } from './answer-segments.ts';
import { anthropicUsage, findUsage, isReported } from './answer-usage.ts';
import { createAnthropicEventWriter } from './anthropic-event-writer.ts';
import { createDroppedWords } from './dropped-words.ts';
import { estimateText } from './estimate-tokens.ts';
import { parseExactJson } from './exact-json.ts';
import { type CallPiece, readDelta } from './openai-delta.ts';
import {
  answeredModel,
  failedInside,
  messageIdOf,
  soleObject,
  unaskedThinking,
  unnamedTool,
} from './openai-to-anthropic-answer.ts';
import { type AnthropicError, errorBody, errorInAnswer } from './openai-to-anthropic-error.ts';
import { isFailure, stopFields, stopOf } from './stop-reason.ts';
import { createCallIds } from './tool-input.ts';
import type { AnswerContext } from './translated-request.ts';

/** One line of a provider, or what it makes us hold back, may not grow beyond this. */
const heldMax = jsonBytesMax;
const segmentsMax = 16_384;

/**
 * Says a streamed chat completion as a Messages stream. Feed the pieces as they come, cut anywhere; what is returned
 * are whole events, the same for every cutting. A JSON body in place of a stream, as some servers give it, is said as
 * a stream at its end. Never throws.
 */
export class OpenAiToAnthropicStream {
  readonly #context: AnswerContext;
  readonly #writer = createAnthropicEventWriter();
  readonly #dropped = createDroppedWords();
  readonly #segments: AnswerSegments;
  readonly #source: StreamSource;

  #hasStarted = false;
  #hasPinged = false;
  #isOver = false;
  #failure: AnthropicError | undefined;
  /** The last one counts: providers send it once, or with every chunk and growing. */
  #usage: JsonObject | undefined;
  #model: string | undefined;
  #refusal = '';
  /** The latest choice that named a reason to end: some gateways name one in every chunk. */
  #ending: JsonObject | undefined;
  #isDone = false;
  #hidesThinking = false;
  #answerTokens = 0;

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#source = createStreamSource();
    this.#segments = createAnswerSegments({
      writer: this.#writer,
      dropped: this.#dropped,
      idFor: createCallIds(context.messageId, context.usedToolIds),
      nameFor: (name) => (context.toolNames.get(name) ?? name) || unnamedTool,
    });
  }

  /** What could not be carried so far. */
  get dropped(): readonly string[] {
    return this.#dropped.list();
  }

  /** The answer is whole, or has failed: nothing that follows can change it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The client has seen something. Before that, a failure can still be answered with a status: see `failure`. */
  get hasBegun(): boolean {
    return this.#hasStarted || this.#hasPinged;
  }

  /** Why the stream failed, as an answer for a client that has seen nothing yet. */
  get failure(): { readonly status: number; readonly body: Uint8Array } | undefined {
    const error = this.#failure;
    return error === undefined ? undefined : { status: error.status, body: errorBody(error) };
  }

  feed(chunk: Uint8Array): Uint8Array {
    if (this.#isOver) return nothing;
    for (const event of this.#source.feed(chunk)) this.#takeEvent(event);
    if (this.#source.heldBytes > heldMax) this.#fail(tooLarge);
    return this.#writer.takeBytes();
  }

  /** The provider ended its answer properly. When it had not said all of it, the client gets an error. */
  end(): Uint8Array {
    if (this.#isOver) return nothing;
    for (const event of this.#source.finish()) this.#takeEvent(event);
    this.#settle('it ended before the answer was complete');
    return this.#writer.takeBytes();
  }

  /**
   * The provider broke off. An answer whose end was announced is complete without what is missing; otherwise the
   * client gets an error, unless it has seen nothing: then nothing is returned, and `failure` says what to answer.
   */
  broken(cause: string): Uint8Array {
    if (this.#isOver) return nothing;
    this.#settle(cause);
    const bytes = this.#writer.takeBytes();
    return this.hasBegun ? bytes : nothing;
  }

  /** A sign of life for the client while the provider is silent. Events are only ever returned whole, so it fits anywhere. */
  ping(): Uint8Array {
    if (this.#isOver) return nothing;
    this.#hasPinged = true;
    this.#writer.ping();
    return this.#writer.takeBytes();
  }

  #takeEvent({ event, data }: Pick<SseEvent, 'event' | 'data'>): void {
    const text = data.trim();
    if (this.#isOver || text === '') return;
    if (text === '[DONE]') {
      this.#isDone = true;
      this.#settle('it ended without an answer');
      return;
    }
    const chunk = soleObject(parseExactJson(text));
    if (chunk !== undefined) this.#takeChunk(chunk);
    else if (event === 'error') this.#fail({ ...failedInside, message: text.slice(0, 500) });
    else this.#dropped.add('an event of the stream that is not JSON');
  }

  #takeChunk(chunk: JsonObject): void {
    const error = errorInAnswer(chunk);
    this.#usage = findUsage(chunk) ?? this.#usage;
    this.#model ??= answeredModel(chunk);
    // A chunk may bring the end of the text together with the error; where nothing began, the error is all there is.
    if (error === undefined || this.#hasStarted) {
      for (const item of asArray(chunk.choices)) this.#takeChoice(asObject(item) ?? {}, chunk);
    }
    if (error !== undefined) this.#fail(error);
  }

  #takeChoice(choice: JsonObject, chunk: JsonObject): void {
    if (this.#isOver) return;
    if (choice.index !== undefined && choice.index !== null && choice.index !== 0) {
      this.#dropped.add('further choices of the answer');
      return;
    }
    this.#start(chunk);
    const parts = readDelta(asObject(choice.delta) ?? asObject(choice.message) ?? {}, this.#dropped);
    this.#takeReasoning(parts.reasoning);
    this.#takeText(parts.text + parts.refusal);
    this.#refusal += parts.refusal;
    for (const piece of parts.calls) this.#takeCall(piece);
    if (this.#segments.heldCharacters > heldMax || this.#segments.count > segmentsMax) this.#fail(tooLarge);
    if (typeof choice.finish_reason !== 'string' || choice.finish_reason === '') return;
    this.#ending = choice;
    // An error beside it says more; see above.
    if (isFailure(choice) && errorInAnswer(chunk) === undefined) this.#fail(failedInside);
  }

  #start(chunk: JsonObject): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#writer.messageStart({
      id: messageIdOf(this.#context, chunk),
      type: 'message',
      role: 'assistant',
      model: this.#model ?? this.#context.askedModel,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: this.#usageNow(),
    });
  }

  #takeReasoning(piece: string): void {
    if (piece === '') return;
    this.#answerTokens += estimateText(piece);
    if (this.#context.showsThinking !== false) {
      this.#segments.thinking(piece);
    } else if (!this.#hidesThinking) {
      this.#hidesThinking = true;
      this.#dropped.add(unaskedThinking);
    }
  }

  #takeText(piece: string): void {
    this.#answerTokens += estimateText(piece);
    this.#segments.text(piece);
  }

  #takeCall(piece: CallPiece): void {
    this.#answerTokens += estimateText(piece.name) + estimateText(piece.args);
    this.#segments.call(piece);
  }

  /** The end of the message if the provider announced it, else the error that it is missing. */
  #settle(cause: string): void {
    if (this.#isOver) return;
    if (this.#hasStarted && (this.#ending !== undefined || this.#isDone)) this.#finish();
    else this.#fail({ status: 502, type: 'api_error', message: brokenSentence(cause) });
  }

  #finish(): void {
    this.#segments.flush();
    if (!isReported(this.#usage))
      this.#dropped.add('usage: the provider reported none, the counts are estimates');
    const stop = stopOf(this.#ending ?? {}, {
      hasCalls: this.#segments.hasCalls,
      refusal: this.#refusal,
      stopSequences: this.#context.stopSequences,
      dropped: this.#dropped,
    });
    this.#writer.messageEnd(stopFields(stop), this.#usageNow());
    this.#isOver = true;
  }

  #usageNow(): JsonObject {
    return anthropicUsage(this.#usage, {
      inputTokens: this.#context.inputTokensEstimate,
      answerText: this.#answerTokens,
    });
  }

  #fail(error: AnthropicError): void {
    if (this.#isOver) return;
    this.#failure = error;
    const { status: _status, ...fields } = error;
    this.#writer.error(fields);
    this.#isOver = true;
  }
}

const nothing = new Uint8Array();

const tooLarge: AnthropicError = {
  status: 502,
  type: 'api_error',
  message: 'The provider sent more in one piece than can be translated.',
};

function brokenSentence(cause: string): string {
  return `The provider broke off in the middle of its answer${cause === '' ? '.' : `: ${cause}`}`;
}

interface StreamSource {
  feed(chunk: Uint8Array): readonly SseEvent[];
  /** What is left when the stream is over. */
  finish(): readonly Pick<SseEvent, 'event' | 'data'>[];
  /** Bytes since the last complete event. */
  readonly heldBytes: number;
}

/** Events, or a JSON body in their place: the first character tells which. */
function createStreamSource(): StreamSource {
  const sse = createSseReader();
  const json: Buffer[] = [];
  let kind: 'unknown' | 'events' | 'json' = 'unknown';
  let heldBytes = 0;

  function feed(chunk: Uint8Array): readonly SseEvent[] {
    heldBytes += chunk.length;
    if (kind === 'unknown') kind = kindOf(chunk);
    if (kind === 'json') {
      if (heldBytes <= heldMax) json.push(Buffer.from(chunk)); // The caller may reuse its memory.
      return [];
    }
    const events = sse.feed(chunk);
    if (events.length > 0) heldBytes = 0;
    return events;
  }

  return {
    feed,
    finish() {
      const last = sse.finish();
      if (kind === 'json') return [{ event: 'message', data: utf8(Buffer.concat(json)) }];
      return last === undefined ? [] : [last];
    },
    get heldBytes() {
      return heldBytes;
    },
  };
}

function kindOf(chunk: Uint8Array): 'unknown' | 'events' | 'json' {
  const first = chunk.find((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09);
  if (first === undefined) return 'unknown';
  return first === 0x7b || first === 0x5b ? 'json' : 'events';
}
