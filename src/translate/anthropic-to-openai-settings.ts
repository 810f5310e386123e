import { asArray, asCount, asObject, type JsonObject } from '#formats';
import type { ModelCapabilities } from './capabilities.ts';
import { type DroppedWords, quoted } from './dropped-words.ts';
import { jsonText } from './exact-json.ts';
import { isStrictSchema } from './json-schema.ts';

interface SettingOptions {
  readonly capabilities: ModelCapabilities;
  readonly dropped: DroppedWords;
}

/** Limits and sampling: what a number or a short list says. */
export function samplingFields(request: JsonObject, { capabilities, dropped }: SettingOptions): JsonObject {
  return {
    ...outputLimit(request.max_tokens, capabilities, dropped),
    ...number('temperature', request.temperature, capabilities.temperature, dropped),
    ...number('top_p', request.top_p, capabilities.topP, dropped),
    ...number('top_k', request.top_k, capabilities.topK === true, dropped),
    ...stopField(request.stop_sequences, capabilities, dropped),
  };
}

function outputLimit(asked: unknown, capabilities: ModelCapabilities, dropped: DroppedWords): JsonObject {
  const tokens = asCount(asked);
  if (tokens === undefined) return {};
  const max = capabilities.maxOutputTokens ?? tokens;
  if (tokens > max) dropped.add(`max_tokens ${tokens}: the model writes ${max} at most`);
  return { [capabilities.maxTokensField]: Math.min(tokens, max) };
}

function number(key: string, value: unknown, isTaken: boolean, dropped: DroppedWords): JsonObject {
  if (typeof value !== 'number') return {};
  if (isTaken) return { [key]: value };
  dropped.add(`${key}: the model takes none`);
  return {};
}

function stopField(asked: unknown, capabilities: ModelCapabilities, dropped: DroppedWords): JsonObject {
  const sequences = asArray(asked).filter((item) => typeof item === 'string' && item !== '');
  if (sequences.length === 0) return {};
  const max = capabilities.stop ? (capabilities.stopMax ?? sequences.length) : 0;
  const left = sequences.length - max;
  if (max === 0) dropped.add('stop_sequences: the model takes none');
  else if (left > 0) dropped.add(`stop_sequences: the provider takes ${max} at most, ${left} left out`);
  return max === 0 ? {} : { stop: sequences.slice(0, max) };
}

export interface AnswerForm {
  readonly fields: JsonObject;
  /** What has to be asked for in words, because there is no field for it. */
  readonly instruction?: string;
}

/** The JSON schema the answer has to fit, from `output_config.format` or its older place. */
export function answerForm(request: JsonObject, { capabilities, dropped }: SettingOptions): AnswerForm {
  const format = asObject(asObject(request.output_config)?.format) ?? asObject(request.output_format);
  if (format === undefined) return { fields: {} };
  const schema = asObject(format.schema);
  if (format.type !== 'json_schema' || schema === undefined) {
    dropped.add(`output_config.format of the kind ${quoted(format.type)}`);
    return { fields: {} };
  }
  const kind = capabilities.answerFormat ?? 'json_schema';
  if (kind === 'json_schema') return { fields: { response_format: schemaFormat(schema, capabilities) } };
  dropped.add('output_config.format: the schema is part of the prompt, nothing enforces it');
  return {
    fields: kind === 'json_object' ? { response_format: { type: 'json_object' } } : {},
    instruction: `Answer with one JSON object and nothing else. It has to fit this JSON schema:\n${jsonText(schema) ?? '{}'}`,
  };
}

function schemaFormat(schema: JsonObject, { strictTools }: ModelCapabilities): JsonObject {
  const strict = strictTools && isStrictSchema(schema) ? { strict: true } : {};
  return { type: 'json_schema', json_schema: { name: 'answer', schema, ...strict } };
}

/** Fields that are translated, or say nothing to another provider: where a cache may begin is no content. */
const known: ReadonlySet<string> = new Set([
  'model',
  'messages',
  'system',
  'tools',
  'tool_choice',
  'max_tokens',
  'temperature',
  'top_p',
  'top_k',
  'stop_sequences',
  'stream',
  'thinking',
  'output_config',
  'output_format',
  'cache_control',
]);

/** Why a field is left behind, in words. */
const reasons: Readonly<Record<string, string>> = {
  metadata: 'metadata: names the device and the account, which another provider has no business with',
  safeguards: "safeguards: only Anthropic's own check of dangerous calls knows them",
  diagnostics: 'diagnostics: a matter between the client and Anthropic',
  context_management: 'context_management: the provider does not edit the conversation',
  compaction: 'compaction: the provider does not summarise the conversation',
  service_tier: 'service_tier: a class of service that Anthropic sells',
  speed: 'speed: a class of service that Anthropic sells',
  container: "container: a place on Anthropic's machines",
  mcp_servers: 'mcp_servers: Anthropic would call them, another provider does not',
  fallbacks: 'fallbacks: models of Anthropic',
  thread: "thread: a conversation that is kept on Anthropic's side",
  inference_geo: 'inference_geo: a place where Anthropic computes',
  betas: 'betas: features of Anthropic',
};

/** Names every field that is left behind, those of tomorrow included. */
export function listLeftFields(request: JsonObject, dropped: DroppedWords): void {
  for (const [key, value] of Object.entries(request)) {
    if (known.has(key) || value === null || value === undefined) continue;
    dropped.add(Object.hasOwn(reasons, key) ? reasons[key]! : `${quoted(key)}: unknown to other providers`);
  }
  const { effort: _effort, format: _format, ...others } = asObject(request.output_config) ?? {};
  for (const key of Object.keys(others))
    dropped.add(`output_config.${quoted(key)}: unknown to other providers`);
}
