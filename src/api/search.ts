import { z } from 'zod';
import { cursor, instant, lenientInteger } from './parameters.ts';
import { pricedRequest } from './request-shapes.ts';
import type { Route } from './route.ts';

const offset = lenientInteger(0, { min: 1, max: 1_000_000_000 }).describe(
  'Conversations to leave out first; default 0.',
);
const limit = lenientInteger(50, { min: 1, max: 200 }).describe(
  'Conversations at most, 1 to 200; default 50.',
);

const range = {
  since: instant.optional().describe('From this time on.'),
  before: instant.optional().describe('Before this time.'),
  tz: z
    .string()
    .max(64)
    .refine(isZone, 'is not a time zone: give a name such as Europe/Berlin')
    .optional()
    .describe('Time zone of days in the query, such as `Europe/Berlin`; default `UTC`.'),
};
const query = z.string().optional().describe('A query, see docs/search.md; everything when absent.');
const refused = { 400: 'The query is not understood; the answer says where and what to write instead.' };
const completeFrom = z
  .string()
  .nullable()
  .describe('What is older was not looked at, because the time was over; null when all was.');

const conversations = {
  method: 'GET',
  summary:
    'Conversations in which all the words are found, the best first. Knows phrases, `*`, OR and NOT, but no keys.',
  query: z.object({
    q: z.string().optional().describe('What to look for; required.'),
    project: z.string().optional().describe('Only conversations of this project, as `projectPath` has it.'),
    limit,
    offset,
  }),
  answer: {
    kind: 'json',
    schema: z.strictObject({
      query: z.string(),
      results: z.array(
        z.strictObject({
          conversationId: z.string(),
          projectName: z.string().describe('The same as `projectPath`.'),
          projectPath: z
            .string()
            .describe('Directory that the client made for the project; empty when there is no transcript.'),
          matchCount: z.number().describe('Different texts that match.'),
          lastActivity: z.string().describe('When the last thing in the conversation was said.'),
        }),
      ),
      total: z.number().describe('Conversations in which something was found.'),
      limit: z.number(),
      offset: z.number(),
    }),
  },
  statuses: { 400: '`q` is missing.' },
} as const satisfies Omit<Route, 'path'>;

/** Keys of the query language whose values are names. */
const suggestedKeys = [
  'model',
  'provider',
  'error',
  'agent',
  'session',
  'stop',
  'path',
  'tag',
  'ver',
  'status',
  'tool',
  'project',
  'route',
  'os',
  'beta',
] as const;

export const searchRoutes = {
  'search.conversations': { ...conversations, path: '/api/conversations/search' },
  'search.conversations.v2': { ...conversations, path: '/api/v2/conversations/search' },
  'search.texts': {
    method: 'GET',
    path: '/api/v2/search',
    summary: 'What was said, wherever it was said: texts that fit a query, by session, the best first.',
    query: z.object({
      q: z.string().describe('A query with at least one word; see docs/search.md.'),
      ...range,
      session: z.string().optional().describe('Only in this session.'),
      limit,
      offset,
    }),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        query: z.string().describe('The query as it was understood.'),
        sessions: z.array(
          z.strictObject({
            sessionId: z.string().nullable(),
            matches: z.number().describe('Different texts that match.'),
            lastMatch: z.string(),
            score: z.number().describe('Higher is better; only comparable within one answer.'),
            found: z.array(
              z.strictObject({
                source: z.enum(['wire', 'transcript']),
                requestId: z.string().nullable().describe('The request with which it was first sent.'),
                entry: z.number().nullable().describe('The entry of a transcript.'),
                at: z.string(),
                role: z.enum(['user', 'assistant']),
                kind: z.enum(['text', 'thinking', 'tool-input', 'tool-result', 'title']),
                snippet: z.strictObject({
                  text: z.string(),
                  highlights: z
                    .array(z.tuple([z.number(), z.number()]))
                    .describe('Where in the text it was found: begin and end in UTF-16 code units.'),
                }),
              }),
            ),
          }),
        ),
        total: z.number().describe('Sessions in which something was found.'),
        isComplete: z.boolean().describe('False when more may be found in what is older.'),
        limit: z.number(),
        offset: z.number(),
      }),
    },
    statuses: refused,
  },
  'search.requests': {
    method: 'GET',
    path: '/api/v2/requests/search',
    summary: 'One row for each request that fits a query, newest first, page by page with a cursor.',
    query: z.object({
      q: query,
      ...range,
      cursor,
      limit: lenientInteger(100, { min: 1, max: 1000 }).describe('Rows at most, 1 to 1000; default 100.'),
    }),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        query: z.string().describe('The query as it was understood.'),
        requests: z.array(pricedRequest),
        nextCursor: z
          .string()
          .nullable()
          .describe('Pass as `cursor` to go on; a page may be short and not be the last. Null at the end.'),
      }),
    },
    statuses: refused,
  },
  'search.export': {
    method: 'GET',
    path: '/api/v2/requests/export',
    summary:
      'All requests that fit a query, newest first, as a file: CSV for spreadsheets, a line of JSON for each, or an HTTP Archive with the bodies. Headers are as they were recorded, so without secrets; bodies are as they were sent.',
    query: z.object({
      format: z.enum(['csv', 'jsonl', 'har']).describe('`har` has the bodies, up to 8 MiB each.'),
      q: query,
      ...range,
      limit: lenientInteger(0, { min: 1, max: 100_000_000 }).describe('Rows at most; default all.'),
    }),
    answer: { kind: 'bytes' },
    statuses: { 400: 'The format is missing, or the query is not understood.' },
  },
  'search.histogram': {
    method: 'GET',
    path: '/api/v2/requests/histogram',
    summary: 'How many requests fit a query, and how many of them failed, by time.',
    query: z.object({
      q: query,
      ...range,
      bucket: lenientInteger(900, { min: 1, max: 31 * 86_400 }).describe('Seconds of a bucket; default 900.'),
    }),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        query: z.string(),
        bucketSeconds: z.number(),
        buckets: z
          .array(z.strictObject({ from: z.string(), requests: z.number(), failed: z.number() }))
          .describe('Those with requests, oldest first, in whole buckets since 1970.'),
        completeFrom,
      }),
    },
    statuses: refused,
  },
  'search.suggest': {
    method: 'GET',
    path: '/api/v2/suggest',
    summary: 'Values of a key among the requests that fit a query, with how many have each.',
    query: z.object({
      key: z.enum(suggestedKeys).describe('A key of the query language.'),
      prefix: z.string().optional().describe('How the value begins, without case.'),
      q: query,
      ...range,
      limit: lenientInteger(20, { min: 1, max: 200 }).describe('Values at most, 1 to 200; default 20.'),
    }),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        values: z.array(z.strictObject({ value: z.string(), requests: z.number() })),
        completeFrom,
      }),
    },
    statuses: refused,
  },
} as const satisfies Record<string, Route>;

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
