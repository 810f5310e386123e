import { z } from 'zod';
import { exchangeOutcomes } from '#exchange';
import { parseInstant } from './instant.ts';

/** Longest value of a parameter, in characters. */
export const parameterCharactersMax = 1024;
/** Most parameters of one query. */
export const parametersMax = 32;

/** An instant; the parsed value is in milliseconds since 1970. */
export const instant = z.string().transform((text, context) => {
  const ms = parseInstant(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: 'is not a time: give RFC 3339 or milliseconds since 1970' });
  return z.NEVER;
});

/**
 * A whole number that older clients may send in any shape: what does not parse or lies outside the bounds counts as
 * absent.
 */
export function lenientInteger(fallback: number, bounds: { min: number; max: number }) {
  return z
    .string()
    .optional()
    .transform((text) => {
      const value = text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= bounds.min && value <= bounds.max ? value : fallback;
    });
}

/** A status or a class of statuses; the parsed value is half open. */
const statusRange = z.string().transform((text, context) => {
  if (text === 'error') return { from: 400, below: 1000 };
  if (/^[1-5]xx$/.test(text)) return { from: Number(text[0]) * 100, below: Number(text[0]) * 100 + 100 };
  if (/^[1-9]\d\d$/.test(text)) return { from: Number(text), below: Number(text) + 1 };
  context.addIssue({ code: 'custom', message: 'is not a status: give 429, 5xx or error' });
  return z.NEVER;
});

/** Which requests a list shows; every condition must hold. */
export const requestFilter = {
  model: z.string().optional().describe('Part of the model the client asked for, without case; `all` = any.'),
  start: instant.optional().describe('From this time on. Only together with `end`.'),
  end: instant.optional().describe('Before this time. Only together with `start`.'),
  since: instant.optional().describe('From this time on.'),
  before: instant.optional().describe('Before this time.'),
  provider: z.string().optional().describe('Name of the provider.'),
  session: z.string().optional().describe('Session id.'),
  agent: z.string().optional().describe('Agent id.'),
  tag: z.string().optional().describe('Tag of a `/p/<tag>/v1/…` address.'),
  path: z.string().optional().describe('Path, for example `/v1/messages`.'),
  status: statusRange.optional().describe('`429`, `5xx`, or `error` for everything from 400 on.'),
  outcome: z
    .enum(exchangeOutcomes)
    .optional()
    .describe(`One of \`${exchangeOutcomes.join('`, `')}\`.`),
};

/** Where a page begins: what an earlier answer called the next cursor. */
export const cursor = z
  .string()
  .optional()
  .describe('What an earlier page gave as the next cursor; `offset` is ignored then.');

const zoneCharactersMax = 64;

/** A time zone that this machine knows. */
export const timeZone = z
  .string()
  .max(zoneCharactersMax)
  .refine(isTimeZone, 'is not a time zone: give a name such as Europe/Berlin')
  .default('UTC')
  .describe('Time zone of days and hours, such as `Europe/Berlin`; default `UTC`.');

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}
