import { z } from 'zod';
import { optionalSetting, setting } from './setting.ts';
import { flag, listOf, oneOf, text, wholeNumber } from './setting-readers.ts';

const preference = oneOf('cost', 'speed', 'quality', 'balanced');
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

/** Preferences among providers: checked, shown and kept, but not applied yet. */
export const routingSchema = z.strictObject({
  preferences: z
    .strictObject({
      default: setting(preference, {
        default: 'balanced',
        meaning: 'What matters when several providers could answer. Not applied yet.',
      }),
    })
    .prefault({}),
  tasks: z
    .record(
      z.string(),
      z.strictObject({
        preference: optionalSetting(preference, { meaning: 'What matters for tasks of this name.' }),
        providers: optionalSetting(listOf(text), {
          meaning: 'Providers for tasks of this name, best first.',
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
