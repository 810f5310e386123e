import { asArray, asObject, type JsonObject, type SseEvent } from '#formats';
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
import { createStreamSource, heldMax, type StreamSource } from './stream-source.ts';
import { createCallIds } from './tool-input.ts';
import type { AnswerStream } from './translated-answer.ts';
import type { AnswerContext } from './translated-request.ts';

const segmentsMax = 16_384;

/**
 * Says a streamed chat completion as a Messages stream. A JSON body in place of a stream, as some servers give
 * it, is said as a stream at its end. Never throws.
 */
export class OpenAiToAnthropicStream implements AnswerStream {
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

  get dropped(): readonly string[] {
    return this.#dropped.list();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get hasBegun(): boolean {
    return this.#hasStarted || this.#hasPinged;
  }

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

  end(): Uint8Array {
    if (this.#isOver) return nothing;
    for (const event of this.#source.finish()) this.#takeEvent(event);
    if (this.#hasStarted) this.#settle('it ended before the answer was complete');
    else this.#fail({ status: 502, type: 'api_error', message: noStream });
    return this.#writer.takeBytes();
  }

  broken(cause: string): Uint8Array {
    if (this.#isOver) return nothing;
    this.#settle(cause);
    const bytes = this.#writer.takeBytes();
    return this.hasBegun ? bytes : nothing;
  }

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

export const tooLarge: AnthropicError = {
  status: 502,
  type: 'api_error',
  message: 'The provider sent more in one piece than can be translated.',
};

/** For pages of HTML, empty bodies and whatever else has no event. */
export const noStream = 'The provider answered with something that is no stream of an answer.';

export function brokenSentence(cause: string): string {
  return `The provider broke off in the middle of its answer${cause === '' ? '.' : `: ${cause}`}`;
}
