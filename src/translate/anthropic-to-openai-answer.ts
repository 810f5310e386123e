import { asArray, asObject, type JsonObject, usageFromAnthropic } from '#formats';
import { type OpenAiError, openAiErrorBody, openAiErrorIn } from './anthropic-to-openai-error.ts';
import { createDroppedWords, type DroppedWords, quoted } from './dropped-words.ts';
import { jsonText, parseExactJson } from './exact-json.ts';
import { unaskedThinking } from './openai-to-anthropic-answer.ts';
import type { TranslatedAnswer } from './translated-answer.ts';
import type { AnswerContext } from './translated-request.ts';

/** Says a whole message as a chat completion. Never throws. */
export function anthropicToOpenAiAnswer(body: Uint8Array, context: AnswerContext): TranslatedAnswer {
  const message = asObject(parseExactJson(body));
  if (message === undefined) return unreadable('The answer of the provider is not a JSON object.');
  if (isErrorMessage(message)) return failed(openAiErrorIn(message));
  if (!Array.isArray(message.content)) return unreadable('The answer of the provider has no content.');

  const dropped = createDroppedWords();
  const parts = readBlocks(message.content, context, dropped);
  const text = jsonText({
    ...completionHead(context, message, 'chat.completion'),
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: parts.text === '' ? null : parts.text,
          refusal: parts.text === '' ? refusalText(message) : null,
          ...(parts.reasoning === '' ? {} : { reasoning_content: parts.reasoning }),
          ...(parts.calls.length === 0 ? {} : { tool_calls: parts.calls }),
        },
        logprobs: null,
        finish_reason: finishReason(message.stop_reason, parts.calls.length > 0, dropped),
      },
    ],
    usage: openAiUsage(asObject(message.usage)),
  });
  if (text === undefined) return unreadable('The answer of the provider is nested too deeply.');
  return { body: Buffer.from(text), dropped: dropped.list() };
}

export function isErrorMessage({ type, error }: JsonObject): boolean {
  return type === 'error' || (type !== 'message' && error !== undefined && error !== null);
}

/** What a completion and each chunk of one begin with. */
export function completionHead(
  { messageId, createdS = 0, askedModel }: AnswerContext,
  { id, model }: JsonObject,
  object: 'chat.completion' | 'chat.completion.chunk',
): JsonObject {
  const ownId = typeof id === 'string' ? id.replace(/^msg_/, '').slice(0, 64) : '';
  const answered = typeof model === 'string' && model !== '' ? model : askedModel;
  return {
    id: messageId === '' ? `chatcmpl-${ownId}` : messageId,
    object,
    created: createdS,
    model: answered,
  };
}

interface AnswerParts {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly JsonObject[];
}

function readBlocks(content: readonly unknown[], context: AnswerContext, dropped: DroppedWords): AnswerParts {
  const calls: JsonObject[] = [];
  let text = '';
  let reasoning = '';
  for (const item of content) {
    const block = asObject(item) ?? {};
    if (block.type === 'text') {
      text += stringOf(block.text);
      if (asArray(block.citations).length > 0) dropped.add(leftCitations);
    } else if (block.type === 'thinking') {
      if (context.showsThinking === false && block.thinking !== '') dropped.add(unaskedThinking);
      else reasoning += stringOf(block.thinking);
    } else if (block.type === 'tool_use') {
      calls.push(wholeCall(block, context));
    } else {
      dropped.add(leftBlock(block.type));
    }
  }
  return { text, reasoning, calls };
}

export const leftCitations = 'citations of the answer';

/** Words for a block that clients of OpenAI have no place for. */
export function leftBlock(type: unknown): string {
  if (type === 'redacted_thinking') return 'redacted thinking: only Anthropic can read it';
  return `content of the type ${quoted(type)} in the answer`;
}

function wholeCall({ id, name, input }: JsonObject, context: AnswerContext): JsonObject {
  const called = { name: clientToolName(name, context), arguments: argumentsText(input) };
  return { id: stringOf(id), type: 'function', function: called };
}

export function clientToolName(name: unknown, { toolNames }: AnswerContext): string {
  const said = stringOf(name);
  return toolNames.get(said) ?? said;
}

/** `null` and nothing are calls without arguments. */
export function argumentsText(input: unknown): string {
  return input === undefined || input === null ? '{}' : (jsonText(input) ?? '{}');
}

const finishReasons: Readonly<Record<string, string>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  tool_use: 'tool_calls',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  refusal: 'content_filter',
};

/** Why an answer ended, in the words of chat completions. */
export function finishReason(stopReason: unknown, hasCalls: boolean, dropped: DroppedWords): string {
  const known = typeof stopReason === 'string' && Object.hasOwn(finishReasons, stopReason);
  if (known) return finishReasons[stopReason]!;
  if (typeof stopReason === 'string')
    dropped.add(`stop_reason ${quoted(stopReason)}: unknown to chat completions`);
  return hasCalls ? 'tool_calls' : 'stop';
}

/**
 * Why the model does not answer, in the provider's words if it has any. Only of an answer without text: where there is
 * some, it says so itself.
 */
export function refusalText({ stop_reason: reason, stop_details: details }: JsonObject): string | null {
  if (reason !== 'refusal') return null;
  const { explanation } = asObject(details) ?? {};
  return typeof explanation === 'string' && explanation !== '' ? explanation : null;
}

/** Usage in the words of OpenAI, which counts what came from and went to a cache as part of the prompt. */
export function openAiUsage(usage: JsonObject | undefined): JsonObject {
  const tokens = usageFromAnthropic(usage);
  const { cacheReadTokens: read = 0, cacheWriteTokens: written = 0, thinkingTokens } = tokens;
  const prompt = (tokens.inputTokens ?? 0) + read + written;
  const completion = tokens.outputTokens ?? 0;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: read, ...(written === 0 ? {} : { cache_write_tokens: written }) },
    ...(thinkingTokens === undefined
      ? {}
      : { completion_tokens_details: { reasoning_tokens: thinkingTokens } }),
  };
}

export function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function unreadable(sentence: string): TranslatedAnswer {
  return { kind: 'unreadable', sentence };
}

function failed(error: OpenAiError): TranslatedAnswer {
  return {
    kind: 'unreadable',
    sentence: error.message,
    error: { status: error.status, body: openAiErrorBody(error) },
  };
}
