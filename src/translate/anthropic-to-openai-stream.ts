import { asArray, asCount, asObject, type JsonObject, type SseEvent } from '#formats';
import {
  argumentsText,
  clientToolName,
  completionHead,
  finishReason,
  isErrorMessage,
  leftBlock,
  leftCitations,
  openAiUsage,
  refusalText,
  stringOf,
} from './anthropic-to-openai-answer.ts';
import {
  type OpenAiError,
  openAiErrorBody,
  openAiErrorFields,
  openAiErrorIn,
} from './anthropic-to-openai-error.ts';
import { createDroppedWords } from './dropped-words.ts';
import { parseExactJson } from './exact-json.ts';
import { unaskedThinking } from './openai-to-anthropic-answer.ts';
import { brokenSentence, noStream, tooLarge } from './openai-to-anthropic-stream.ts';
import { createStreamSource, heldMax } from './stream-source.ts';
import type { AnswerStream } from './translated-answer.ts';
import type { AnswerContext } from './translated-request.ts';

const callsMax = 16_384;

/** A call whose arguments come in pieces. */
interface OpenCall {
  /** Its place among the calls of the answer. */
  readonly index: number;
  /** What stood where the call began: the arguments of providers that send them at once. */
  readonly input: unknown;
  hasArguments: boolean;
}

/**
 * Says a Messages stream as a streamed chat completion. A whole message in place of a stream is said as one at its end.
 * Never throws.
 */
export class AnthropicToOpenAiStream implements AnswerStream {
  readonly #context: AnswerContext;
  readonly #dropped = createDroppedWords();
  readonly #source = createStreamSource();
  #written: string[] = [];
  /** Calls that are not closed, by the number of their block. */
  readonly #open = new Map<number, OpenCall>();
  #callCount = 0;
  #head: JsonObject | undefined;
  /** What every event said of it, the latest last. */
  #usage: JsonObject = {};
  /** The latest delta that named a reason to end. */
  #ending: JsonObject | undefined;
  #hasText = false;
  #hasPinged = false;
  #isOver = false;
  #hidesThinking = false;
  #failure: OpenAiError | undefined;

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  get dropped(): readonly string[] {
    return this.#dropped.list();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get hasBegun(): boolean {
    return this.#head !== undefined || this.#hasPinged;
  }

  get failure(): { readonly status: number; readonly body: Uint8Array } | undefined {
    const error = this.#failure;
    return error === undefined ? undefined : { status: error.status, body: openAiErrorBody(error) };
  }

  feed(chunk: Uint8Array): Uint8Array {
    if (this.#isOver) return nothing;
    for (const event of this.#source.feed(chunk)) this.#takeEvent(event);
    if (this.#source.heldBytes > heldMax) this.#fail(providerFailed(tooLarge.message));
    return this.#takeBytes();
  }

  end(): Uint8Array {
    if (this.#isOver) return nothing;
    for (const event of this.#source.finish()) this.#takeEvent(event);
    if (this.#head !== undefined) this.#settle('it ended before the answer was complete');
    else this.#fail(providerFailed(noStream));
    return this.#takeBytes();
  }

  broken(cause: string): Uint8Array {
    if (this.#isOver) return nothing;
    this.#settle(cause);
    const bytes = this.#takeBytes();
    return this.hasBegun ? bytes : nothing;
  }

  /** A comment, which every reader of events skips. */
  ping(): Uint8Array {
    if (this.#isOver) return nothing;
    this.#hasPinged = true;
    this.#written.push(': ping\n\n');
    return this.#takeBytes();
  }

  #takeEvent({ event, data }: Pick<SseEvent, 'event' | 'data'>): void {
    if (this.#isOver || data.trim() === '') return;
    const value = asObject(parseExactJson(data));
    if (value === undefined) {
      if (event === 'error') this.#fail(providerFailed(data.trim().slice(0, 500)));
      else this.#dropped.add('an event of the stream that is not JSON');
      return;
    }
    if (event === 'error' || isErrorMessage(value)) {
      this.#fail(openAiErrorIn(value));
      return;
    }
    switch (value.type) {
      case 'message_start':
        this.#start(asObject(value.message) ?? {});
        break;
      case 'content_block_start':
        this.#startBlock(numberOf(value.index), asObject(value.content_block) ?? {});
        break;
      case 'content_block_delta':
        this.#takeDelta(numberOf(value.index), asObject(value.delta) ?? {});
        break;
      case 'content_block_stop':
        this.#closeCall(numberOf(value.index));
        break;
      case 'message_delta':
        this.#addUsage(value.usage);
        if (typeof asObject(value.delta)?.stop_reason === 'string') this.#ending = asObject(value.delta);
        break;
      case 'message_stop':
        this.#settle('it ended without an answer');
        break;
      case 'message':
        this.#takeWhole(value);
        break;
    }
  }

  #start(message: JsonObject): void {
    this.#addUsage(message.usage);
    if (this.#head !== undefined) return;
    this.#head = completionHead(this.#context, message, 'chat.completion.chunk');
    this.#writeDelta({ role: 'assistant', content: '' });
  }

  #startBlock(index: number, block: JsonObject): void {
    switch (block.type) {
      case 'text':
        this.#takeText(block.text);
        if (asArray(block.citations).length > 0) this.#dropped.add(leftCitations);
        break;
      case 'thinking':
        this.#takeThinking(block.thinking);
        break;
      case 'tool_use':
        this.#startCall(index, block);
        break;
      default:
        this.#dropped.add(leftBlock(block.type));
    }
  }

  #takeDelta(index: number, delta: JsonObject): void {
    switch (delta.type) {
      case 'text_delta':
        this.#takeText(delta.text);
        break;
      case 'thinking_delta':
        this.#takeThinking(delta.thinking);
        break;
      case 'input_json_delta':
        this.#takeArguments(index, stringOf(delta.partial_json));
        break;
      case 'signature_delta':
        break;
      case 'citations_delta':
        this.#dropped.add(leftCitations);
        break;
      default:
        this.#dropped.add(leftBlock(delta.type));
    }
  }

  #takeText(text: unknown): void {
    const piece = stringOf(text);
    if (piece === '') return;
    this.#hasText = true;
    this.#writeDelta({ content: piece });
  }

  #takeThinking(thinking: unknown): void {
    const piece = stringOf(thinking);
    if (piece === '') return;
    if (this.#context.showsThinking !== false) {
      this.#writeDelta({ reasoning_content: piece });
    } else if (!this.#hidesThinking) {
      this.#hidesThinking = true;
      this.#dropped.add(unaskedThinking);
    }
  }

  #startCall(blockIndex: number, { id, name, input }: JsonObject): void {
    this.#closeCall(blockIndex);
    if (this.#callCount >= callsMax) {
      this.#fail(providerFailed(tooLarge.message));
      return;
    }
    const call: OpenCall = { index: this.#callCount, input, hasArguments: false };
    this.#callCount += 1;
    this.#open.set(blockIndex, call);
    const called = { name: clientToolName(name, this.#context), arguments: '' };
    this.#writeCall({ index: call.index, id: stringOf(id), type: 'function', function: called });
  }

  #takeArguments(blockIndex: number, piece: string): void {
    const call = this.#open.get(blockIndex);
    if (call === undefined || piece === '') return; // Of a block that has no place here, which was said already.
    call.hasArguments = true;
    this.#writeCall({ index: call.index, function: { arguments: piece } });
  }

  #closeCall(blockIndex: number): void {
    const call = this.#open.get(blockIndex);
    if (call === undefined) return;
    this.#open.delete(blockIndex);
    if (call.hasArguments) return;
    this.#writeCall({ index: call.index, function: { arguments: argumentsText(call.input) } });
  }

  #takeWhole(message: JsonObject): void {
    this.#start(message);
    for (const [index, block] of asArray(message.content).entries()) {
      this.#startBlock(index, asObject(block) ?? {});
      this.#closeCall(index);
    }
    this.#ending = message;
    this.#settle('it ended without an answer');
  }

  #addUsage(usage: unknown): void {
    for (const [key, value] of Object.entries(asObject(usage) ?? {})) {
      if (usageKeys.has(key) && (asCount(value) !== undefined || asObject(value) !== undefined)) {
        this.#usage = { ...this.#usage, [key]: value };
      }
    }
  }

  /** The end of the answer if the provider announced it, else the error that it is missing. */
  #settle(cause: string): void {
    if (this.#isOver) return;
    if (this.#head !== undefined && this.#ending !== undefined) this.#finish(this.#ending);
    else this.#fail(providerFailed(brokenSentence(cause)));
  }

  #finish(ending: JsonObject): void {
    for (const index of [...this.#open.keys()]) this.#closeCall(index);
    const refusal = this.#hasText ? null : refusalText(ending);
    const reason = finishReason(ending.stop_reason, this.#callCount > 0, this.#dropped);
    this.#writeChoices([
      { index: 0, delta: refusal === null ? {} : { refusal }, logprobs: null, finish_reason: reason },
    ]);
    if (this.#context.includesUsage === true) this.#writeChoices([], openAiUsage(this.#usage));
    this.#written.push('data: [DONE]\n\n');
    this.#isOver = true;
  }

  #writeCall(call: JsonObject): void {
    this.#writeDelta({ tool_calls: [call] });
  }

  #writeDelta(delta: JsonObject): void {
    this.#writeChoices([{ index: 0, delta, logprobs: null, finish_reason: null }]);
  }

  #writeChoices(choices: readonly JsonObject[], usage: JsonObject | null = null): void {
    this.#head ??= completionHead(this.#context, {}, 'chat.completion.chunk');
    const counted = this.#context.includesUsage === true ? { usage } : {};
    this.#write({ ...this.#head, choices, ...counted });
  }

  #write(value: JsonObject): void {
    this.#written.push(`data: ${JSON.stringify(value)}\n\n`);
  }

  #takeBytes(): Uint8Array {
    const bytes = Buffer.from(this.#written.join(''));
    this.#written = [];
    return bytes;
  }

  #fail(error: OpenAiError): void {
    if (this.#isOver) return;
    this.#failure = error;
    this.#write({ error: openAiErrorFields(error) });
    this.#isOver = true;
  }
}

const nothing = new Uint8Array();

const usageKeys: ReadonlySet<string> = new Set([
  'input_tokens',
  'output_tokens',
  'cache_read_input_tokens',
  'cache_creation_input_tokens',
  'cache_creation',
  'output_tokens_details',
]);

function providerFailed(message: string): OpenAiError {
  return { status: 502, type: 'server_error', code: null, message };
}

function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : 0;
}
