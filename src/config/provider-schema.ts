import { z } from 'zod';
import { optionalSetting, setting } from './setting.ts';
import { duration, flag, oneOf, text, wholeNumber } from './setting-readers.ts';

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
  api_key: optionalSetting(text, {
    env: ['OPENAI_API_KEY'],
    secret: true,
    meaning: "Sent instead of the client's own credential.",
  }),
  auth: optionalSetting(oneOf('client', 'key', 'none'), {
    meaning:
      "Whose credential it gets: the client's, `api_key`, none. Without it: `key` when there is one, otherwise `client` for the default provider and `none` for all others.",
  }),
  version: optionalSetting(text, {
    env: ['ANTHROPIC_VERSION'],
    meaning: '`anthropic-version` that is added when the client sent none.',
  }),
  ca_file: optionalSetting(text, { meaning: 'PEM file of additional certificate authorities.' }),
  max_retries: setting(wholeNumber(0, 10), {
    default: 0,
    env: ['ANTHROPIC_MAX_RETRIES'],
    meaning: 'Tries after the first; 0 means none. Clients retry by themselves. Not applied yet.',
  }),
  fallback_provider: optionalSetting(text, {
    meaning: 'Provider that takes over when this one fails. Not applied yet.',
  }),
  circuit_breaker: z
    .strictObject({
      enabled: setting(flag, {
        default: false,
        meaning: 'Stop asking a provider that keeps failing. Not applied yet.',
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
