import { z } from 'zod';
import { fallbackChain, retryCauses } from './resilience-readers.ts';
import { optionalSetting, setting } from './setting.ts';
import { duration, flag, text, wholeNumber } from './setting-readers.ts';

/** Keys of a provider that say what is done when it fails. */
export const resilienceKeys = {
  max_retries: setting(wholeNumber(0, 10), {
    default: 0,
    env: ['ANTHROPIC_MAX_RETRIES'],
    meaning: 'Tries after the first when it fails; 0 means none. Clients retry by themselves.',
  }),
  retries: z
    .strictObject({
      max: optionalSetting(wholeNumber(0, 10), { meaning: 'Instead of `max_retries`.' }),
      on: setting(retryCauses, {
        default: [429, 500, 502, 503, 504, 529, 'connection'],
        meaning: 'What is retried: statuses, `connection`, and `timeout` for a provider that stays silent.',
      }),
      max_wait: setting(duration, {
        default: '30s',
        meaning:
          'Longest wait for one request, all pauses together. A `Retry-After` beyond it goes to the client.',
      }),
    })
    .prefault({}),
  fallback: optionalSetting(fallbackChain, {
    meaning:
      'Who takes over when this one fails, in order: a list of `provider` or `provider:model`. A rule may have its own.',
  }),
  fallback_provider: optionalSetting(text, {
    meaning:
      'Provider that takes over, and its own `fallback_provider` after it, unless there is a `fallback`.',
  }),
  fallback_stay: setting(duration, {
    default: 0,
    meaning: 'How long a session stays with who took over; 0 means until the end of its turn.',
  }),
  circuit_breaker: z
    .strictObject({
      enabled: setting(flag, {
        default: false,
        meaning: 'Stop asking a provider for a model that keeps failing.',
      }),
      max_failures: setting(wholeNumber(1, 1000), {
        default: 5,
        meaning: 'Failures in a row that open the breaker.',
      }),
      timeout: setting(duration, { default: '30s', meaning: 'Pause before the provider is tried again.' }),
    })
    .prefault({}),
};
