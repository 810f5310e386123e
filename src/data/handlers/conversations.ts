import type { RouteBody, RouteKey } from '#api';
import { type DerivedConversation, StoreError } from '#store';
import { ApiProblem } from '../api-problem.ts';
import type { Handlers } from '../handler.ts';
import { joinBody } from '../join-body.ts';
import type { ShownEntry, WholeConversation } from '../query-thread/conversation-queries.ts';
import { refuseUnintended } from '../refuse-unintended.ts';
import { instantText, present } from '../request-summary.ts';
import type { DataThreads } from '../threads.ts';

type ConversationRoute =
  `conversations.${'list' | 'one' | 'list.v2' | 'one.v2' | 'project' | 'messages' | 'usage' | 'reindex' | 'join'}` &
    RouteKey;

type Conversation = RouteBody<'conversations.one'>;
type ConversationLine = Conversation['messages'][number];
type ConversationMessage = RouteBody<'conversations.messages'>['messages'][number];

/** Conversations as transcripts have them. Names that clients send are compared, never made part of a path. */
export function conversationHandlers(threads: DataThreads | undefined): Handlers<ConversationRoute> {
  const query = () => {
    if (threads === undefined) throw new StoreError('busy', 'Nothing is derived here.');
    return threads.query;
  };
  return {
    'conversations.list': async ({ query: { page, limit } }) => {
      const rows = await query().ask('conversations.list', { offset: (page - 1) * limit, limit });
      return { body: { conversations: rows.map(listedBody) } };
    },
    'conversations.list.v2': async ({ query: { project, offset, limit } }) => {
      const rows = await query().ask('conversations.list', { ...present({ project }), offset, limit });
      return { body: rows.map(indexedBody) };
    },
    'conversations.one': async ({ id, query: { project } }) => {
      const named = { id, project: requireProject(project) };
      return { body: conversationBody(await query().ask('conversations.whole', named)) };
    },
    'conversations.one.v2': async ({ id }) => ({
      body: conversationBody(await query().ask('conversations.whole', { id })),
    }),
    'conversations.project': async ({ query: { project } }) => {
      const conversations = await query().ask('conversations.ofProject', requireProject(project));
      return { body: conversations.map(conversationBody) };
    },
    'conversations.messages': async ({ id, query: { limit, offset, include_subagents } }) => {
      const page = { id, limit, offset, includesAgents: include_subagents === 'true' };
      const { total, entries } = await query().ask('conversations.messages', page);
      const messages = entries.map((entry) => messageBody(id, entry));
      return { body: { conversationId: id, messages, total, limit, offset } };
    },
    'conversations.usage': async ({ id }) => ({ body: await query().ask('conversations.usage', id) }),
    'conversations.reindex': async ({ request }) => {
      refuseUnintended(request);
      if (threads === undefined) throw new StoreError('busy', 'Nothing is derived here.');
      threads.index.rescan();
      return {
        body: {
          message: 'Re-indexing triggered. Conversations will be re-indexed in the background.',
          status: 'ok',
        },
      };
    },
    'conversations.join': async ({ query: { limit } }) => ({
      body: joinBody(await query().ask('conversations.join', limit)),
    }),
  };
}

function requireProject(project: string | undefined): string {
  if (project === undefined || project === '')
    throw new ApiProblem('bad-parameter', 'Project path is required');
  return project;
}

function listedBody(row: DerivedConversation): RouteBody<'conversations.list'>['conversations'][number] {
  const startMs = row.startMs ?? row.endMs;
  return {
    id: row.id,
    projectName: row.project,
    startTime: instantText(startMs),
    lastActivity: instantText(row.endMs),
    duration: Math.max(0, row.endMs - startMs),
    firstMessage: row.firstMessage ?? '',
    requestCount: row.lines,
  };
}

function indexedBody(row: DerivedConversation): RouteBody<'conversations.list.v2'>[number] {
  const { title, cwd, firstMessage } = row;
  return {
    id: row.id,
    projectPath: row.project,
    projectName: row.project,
    startTime: instantText(row.startMs ?? row.endMs),
    lastActivity: instantText(row.endMs),
    requestCount: row.lines,
    messageCount: row.lines,
    kind: row.kind === 'codex' ? 'codex' : 'claude',
    ...(title === null ? {} : { title }),
    ...(cwd === null ? {} : { cwd }),
    ...(firstMessage === null ? {} : { firstMessage }),
  };
}

function conversationBody(whole: WholeConversation | undefined): Conversation {
  if (whole === undefined) throw new ApiProblem('not-found', 'Conversation not found');
  const { conversation, entries, isCut } = whole;
  return {
    sessionId: conversation.id,
    projectPath: conversation.project,
    projectName: conversation.project,
    messages: entries.map(lineBody),
    startTime: instantText(conversation.startMs ?? conversation.endMs),
    endTime: instantText(conversation.endMs),
    messageCount: conversation.lines,
    ...(isCut ? { truncated: true } : {}),
  };
}

function lineBody(entry: ShownEntry): ConversationLine {
  return {
    parentUuid: entry.parentUuid ?? null,
    isSidechain: entry.isSidechain,
    userType: entry.userType,
    cwd: entry.cwd ?? '',
    sessionId: entry.sessionId ?? '',
    version: entry.version ?? '',
    ...present({ gitBranch: entry.gitBranch, agentId: entry.agentId, requestId: entry.requestId }),
    type: entry.type,
    message: entry.message,
    uuid: entry.uuid ?? '',
    timestamp: entry.timestamp,
    ...(entry.isMeta ? { isMeta: true } : {}),
  };
}

function messageBody(conversationId: string, entry: ShownEntry): ConversationMessage {
  const { usage = {} } = entry;
  return {
    uuid: entry.uuid ?? '',
    conversationId,
    type: entry.type,
    timestamp: entry.timestamp,
    isSidechain: entry.isSidechain,
    ...present({
      parentUuid: entry.parentUuid,
      role: entry.role,
      cwd: entry.cwd,
      gitBranch: entry.gitBranch,
      sessionId: entry.sessionId,
      agentId: entry.agentId,
      requestId: entry.requestId,
      model: entry.model,
      inputTokens: usage.inputTokens,
      outputTokens: usage.outputTokens,
      cacheReadTokens: usage.cacheReadTokens,
      cacheCreationTokens: usage.cacheWriteTokens,
    }),
    ...(entry.message === null ? {} : { content: entry.message }),
  };
}
