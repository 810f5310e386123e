import { z } from 'zod';
import { lenientInteger } from './parameters.ts';
import type { Route } from './route.ts';

export const projectRoutes = {
  'projects.list': {
    method: 'GET',
    path: '/api/v2/projects',
    summary:
      'Projects by the directories in which sessions worked, the last seen first, with what was recorded of their sessions.',
    query: z.object({
      limit: lenientInteger(100, { min: 1, max: 1000 }).describe('Projects at most, 1 to 1000; default 100.'),
      offset: lenientInteger(0, { min: 0, max: 10_000_000 }).describe('Projects to pass over.'),
    }),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        projects: z.array(
          z.strictObject({
            project: z
              .string()
              .nullable()
              .describe('Working directory; null for sessions that stand in no transcript.'),
            name: z.string().nullable().describe('Last part of it.'),
            projectPath: z
              .string()
              .nullable()
              .describe('Directory of the transcripts, as `projectPath` of sessions.'),
            sessions: z.number(),
            lastSeen: z.string().nullable(),
            requests: z.number().describe('Those that were recorded; so are all sums.'),
            inputTokens: z.number(),
            outputTokens: z.number(),
            cacheReadTokens: z.number(),
            cacheWriteTokens: z.number(),
            totalTokens: z.number(),
            costUsd: z.number().describe('Of those requests whose price is known.'),
            costUnknown: z.number().describe('Requests with tokens whose price is not known.'),
            errors: z.number(),
          }),
        ),
        total: z.number(),
        limit: z.number(),
        offset: z.number(),
      }),
    },
    statuses: {},
  },
} as const satisfies Record<string, Route>;
