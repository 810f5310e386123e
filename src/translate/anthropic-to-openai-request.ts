import { asArray, asObject, type JsonObject } from '#formats';
import { blocksOf } from './anthropic-to-openai-content.ts';
import { readTurns, translateTurns } from './anthropic-to-openai-messages.ts';
import { answerForm, listLeftFields, samplingFields } from './anthropic-to-openai-settings.ts';
import { declaredToolNames, translateTools } from './anthropic-to-openai-tools.ts';
import type { ModelCapabilities } from './capabilities.ts';
import { createDroppedWords } from './dropped-words.ts';
import { estimateRequest } from './estimate-tokens.ts';
import { jsonText } from './exact-json.ts';
import { readRequestBody } from './read-request-body.ts';
import { asksForThinking, reasoningFields } from './reasoning-effort.ts';
import { createToolIds } from './tool-ids.ts';
import { createToolNames } from './tool-names.ts';
import type { AnswerContext, TranslatedRequest } from './translated-request.ts';

export interface RequestOptions {
  /** The model of the provider that shall answer. */
  readonly model: string;
  readonly capabilities: ModelCapabilities;
  /** What becomes of the model's earlier thinking. */
  readonly thinking: 'drop' | 'keep-as-reasoning';
  /** For the context of the answer; without it the caller sets it there. */
  readonly messageId?: string;
}

/**
 * Says a Messages request as a request for a chat completion. Never throws: what is no Messages request is refused
 * with a sentence for the client, what a chat completion has no words for is listed in `dropped`.
 */
export function anthropicToOpenAiRequest(body: Uint8Array, options: RequestOptions): TranslatedRequest {
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
  const read = readTurns(messages);
  if ('sentence' in read) return refused(read.sentence);

  const { capabilities } = options;
  const shared = { capabilities, dropped };
  const names = createToolNames(declaredToolNames(request));
  const ids = createToolIds(capabilities.toolIds ?? 'any');
  const tools = translateTools(request, { ...shared, names });
  const form = answerForm(request, shared);
  const conversation = translateTurns(read.turns, { ...shared, thinking: options.thinking, names, ids });
  if (conversation.length === 0) return refused('Nothing is left of the messages that could be sent.');
  const system = systemPrompt(request.system, [...tools.longDescriptions, form.instruction ?? '']);
  const sampling = samplingFields(request, shared);
  const isStreaming = request.stream === true;
  listLeftFields(request, dropped);

  const text = jsonText({
    model: options.model,
    messages: [
      ...(system === '' ? [] : [{ role: capabilities.systemRole, content: system }]),
      ...conversation,
    ],
    ...tools.fields,
    ...sampling,
    ...reasoningFields(request, shared),
    ...form.fields,
    ...streamFields(isStreaming, capabilities),
  });
  if (text === undefined) return refused('The request is nested too deeply to be translated.');
  return {
    kind: 'translated',
    body: Buffer.from(text),
    path: '/chat/completions',
    isStreaming,
    dropped: dropped.list(),
    context: answerContext(request, {
      ...options,
      isStreaming,
      stopSequences: asArray(sampling.stop).filter((item) => typeof item === 'string'),
      toolNames: names.originals,
    }),
  };
}

/** The first block of Claude Code is no prompt but a mark for its maker's accounting. */
const billingMark = 'x-anthropic-billing-header:';

function systemPrompt(system: unknown, additions: readonly string[]): string {
  const texts = blocksOf(system).map(({ text }) => (typeof text === 'string' ? text : ''));
  return [...texts, ...additions].filter((text) => text !== '' && !text.startsWith(billingMark)).join('\n\n');
}

function streamFields(isStreaming: boolean, { streamUsage }: ModelCapabilities): JsonObject {
  if (!isStreaming) return {};
  return { stream: true, ...(streamUsage ? { stream_options: { include_usage: true } } : {}) };
}

interface ContextOptions extends RequestOptions {
  readonly isStreaming: boolean;
  readonly stopSequences: readonly string[];
  readonly toolNames: ReadonlyMap<string, string>;
}

function answerContext(request: JsonObject, options: ContextOptions): AnswerContext {
  return {
    clientFormat: 'anthropic',
    askedModel: typeof request.model === 'string' ? request.model : '',
    inputTokensEstimate: estimateRequest(request),
    isStreaming: options.isStreaming,
    stopSequences: options.stopSequences,
    toolNames: options.toolNames,
    messageId: options.messageId ?? '',
    usedToolIds: usedToolIds(request.messages),
    showsThinking: asksForThinking(request, options.thinking === 'keep-as-reasoning'),
  };
}

function usedToolIds(messages: unknown): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const message of asArray(messages)) {
    for (const block of blocksOf(asObject(message)?.content)) {
      if (block.type === 'tool_use' && typeof block.id === 'string') ids.add(block.id);
    }
  }
  return ids;
}
