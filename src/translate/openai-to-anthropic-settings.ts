import { asArray, asCount, asObject, type JsonObject } from '#formats';
import type { ClaudeCapabilities } from './claude-capabilities.ts';
import { type DroppedWords, quoted } from './dropped-words.ts';
import { jsonText } from './exact-json.ts';
import { isStrictSchema } from './json-schema.ts';

export interface ChatSettingOptions {
  readonly capabilities: ClaudeCapabilities;
  readonly dropped: DroppedWords;
}

/** The limit of the answer, which the Messages API wants to know in any case. */
export function outputTokensOf(request: JsonObject, { capabilities, dropped }: ChatSettingOptions): number {
  const asked = asCount(request.max_completion_tokens) ?? asCount(request.max_tokens);
  const max = capabilities.maxOutputTokens;
  if (asked === undefined || asked === 0) return Math.min(capabilities.usualOutputTokens, max ?? Infinity);
  if (max === undefined || asked <= max) return asked;
  dropped.add(`max_tokens ${asked}: the model writes ${max} at most`);
  return max;
}

/** @param isThinking a model that thinks wants to be left alone with its sampling */
export function chatSamplingFields(
  request: JsonObject,
  isThinking: boolean,
  { capabilities, dropped }: ChatSettingOptions,
): JsonObject {
  const kind = isThinking ? 'none' : capabilities.sampling;
  const fields: { [key: string]: number } = {};
  const take = (key: string, value: unknown, reason: string | undefined) => {
    if (typeof value !== 'number') return;
    if (reason === undefined) fields[key] = value;
    else if (value !== 1 || key === 'top_k') dropped.add(`${key}: ${reason}`);
  };
  const refused = isThinking ? 'not while the model thinks' : 'the model takes none';
  const isNone = kind === 'none' ? refused : undefined;
  take('temperature', temperatureOf(request.temperature, dropped), isNone);
  const isSecond = kind === 'one' && fields.temperature !== undefined;
  take('top_p', request.top_p, isNone ?? (isSecond ? 'the model takes it or a temperature' : undefined));
  take('top_k', request.top_k, isNone);
  return { ...fields, ...stopSequences(request.stop, dropped) };
}

/** OpenAI's scale ends at 2, Anthropic's at 1. */
function temperatureOf(asked: unknown, dropped: DroppedWords): unknown {
  if (typeof asked !== 'number' || asked <= 1) return asked;
  dropped.add(`temperature ${asked}: 1 is the highest`);
  return 1;
}

function stopSequences(asked: unknown, dropped: DroppedWords): JsonObject {
  const all = (typeof asked === 'string' ? [asked] : asArray(asked)).filter(
    (item) => typeof item === 'string',
  );
  const kept = all.filter((item) => item.trim() !== '');
  if (kept.length < all.length) dropped.add('a stop sequence of nothing but spaces: Anthropic refuses it');
  return kept.length === 0 ? {} : { stop_sequences: kept };
}

/** How many tokens of thinking an effort is worth; the other direction reads budgets by the same marks. */
const budgets: Readonly<Record<string, number>> = {
  minimal: 1024,
  low: 4096,
  medium: 16_384,
  high: 32_000,
  xhigh: 32_000,
  max: 32_000,
};

const budgetMin = 1024;

export interface ThinkingOptions extends ChatSettingOptions {
  readonly outputTokens: number;
  /** The model is made to call a tool, which excludes a budget of thinking. */
  readonly isForced: boolean;
  /** Calls are being carried out whose thinking is not there any more, which excludes it as well. */
  readonly isInToolLoop: boolean;
}

/** `thinking` and `output_config.effort` from `reasoning_effort` (or `reasoning.effort`, as gateways have it). */
export function thinkingFields(request: JsonObject, options: ThinkingOptions): JsonObject {
  const { capabilities, dropped, outputTokens } = options;
  const effort = request.reasoning_effort ?? asObject(request.reasoning)?.effort;
  if (effort === undefined || effort === null) return {};
  if (effort === 'none') return capabilities.thinking === 'none' ? {} : { thinking: { type: 'disabled' } };
  const budget = typeof effort === 'string' && Object.hasOwn(budgets, effort) ? budgets[effort]! : undefined;
  const drop = (reason: string) => {
    dropped.add(`reasoning_effort ${quoted(effort)}: ${reason}`);
    return {};
  };
  if (budget === undefined) return drop('unknown here');
  const effortField = effortOf(String(effort), capabilities.effortLevels);
  if (capabilities.thinking === 'none') return drop('the model does not think');
  if (options.isForced) return { ...effortField, ...drop('no thinking when the model has to call a tool') };
  if (capabilities.thinking === 'adaptive') return { thinking: { type: 'adaptive' }, ...effortField };
  if (options.isInToolLoop) return { ...effortField, ...drop('no thinking in the middle of calls of tools') };
  if (outputTokens <= budgetMin) return { ...effortField, ...drop('the answer is too short for it') };
  // The limit is for both; at least half of it stays for the answer.
  const tokens = Math.max(budgetMin, Math.min(budget, Math.floor(outputTokens / 2)));
  return { thinking: { type: 'enabled', budget_tokens: tokens }, ...effortField };
}

function effortOf(effort: string, levels: readonly string[]): JsonObject {
  if (levels.length === 0) return {};
  const level = levels.includes(effort) ? effort : effort === 'minimal' ? levels[0]! : levels.at(-1)!;
  return { output_config: { effort: level } };
}

export interface ChatAnswerForm {
  readonly format?: JsonObject;
  /** What has to be asked for in words, because there is no field for it. */
  readonly instruction?: string;
}

/** The form of the answer that `response_format` asks for. */
export function chatAnswerForm(
  request: JsonObject,
  { capabilities, dropped }: ChatSettingOptions,
): ChatAnswerForm {
  const asked = asObject(request.response_format);
  if (asked === undefined || asked.type === 'text') return {};
  const schema = asObject(asObject(asked.json_schema)?.schema);
  if (asked.type === 'json_schema' && schema !== undefined) {
    if (capabilities.strictSchemas && isStrictSchema(schema))
      return { format: { type: 'json_schema', schema } };
    dropped.add('response_format: the schema is part of the prompt, nothing enforces it');
    return {
      instruction: `Answer with one JSON object and nothing else. It has to fit this JSON schema:\n${jsonText(schema) ?? '{}'}`,
    };
  }
  dropped.add(
    `response_format of the kind ${quoted(asked.type)}: asked for in the prompt, nothing enforces it`,
  );
  return asked.type === 'json_object' ? { instruction: 'Answer with one JSON object and nothing else.' } : {};
}

/** Fields that are translated, or that only say how the answer shall travel. */
const known: ReadonlySet<string> = new Set([
  'model',
  'messages',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'max_tokens',
  'max_completion_tokens',
  'temperature',
  'top_p',
  'top_k',
  'stop',
  'stream',
  'stream_options',
  'reasoning_effort',
  'reasoning',
  'response_format',
]);

/** Why a field is left behind, in words. */
const reasons: Readonly<Record<string, string>> = {
  user: 'user: names the user, which another provider has no business with',
  safety_identifier: 'safety_identifier: names the user, which another provider has no business with',
  metadata: "metadata: notes for the client's own provider",
  store: "store: a place at the client's own provider",
  n: 'n: there is one answer only',
  seed: 'seed: the model takes none',
  logprobs: 'logprobs: the model tells none',
  top_logprobs: 'top_logprobs: the model tells none',
  logit_bias: 'logit_bias: the model takes none',
  frequency_penalty: 'frequency_penalty: the model takes none',
  presence_penalty: 'presence_penalty: the model takes none',
  service_tier: 'service_tier: a class of service that OpenAI sells',
  prediction: 'prediction: the model takes none',
  modalities: 'modalities: the model only writes',
  audio: 'audio: the model does not speak',
  verbosity: 'verbosity: the model takes none',
  prompt_cache_key: 'prompt_cache_key: a cache of OpenAI',
  web_search_options: 'web_search_options: OpenAI would search, another provider does not',
};

/** Values that ask for nothing. */
const nothings: Readonly<Record<string, unknown>> = {
  n: 1,
  logprobs: false,
  store: false,
  frequency_penalty: 0,
  presence_penalty: 0,
};

/** Names every field that is left behind, those of tomorrow included. */
export function listLeftChatFields(request: JsonObject, dropped: DroppedWords): void {
  for (const [key, value] of Object.entries(request)) {
    if (known.has(key) || value === null || value === undefined) continue;
    if (Object.hasOwn(nothings, key) && nothings[key] === value) continue;
    dropped.add(Object.hasOwn(reasons, key) ? reasons[key]! : `${quoted(key)}: unknown to other providers`);
  }
}
