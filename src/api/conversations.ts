import { z } from 'zod';
import { lenientInteger } from './parameters.ts';
import type { Route } from './route.ts';

const time = z.string().describe('RFC 3339, UTC, with milliseconds.');
const project = z.string().describe('Name of the directory of the transcripts, such as `-home-me-app`.');
const whichProject = z
  .string()
  .optional()
  .describe('Name of the directory of the transcripts; required. It is compared, never used as a path.');
const unknownConversation = 'No conversation has this id.';

const listed = z
  .strictObject({
    id: z.string(),
    projectName: project,
    startTime: time,
    lastActivity: time,
    duration: z.number().describe('Milliseconds.'),
    firstMessage: z.string().describe('What the user said first, at most 200 characters and `...`.'),
    requestCount: z.number().describe('Lines of the transcript, of whatever type.'),
  })
  .meta({ id: 'ConversationSummary' });

const indexed = z
  .strictObject({
    id: z.string(),
    projectPath: project,
    projectName: project,
    startTime: time,
    lastActivity: time,
    requestCount: z.number().describe('Lines of the transcript, of whatever type.'),
    messageCount: z.number().describe('The same.'),
    title: z.string().optional(),
    cwd: z.string().optional().describe('The working directory as the transcript has it.'),
    firstMessage: z.string().optional(),
    kind: z.enum(['claude', 'codex']).describe('Whose transcript it is.'),
  })
  .meta({ id: 'IndexedConversation' });

const line = z
  .strictObject({
    parentUuid: z.string().nullable(),
    isSidechain: z.boolean(),
    userType: z.string(),
    cwd: z.string(),
    sessionId: z.string(),
    version: z.string(),
    gitBranch: z.string().optional(),
    agentId: z.string().optional(),
    requestId: z.string().optional(),
    type: z.string(),
    message: z.unknown().describe('As in the transcript; null when the line has none.'),
    uuid: z.string(),
    timestamp: z.string(),
    isMeta: z.boolean().optional(),
  })
  .meta({ id: 'ConversationLine' });

const conversation = z
  .strictObject({
    sessionId: z.string(),
    projectPath: project,
    projectName: project,
    messages: z.array(line).describe('Lines of every type, in the order of the file.'),
    startTime: time,
    endTime: time,
    messageCount: z.number(),
    truncated: z.boolean().optional().describe('True when there is more than fits in 64 MiB.'),
  })
  .meta({ id: 'Conversation' });

const message = z
  .strictObject({
    uuid: z.string(),
    conversationId: z.string(),
    parentUuid: z.string().optional(),
    type: z.string(),
    role: z.string().optional(),
    timestamp: z.string(),
    cwd: z.string().optional(),
    gitBranch: z.string().optional(),
    sessionId: z.string().optional(),
    agentId: z.string().optional(),
    requestId: z.string().optional(),
    model: z.string().optional(),
    isSidechain: z.boolean(),
    inputTokens: z.number().optional(),
    outputTokens: z.number().optional(),
    cacheReadTokens: z.number().optional(),
    cacheCreationTokens: z.number().optional(),
    content: z.unknown().optional().describe('The whole `message` of the line.'),
  })
  .meta({ id: 'ConversationMessage' });

export const joinRate = z.strictObject({
  answers: z.number().describe('Answers in transcripts, each once.'),
  matched: z.number().describe('Those of them that were recorded.'),
  match_rate: z.number().nullable().describe('0 to 1; null without answers.'),
  recorded_sessions: z
    .strictObject({ answers: z.number(), matched: z.number(), match_rate: z.number().nullable() })
    .describe('The same, only of sessions of which something was recorded.'),
  mismatched: z.number().describe('Matched answers whose tokens differ.'),
});

const tokens = z
  .strictObject({
    inputTokens: z.number().nullable(),
    outputTokens: z.number().nullable(),
    cacheReadTokens: z.number().nullable(),
    cacheWriteTokens: z.number().nullable(),
  })
  .describe('null: not known.');

const absence = z
  .enum(['helper', 'aborted', 'failed', 'double', 'other'])
  .describe(
    '`helper`: titles, classifiers, compaction, counting. `failed`: an error, often tried again. `double`: the same answer or the same request once more.',
  );

export const conversationRoutes = {
  'conversations.list': {
    method: 'GET',
    path: '/api/conversations',
    summary: 'Conversations of transcripts, the latest first, page by page.',
    query: z.object({
      page: lenientInteger(1, { min: 1, max: 1_000_000 }).describe('From 1.'),
      limit: lenientInteger(10, { min: 1, max: 1000 }).describe('Rows at most, 1 to 1000; default 10.'),
      model: z.string().optional().describe('Accepted and without effect.'),
    }),
    answer: { kind: 'json', schema: z.strictObject({ conversations: z.array(listed) }) },
    statuses: {},
  },
  'conversations.project': {
    method: 'GET',
    path: '/api/conversations/project',
    summary:
      'Conversations of one project with all of their lines, the latest first; at most 100, and 64 MiB in all.',
    query: z.object({ project: whichProject }),
    answer: { kind: 'json', schema: z.array(conversation) },
    statuses: { 400: 'The project is missing.' },
  },
  'conversations.one': {
    method: 'GET',
    path: '/api/conversations/{id}',
    summary: 'One conversation with all of its lines.',
    query: z.object({ project: whichProject }),
    answer: { kind: 'json', schema: conversation },
    statuses: { 400: 'The project is missing.', 404: unknownConversation },
  },
  'conversations.list.v2': {
    method: 'GET',
    path: '/api/v2/conversations',
    summary: 'Conversations of transcripts, the latest first, as a bare array.',
    query: z.object({
      project: z.string().optional().describe('Only those of this project.'),
      limit: lenientInteger(100, { min: 1, max: 1000 }).describe('Rows at most, 1 to 1000; default 100.'),
      offset: lenientInteger(0, { min: 0, max: 10_000_000 }).describe('Rows to pass over.'),
    }),
    answer: { kind: 'json', schema: z.array(indexed) },
    statuses: {},
  },
  'conversations.one.v2': {
    method: 'GET',
    path: '/api/v2/conversations/{id}',
    summary: 'One conversation with all of its lines.',
    query: z.object({}),
    answer: { kind: 'json', schema: conversation },
    statuses: { 404: unknownConversation },
  },
  'conversations.messages': {
    method: 'GET',
    path: '/api/v2/conversations/{id}/messages',
    summary: 'Messages of a conversation in the order of their times; an unknown one has none.',
    query: z.object({
      limit: lenientInteger(100, { min: 1, max: 1000 }).describe('Messages at most, 1 to 1000; default 100.'),
      offset: lenientInteger(0, { min: 0, max: 10_000_000 }).describe('Messages to pass over.'),
      include_subagents: z.string().optional().describe('`true` adds the messages of its agents.'),
    }),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        conversationId: z.string(),
        messages: z.array(message),
        total: z.number(),
        limit: z.number(),
        offset: z.number(),
      }),
    },
    statuses: {},
  },
  'conversations.usage': {
    method: 'GET',
    path: '/api/v2/conversations/{id}/usage',
    summary:
      'Tokens of a session by its transcripts: each answer once, however many lines and forks repeat it, and with the session that asked.',
    query: z.object({}),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        answers: z.number(),
        inputTokens: z.number().describe('Without cached tokens.'),
        outputTokens: z.number(),
        cacheReadTokens: z.number(),
        cacheWriteTokens: z.number(),
      }),
    },
    statuses: {},
  },
  'conversations.reindex': {
    method: 'POST',
    path: '/api/v2/conversations/reindex',
    summary: 'Looks at all transcripts now. What was read is not read again.',
    query: z.object({}),
    answer: { kind: 'json', schema: z.strictObject({ message: z.string(), status: z.literal('ok') }) },
    statuses: { 400: 'The request has neither JSON content type nor our header.' },
  },
  'conversations.join': {
    method: 'GET',
    path: '/api/v2/transcripts/join',
    summary:
      'How answers in transcripts meet those that were recorded, which of either have no other, and where the two say something different.',
    query: z.object({
      limit: lenientInteger(100, { min: 0, max: 1000 }).describe('Rows of each list at most; default 100.'),
    }),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        ...joinRate.shape,
        matched_by: z
          .strictObject({
            request_id: z.number(),
            message_id: z.number(),
            digest: z.number(),
            content: z.number(),
          })
          .describe('By what answers were found on the wire; each counts once, with the surest.'),
        recorded_tokens: tokens.describe(
          'Sums over the answers that were matched, as the wire has them; only of those where both sides say it.',
        ),
        transcript_tokens: tokens.describe('The same, as transcripts have them.'),
        mismatches: z
          .array(
            z.strictObject({
              requestId: z.string().describe('Of the recorded request.'),
              requestIdHeader: z.string().optional(),
              messageId: z.string().optional(),
              sessionId: z.string().optional(),
              time,
              recorded: tokens,
              transcript: tokens,
            }),
          )
          .describe('Matched answers whose tokens differ, the newest first.'),
        never_passed: z
          .array(
            z.strictObject({
              requestId: z.string().optional(),
              messageId: z.string().optional(),
              sessionId: z.string().optional(),
              agentId: z.string().optional(),
              time: time.optional(),
            }),
          )
          .describe('Answers in transcripts that were not recorded, the newest first.'),
        in_no_transcript: z
          .array(
            z.strictObject({
              requestId: z.string().describe('Of the recorded request.'),
              sessionId: z.string().optional(),
              requestClass: z.string().optional(),
              time,
              why: absence,
              outputTokens: z.number().optional(),
              cost_usd: z.number().optional().describe('Absent: unknown.'),
            }),
          )
          .describe('Recorded requests of sessions that stand in no transcript, the newest first.'),
        in_no_transcript_totals: z
          .array(
            z.strictObject({
              why: absence,
              requests: z.number(),
              inputTokens: z.number(),
              outputTokens: z.number(),
              cost_usd: z.number(),
              cost_unknown: z.number().describe('Requests with tokens whose price is unknown.'),
            }),
          )
          .describe('All of them, by why; only reasons that there are.'),
      }),
    },
    statuses: {},
  },
} as const satisfies Record<string, Route>;
