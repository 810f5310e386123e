import { z } from 'zod';
import { outlineBlock } from './blocks.ts';
import { cursor as anyCursor, instant, lenientInteger } from './parameters.ts';
import { pricedRequest } from './request-shapes.ts';
import type { Route } from './route.ts';

const time = z.string().describe('RFC 3339, UTC, with milliseconds.');
const cursor = anyCursor.describe('What an earlier page gave as the next cursor.');
const nextCursor = z
  .string()
  .nullable()
  .describe('Pass as `cursor` for the next page; null on the last one.');
const unknownSession = 'Neither a recorded request nor a transcript has this session.';
const costUsd = z.number().describe('Of those requests whose price is known.');

const sums = {
  requests: z.number(),
  errors: z
    .number()
    .describe('Requests with an error status, an error in the stream, or an answer that did not come whole.'),
  inputTokens: z.number().describe('Without what was read from or written to a cache.'),
  outputTokens: z.number(),
  cacheReadTokens: z.number(),
  cacheWriteTokens: z.number(),
  thinkingTokens: z.number(),
  costUsd,
  costUnknown: z.number().describe('Requests with tokens whose price is not known.'),
};

const session = z
  .strictObject({
    sessionId: z.string(),
    startTime: time,
    lastActivity: time,
    wire: z
      .strictObject({ ...sums, agents: z.number().describe('Beside the main one.') })
      .nullable()
      .describe('What was recorded; null when nothing was.'),
    transcript: z
      .strictObject({
        kind: z.string().describe('`claude` or `codex`.'),
        projectPath: z.string().describe('Directory that the client made for the project.'),
        cwd: z.string().nullable(),
        title: z.string().nullable(),
        firstMessage: z.string().nullable(),
        lines: z.number(),
      })
      .nullable()
      .describe('What the transcript says; null when there is none. It knows no times of answers.'),
    files: z.number().describe('Files that its agents worked on.'),
  })
  .meta({ id: 'Session' });

const agent = z.strictObject({
  agentId: z.string().nullable().describe('Null for the main one.'),
  parentAgentId: z.string().nullable(),
  name: z.string().nullable(),
  startTime: time,
  lastActivity: time,
  ...sums,
});

const touch = z.strictObject({
  path: z.string(),
  tool: z.string(),
  access: z.enum(['read', 'write', 'search', 'other']),
  time,
  toolUseId: z.string(),
  sessionId: z.string().nullable(),
  agentId: z.string().nullable(),
  requestId: z.string().nullable().describe('The request whose answer made the call.'),
  entry: z.number().nullable().describe('Entry of a transcript, when the call was found only there.'),
});

export const sessionRoutes = {
  'sessions.list': {
    method: 'GET',
    path: '/api/v2/sessions',
    summary: 'Sessions, whether they were recorded, have a transcript or both; the one active last first.',
    query: z.object({
      project: z.string().optional().describe('Only those of this project, as `projectPath` has it.'),
      cursor,
      limit: lenientInteger(50, { min: 1, max: 200 }).describe('Sessions at most, 1 to 200; default 50.'),
    }),
    answer: { kind: 'json', schema: z.strictObject({ sessions: z.array(session), nextCursor }) },
    statuses: { 400: 'The cursor is not one of ours.' },
  },
  'sessions.one': {
    method: 'GET',
    path: '/api/v2/sessions/{id}',
    summary: 'One session with its agents and models.',
    query: z.object({}),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        ...session.shape,
        agents: z
          .array(agent)
          .describe(
            'In the order in which they began, the main one among them; `parentAgentId` makes a tree of them.',
          ),
        models: z.array(z.strictObject({ model: z.string().nullable(), ...sums })),
      }),
    },
    statuses: { 404: unknownSession },
  },
  'sessions.thread': {
    method: 'GET',
    path: '/api/v2/sessions/{id}/thread',
    summary:
      'What happened in a session, oldest first: entries of its transcript, each with the recorded request that it came from, and requests that no transcript has.',
    query: z.object({
      agent: z.string().optional().describe('Only of this agent; `main` for the main one.'),
      cursor,
      limit: lenientInteger(50, { min: 1, max: 200 }).describe(
        'Things to look at for a page, 1 to 200; default 50.',
      ),
    }),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        sessionId: z.string(),
        items: z
          .array(
            z.discriminatedUnion('kind', [
              z.strictObject({
                kind: z.literal('entry'),
                entry: z.number(),
                time,
                type: z.string().describe('Type of the line.'),
                subtype: z
                  .string()
                  .nullable()
                  .describe('Of lines of the system, such as `compact_boundary`.'),
                role: z.string().nullable(),
                agentId: z.string().nullable(),
                uuid: z.string().nullable(),
                isMeta: z.boolean().describe('The client wrote it for the model, not for people.'),
                requestId: z.string().nullable().describe('The recorded request whose answer it is part of.'),
                blocks: z.array(
                  z.strictObject({
                    kind: z.enum(['text', 'thinking', 'title', 'tool-use', 'tool-result']),
                    text: z.string(),
                    isCut: z.boolean(),
                    toolName: z.string().nullable(),
                    toolUseId: z.string().nullable(),
                  }),
                ),
              }),
              z.strictObject({
                kind: z.literal('request'),
                time,
                agentId: z.string().nullable(),
                requestId: z.string(),
                blocks: z
                  .array(outlineBlock)
                  .describe('What is new in it since the request before of the same agent, and its answer.'),
                problems: z.array(z.string()),
              }),
            ]),
          )
          .describe('A page may be short, or empty, and not be the last.'),
        requests: z.record(z.string(), pricedRequest).describe('By id, those that items name.'),
        nextCursor,
      }),
    },
    statuses: { 400: 'The cursor is not one of ours.', 404: unknownSession },
  },
  'files.list': {
    method: 'GET',
    path: '/api/v2/files',
    summary: 'Files that agents worked on with their tools, the one touched last first.',
    query: z.object({
      contains: z.string().optional().describe('Part of the path, without case.'),
      cursor,
      limit: lenientInteger(100, { min: 1, max: 1000 }).describe('Files at most, 1 to 1000; default 100.'),
    }),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        files: z.array(
          z.strictObject({
            path: z.string(),
            reads: z.number(),
            writes: z.number(),
            sessions: z.number(),
            lastTouched: time,
          }),
        ),
        nextCursor,
      }),
    },
    statuses: { 400: 'The cursor is not one of ours.' },
  },
  'files.touches': {
    method: 'GET',
    path: '/api/v2/files/touches',
    summary: 'Calls of tools that worked on a file, or those of a session, newest first.',
    query: z.object({
      path: z.string().optional().describe('The whole path, as the tool was given it.'),
      session: z.string().optional().describe('Session id. One of the two is required.'),
      since: instant.optional().describe('From this time on.'),
      before: instant.optional().describe('Before this time.'),
      cursor,
      limit: lenientInteger(100, { min: 1, max: 1000 }).describe('Calls at most, 1 to 1000; default 100.'),
    }),
    answer: { kind: 'json', schema: z.strictObject({ touches: z.array(touch), nextCursor }) },
    statuses: { 400: 'Neither `path` nor `session` is given, or the cursor is not one of ours.' },
  },
} as const satisfies Record<string, Route>;
