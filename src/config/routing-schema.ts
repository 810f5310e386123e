import { z } from 'zod';
import { preference } from './preference.ts';
import { optionalSetting, setting } from './setting.ts';
import { flag, listOf, text, wholeNumber } from './setting-readers.ts';

const grade = wholeNumber(1, 10);

/** Which model answers for which subagent. */
export const subagentsSchema = z.strictObject({
  enable: setting(flag, {
    default: false,
    meaning: 'Send the subagents below to other models.',
  }),
  mappings: z
    .record(z.string(), optionalSetting(text, { meaning: '`provider:model` for the subagent of this name.' }))
    .prefault({}),
});

/** What decides among the providers that share the work of a rule. */
export const routingSchema = z.strictObject({
  preferences: z
    .strictObject({
      default: setting(preference, {
        default: 'balanced',
        meaning:
          'What matters when several providers share the work of a rule: `cost`, `speed`, `quality` or `balanced`.',
      }),
    })
    .prefault({}),
  tasks: z
    .record(
      z.string(),
      z.strictObject({
        preference: optionalSetting(preference, {
          meaning: 'What matters for rules with `to: { task: … }` of this name.',
        }),
        providers: optionalSetting(listOf(text), {
          meaning: 'Providers that share such tasks; without it all do.',
        }),
      }),
    )
    .prefault({}),
  provider_profiles: z
    .record(
      z.string(),
      z.strictObject({
        speed: optionalSetting(grade, { meaning: 'How fast this provider is, 1 to 10.' }),
        cost: optionalSetting(grade, { meaning: 'How cheap this provider is, 1 to 10.' }),
        quality: optionalSetting(grade, { meaning: 'How good this provider is, 1 to 10.' }),
      }),
    )
    .prefault({}),
});
