import { asArray, asObject, type JsonObject } from '#formats';
import { anthropicUsage, findUsage, isReported } from './answer-usage.ts';
import { createDroppedWords, type DroppedWords } from './dropped-words.ts';
import { estimateText } from './estimate-tokens.ts';
import { jsonText, parseExactJson } from './exact-json.ts';
import { type DeltaParts, readDelta } from './openai-delta.ts';
import { type AnthropicError, errorBody, errorInAnswer } from './openai-to-anthropic-error.ts';
import { isFailure, stopFields, stopOf } from './stop-reason.ts';
import { createCallIds, toolInput } from './tool-input.ts';
import type { TranslatedAnswer } from './translated-answer.ts';
import type { AnswerContext } from './translated-request.ts';

/** Says a whole chat completion as a message. Never throws. */
export function openAiToAnthropicAnswer(body: Uint8Array, context: AnswerContext): TranslatedAnswer {
  const completion = soleObject(parseExactJson(body));
  if (completion === undefined) return unreadable('The answer of the provider is not a JSON object.');
  const error = errorInAnswer(completion);
  if (error !== undefined) return failed(error);

  const dropped = createDroppedWords();
  const choices = asArray(completion.choices).map(asObject);
  const choice = choices[0];
  if (choice === undefined) return unreadable('The answer of the provider has no choices.');
  if (choices.length > 1) dropped.add(`further choices of the answer: ${choices.length - 1} left out`);
  const parts = readDelta(asObject(choice.message) ?? asObject(choice.delta) ?? {}, dropped);
  if (isFailure(choice)) return failed(failedInside);
  const stop = stopOf(choice, {
    hasCalls: parts.calls.length > 0,
    refusal: parts.refusal,
    stopSequences: context.stopSequences,
    dropped,
  });

  const usage = findUsage(completion);
  if (!isReported(usage)) dropped.add('usage: the provider reported none, the counts are estimates');
  const text = jsonText({
    id: messageIdOf(context, completion),
    type: 'message',
    role: 'assistant',
    model: answeredModel(completion) ?? context.askedModel,
    content: contentBlocks(parts, context, dropped),
    ...stopFields(stop),
    usage: anthropicUsage(usage, {
      inputTokens: context.inputTokensEstimate,
      answerText: answerTokens(parts),
    }),
  });
  if (text === undefined) return unreadable('The answer of the provider is nested too deeply.');
  return { body: Buffer.from(text), dropped: dropped.list() };
}

export const failedInside: AnthropicError = {
  status: 502,
  type: 'api_error',
  message: 'The provider says that it failed while it generated the answer.',
};

/** Google reports errors as a list of one. */
export function soleObject(value: unknown): JsonObject | undefined {
  return asObject(Array.isArray(value) ? value[0] : value);
}

function unreadable(sentence: string): TranslatedAnswer {
  return { kind: 'unreadable', sentence };
}

function failed(error: AnthropicError): TranslatedAnswer {
  return {
    kind: 'unreadable',
    sentence: error.message,
    error: { status: error.status, body: errorBody(error) },
  };
}

/** The model the provider says has answered: a transcript then names who wrote it. */
export function answeredModel({ model }: JsonObject): string | undefined {
  return typeof model === 'string' && model !== '' ? model : undefined;
}

/** Unique as far as the caller made it so; without one the provider's has to do. */
export function messageIdOf({ messageId }: AnswerContext, completion: JsonObject): string {
  if (messageId !== '') return messageId;
  const id = typeof completion.id === 'string' ? completion.id.replace(/[^a-zA-Z0-9_-]/g, '') : '';
  return `msg_${id.slice(0, 64)}`;
}

function contentBlocks(parts: DeltaParts, context: AnswerContext, dropped: DroppedWords): JsonObject[] {
  const blocks: JsonObject[] = [];
  if (parts.reasoning.trim() !== '') {
    if (context.showsThinking === false) dropped.add(unaskedThinking);
    else blocks.push({ type: 'thinking', thinking: parts.reasoning, signature: '' });
  }
  const text = parts.text + parts.refusal;
  // Anthropic refuses a text of nothing but spaces when it comes back with the next turn.
  if (text.trim() !== '') blocks.push({ type: 'text', text });
  const idFor = createCallIds(context.messageId, context.usedToolIds);
  for (const { id, name, args } of parts.calls) {
    const clientName = context.toolNames.get(name) ?? name;
    blocks.push({ type: 'tool_use', id: idFor(id), name: clientName || unnamedTool, input: toolInput(args) });
  }
  return blocks;
}

export const unaskedThinking = 'reasoning of the model: the client asked for none';

/** No client has such a tool: it says so, and the model tries again. */
export const unnamedTool = 'unnamed_tool';

function answerTokens({ reasoning, text, refusal, calls }: DeltaParts): number {
  const texts = [reasoning, text, refusal, ...calls.flatMap(({ name, args }) => [name, args])];
  return texts.reduce((sum, piece) => sum + estimateText(piece), 0);
}
