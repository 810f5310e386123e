import { asArray, asObject, type JsonObject } from '#formats';
import type { ClaudeCapabilities } from './claude-capabilities.ts';
import { createDroppedWords } from './dropped-words.ts';
import { estimateRequest } from './estimate-tokens.ts';
import { jsonText } from './exact-json.ts';
import { textBlock } from './openai-to-anthropic-content.ts';
import {
  type AnthropicTurn,
  type ChatConversation,
  translateChatMessages,
} from './openai-to-anthropic-messages.ts';
import {
  chatAnswerForm,
  chatSamplingFields,
  listLeftChatFields,
  outputTokensOf,
  thinkingFields,
} from './openai-to-anthropic-settings.ts';
import { declaredFunctionNames, translateFunctions } from './openai-to-anthropic-tools.ts';
import { readRequestBody } from './read-request-body.ts';
import { createToolIds } from './tool-ids.ts';
import { createToolNames } from './tool-names.ts';
import type { TranslatedRequest } from './translated-request.ts';

export interface ChatRequestOptions {
  /** The model of the provider that shall answer. */
  readonly model: string;
  readonly capabilities: ClaudeCapabilities;
  /** What becomes of the thinking in the answer: left out, or `reasoning_content`. */
  readonly thinking: 'drop' | 'keep-as-reasoning';
  /** `chatcmpl-…`, for the context of the answer. */
  readonly messageId?: string;
  /** Seconds since 1970, for the context of the answer. */
  readonly createdS?: number;
}

/**
 * Says a request for a chat completion as a Messages request. Never throws: what is no such request is refused with a
 * sentence for the client, what the Messages API has no words for is listed in `dropped`.
 */
export function openAiToAnthropicRequest(body: Uint8Array, options: ChatRequestOptions): TranslatedRequest {
  const dropped = createDroppedWords();
  const refused = (sentence: string): TranslatedRequest => ({
    kind: 'refused',
    status: 400,
    sentence,
    dropped: dropped.list(),
  });

  const readable = readRequestBody(body);
  if ('sentence' in readable) return refused(readable.sentence);
  const { request, messages } = readable;
  if (asArray(request.functions).length > 0) {
    return refused('The request uses the old field "functions", which cannot be translated; use "tools".');
  }

  const { capabilities } = options;
  const shared = { capabilities, dropped };
  const names = createToolNames(declaredFunctionNames(request));
  const ids = createToolIds('anthropic');
  const read = translateChatMessages(messages, { names, ids, dropped });
  if ('sentence' in read) return refused(read.sentence);
  if (read.turns.length === 0) return refused('Nothing is left of the messages that could be sent.');

  const tools = translateFunctions(request, read.called, { ...shared, names });
  const outputTokens = outputTokensOf(request, shared);
  const isForced = ['any', 'tool'].includes(String(asObject(tools.tool_choice)?.type));
  const { isInToolLoop } = read;
  const { output_config: effort, ...thinking } = thinkingFields(request, {
    ...shared,
    outputTokens,
    isForced,
    isInToolLoop,
  });
  const isThinking = thinking.thinking !== undefined && asObject(thinking.thinking)?.type !== 'disabled';
  const form = chatAnswerForm(request, shared);
  const sampling = chatSamplingFields(request, isThinking, shared);
  const isStreaming = request.stream === true;
  listLeftChatFields(request, dropped);

  const translated = {
    model: options.model,
    max_tokens: outputTokens,
    ...systemField(read, form.instruction),
    messages: framed(read.turns, capabilities.prefill && !isThinking).map(wireTurn),
    ...tools,
    ...sampling,
    ...thinking,
    ...outputConfig(asObject(effort), form.format),
    ...(isStreaming ? { stream: true } : {}),
  };
  const text = jsonText(translated);
  if (text === undefined) return refused('The request is nested too deeply to be translated.');
  return {
    kind: 'translated',
    body: Buffer.from(text),
    path: '/messages',
    isStreaming,
    dropped: dropped.list(),
    context: {
      clientFormat: 'openai',
      askedModel: typeof request.model === 'string' ? request.model : '',
      inputTokensEstimate: estimateRequest(translated),
      isStreaming,
      stopSequences: asArray(sampling.stop_sequences).filter((item) => typeof item === 'string'),
      toolNames: names.originals,
      messageId: options.messageId ?? '',
      showsThinking: options.thinking === 'keep-as-reasoning',
      createdS: options.createdS ?? 0,
      includesUsage: asObject(request.stream_options)?.include_usage === true,
    },
  };
}

function systemField({ system }: ChatConversation, instruction: string | undefined): JsonObject {
  const texts = instruction === undefined ? system : [...system, instruction];
  return texts.length === 0 ? {} : { system: texts.join('\n\n') };
}

function outputConfig(effort: JsonObject | undefined, format: JsonObject | undefined): JsonObject {
  if (effort === undefined && format === undefined) return {};
  return { output_config: { ...effort, ...(format === undefined ? {} : { format }) } };
}

const goOn: AnthropicTurn = { role: 'user', content: [textBlock('Go on.')] };

/** A conversation begins with the user, and ends with the user where the model cannot go on with its own words. */
function framed(turns: readonly AnthropicTurn[], takesPrefill: boolean): readonly AnthropicTurn[] {
  const first = turns[0]?.role === 'assistant' ? [goOn] : [];
  const last = turns.at(-1)!;
  if (last.role === 'user') return [...first, ...turns];
  return takesPrefill ? [...first, ...turns.slice(0, -1), trimmed(last)] : [...first, ...turns, goOn];
}

/** Anthropic refuses spaces at the end of what it shall go on with. */
function trimmed({ role, content }: AnthropicTurn): AnthropicTurn {
  const last = content.at(-1);
  if (typeof last?.text !== 'string') return { role, content };
  return { role, content: [...content.slice(0, -1), textBlock(last.text.trimEnd())] };
}

function wireTurn({ role, content }: AnthropicTurn): JsonObject {
  const [first] = content;
  return { role, content: content.length === 1 && first?.type === 'text' ? first.text : content };
}
