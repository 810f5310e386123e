import { z } from 'zod';
import { headerValue, keyList, keyText, maskLogin, proxyAddress, queryValue } from './provider-readers.ts';
import { retryCauses } from './retry-causes.ts';
import { optionalSetting, setting } from './setting.ts';
import { duration, flag, listOf, oneOf, text, wholeNumber } from './setting-readers.ts';

/** What is known about a model by its name may be wrong, or the provider may have a name of its own for it. */
const modelSchema = z.strictObject({
  name: optionalSetting(text, { meaning: 'Name that the provider knows the model by.' }),
  max_tokens_field: optionalSetting(oneOf('max_tokens', 'max_completion_tokens'), {
    meaning: 'Field of the limit on the answer.',
  }),
  max_output_tokens: optionalSetting(wholeNumber(1, 100_000_000), {
    meaning: 'Most tokens of one answer; higher limits of clients are lowered to it.',
  }),
  temperature: optionalSetting(flag, { meaning: 'Whether it takes `temperature`.' }),
  top_p: optionalSetting(flag, { meaning: 'Whether it takes `top_p`.' }),
  top_k: optionalSetting(flag, { meaning: 'Whether it takes `top_k`.' }),
  stop: optionalSetting(flag, { meaning: 'Whether it takes stop sequences.' }),
  stop_max: optionalSetting(wholeNumber(1, 10_000), { meaning: 'Most stop sequences.' }),
  images: optionalSetting(flag, { meaning: 'Whether it takes images.' }),
  documents: optionalSetting(flag, { meaning: 'Whether it takes PDF files.' }),
  tools: optionalSetting(flag, { meaning: 'Whether it can call tools.' }),
  parallel_tools: optionalSetting(flag, { meaning: 'Whether it knows `parallel_tool_calls`.' }),
  tool_choice: optionalSetting(oneOf('all', 'auto'), {
    meaning: '`auto`: it cannot be made to call a tool.',
  }),
  tools_max: optionalSetting(wholeNumber(1, 100_000), { meaning: 'Most tools.' }),
  tool_description_max: optionalSetting(wholeNumber(1, 1_000_000), {
    meaning: "Most characters of a tool's description.",
  }),
  strict_tools: optionalSetting(flag, { meaning: 'Whether it knows `strict` schemas.' }),
  reasoning_effort: optionalSetting(oneOf('none', 'openai'), {
    meaning: '`openai`: it takes `reasoning_effort`.',
  }),
  effort_levels: optionalSetting(listOf(text), {
    meaning: 'Levels of effort that it takes, from low to high.',
  }),
  stream_usage: optionalSetting(flag, { meaning: 'Whether it knows `stream_options.include_usage`.' }),
  system_role: optionalSetting(oneOf('system', 'developer'), { meaning: 'Role of the system prompt.' }),
});

/**
 * One entry of `providers`. What depends on other keys (required keys, addresses, fallbacks) is checked by
 * `provider-rules.ts`, so that one mistake does not hide another.
 */
export const providerSchema = z.strictObject({
  format: optionalSetting(text, {
    meaning: 'Wire format: `anthropic` or `openai`. Required, except for `anthropic`.',
  }),
  base_url: optionalSetting(text, {
    env: ['ANTHROPIC_FORWARD_URL', 'OPENAI_BASE_URL'],
    meaning: 'Address of the provider, `https://host[:port][/path]`. Required, except for `anthropic`.',
  }),
  allow_http: setting(flag, { default: false, meaning: 'Permit plain `http://` to another machine.' }),
  api_key: optionalSetting(keyText, {
    env: ['OPENAI_API_KEY'],
    secret: true,
    meaning: "Sent instead of the client's own credential.",
  }),
  api_key_file: optionalSetting(text, {
    meaning: 'File with the key alone, read at every start and reload; relative to the configuration file.',
  }),
  api_keys: optionalSetting(keyList, {
    secret: true,
    meaning: 'Several keys that share the work: texts, or `{ key, weight }`, or `{ file, weight }`.',
  }),
  api_key_header: optionalSetting(oneOf('authorization', 'x-api-key', 'api-key', 'x-goog-api-key'), {
    meaning:
      'Header that carries the key. Without it: `authorization` for the OpenAI format, `x-api-key` for Anthropic.',
  }),
  api_key_origin: optionalSetting(text, {
    meaning:
      'Origin that the key is given for, `https://host[:port]`. Needed once when a key that was used for another address is to be sent to this one.',
  }),
  auth: optionalSetting(oneOf('client', 'key', 'none'), {
    meaning:
      "Whose credential it gets: the client's, `api_key`, none. Without it: `key` when there is one, otherwise `client` for the default provider and `none` for all others.",
  }),
  version: optionalSetting(text, {
    env: ['ANTHROPIC_VERSION'],
    meaning: '`anthropic-version` that is added when the client sent none.',
  }),
  headers: z
    .record(
      z.string(),
      optionalSetting(headerValue, {
        secret: true,
        meaning: "Further header of every request, in the place of the client's of this name.",
      }),
    )
    .prefault({}),
  query: z
    .record(
      z.string(),
      optionalSetting(queryValue, {
        secret: true,
        meaning: 'Added to the query of every request, for example `api-version`.',
      }),
    )
    .prefault({}),
  proxy: optionalSetting(proxyAddress, {
    masked: maskLogin,
    meaning:
      'HTTP proxy on the way to this provider, `http://[user:password@]host:port`, or `none`. Variables such as `HTTPS_PROXY` are not looked at.',
  }),
  ca_file: optionalSetting(text, {
    meaning: 'PEM file of additional certificate authorities; relative to the configuration file.',
  }),
  timeouts: z
    .strictObject({
      connect: optionalSetting(duration, { meaning: 'Instead of `server.timeouts.upstream_connect`.' }),
      first_byte: optionalSetting(duration, { meaning: 'Instead of `server.timeouts.upstream_first_byte`.' }),
      idle: optionalSetting(duration, { meaning: 'Instead of `server.timeouts.upstream_idle`.' }),
    })
    .prefault({}),
  models: z.record(z.string(), modelSchema).prefault({}),
  max_retries: setting(wholeNumber(0, 10), {
    default: 0,
    env: ['ANTHROPIC_MAX_RETRIES'],
    meaning:
      'Tries after the first, before the client has been told anything; 0 means none. Clients retry by themselves.',
  }),
  retries: z
    .strictObject({
      on: setting(retryCauses, {
        default: [429, 500, 502, 503, 504, 529, 'no-answer'],
        meaning: 'What is tried again: statuses, and `no-answer` for connections that brought none.',
      }),
      max_wait: setting(duration, {
        default: '30s',
        meaning:
          'All waits of one request together, `0` for none; a longer `Retry-After` goes to the client.',
      }),
    })
    .prefault({}),
  fallback_provider: optionalSetting(text, {
    meaning: 'Provider that takes over when this one fails; its own `fallback_provider` comes after it.',
  }),
  fallback: optionalSetting(listOf(text), {
    meaning:
      'Who takes over when this one fails, in this order, `provider` or `provider:model`; instead of `fallback_provider`.',
  }),
  circuit_breaker: z
    .strictObject({
      enabled: setting(flag, {
        default: false,
        meaning: 'Stop asking a provider, or a model of it, that keeps failing.',
      }),
      max_failures: setting(wholeNumber(1, 1000), {
        default: 5,
        meaning: 'Failures in a row that open the breaker.',
      }),
      timeout: setting(duration, { default: '30s', meaning: 'Pause before the provider is tried again.' }),
    })
    .prefault({}),
});

export type ReadProvider = z.infer<typeof providerSchema>;
