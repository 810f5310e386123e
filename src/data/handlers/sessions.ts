import type { RouteBody, RouteKey } from '#api';
import { asArray, parseJson } from '#formats';
import type { DerivedSession, Measures } from '#store';
import { ApiProblem } from '../api-problem.ts';
import type { Handlers } from '../handler.ts';
import { foreignCursor, readPageCursor, writePageCursor } from '../page-cursor.ts';
import type { ThreadItem, ThreadPlace } from '../query-thread/session-queries.ts';
import { instantText, requestSummary } from '../request-summary.ts';
import type { Ask } from '../sum-rows.ts';

type SessionRoute = Extract<RouteKey, `sessions.${string}` | `files.${string}`>;
type ThreadBody = RouteBody<'sessions.thread'>;

/** Sessions and the files that they worked on, from what was recorded and from transcripts together. */
export function sessionHandlers(ask: Ask): Handlers<SessionRoute> {
  async function known(id: string): Promise<DerivedSession> {
    const session = await ask('sessions.find', id);
    if (session === undefined) throw unknown();
    return session;
  }

  return {
    'sessions.list': async ({ query: { project, cursor, limit } }) => {
      const place = placeOf(cursor);
      const sessions = await ask('sessions.list', {
        project,
        before: place && { lastAtMs: place.atMs, id: place.at },
        limit: limit + 1,
      });
      const page = sessions.slice(0, limit);
      return {
        body: {
          sessions: page.map(sessionBody),
          nextCursor: cursorAfter(page, sessions.length > limit, ({ lastAtMs, id }) => [lastAtMs, id]),
        },
      };
    },

    'sessions.one': async ({ id }) => {
      const session = await known(id);
      const agents = await ask('statistics.agents', id);
      const models = await ask('statistics.sums', { by: ['answeredModel'], where: { session: id } });
      return {
        body: {
          ...sessionBody(session),
          agents: agents.map((agent) => ({
            agentId: agent.agentId ?? null,
            parentAgentId: agent.parentAgentId ?? null,
            name: agent.agentName ?? null,
            startTime: instantText(agent.firstAtMs),
            lastActivity: instantText(agent.lastAtMs),
            ...sumsOf(agent),
          })),
          models: models
            .map((sums) => ({ model: sums.key.answeredModel ?? null, ...sumsOf(sums) }))
            .sort((one, other) => other.requests - one.requests),
        },
      };
    },

    'sessions.thread': async ({ id, query: { agent, cursor, limit } }) => {
      const after = cursor === undefined ? undefined : threadPlace(cursor);
      const thread = await ask('sessions.thread', { id, agent, after, limit });
      if (thread === undefined) throw unknown();
      const { items, requests, next } = thread;
      return {
        body: {
          sessionId: id,
          items: items.map(itemBody),
          requests: Object.fromEntries(
            requests.map(({ exchange, costNanos }) => [
              exchange.id,
              { ...requestSummary(exchange), costUsd: costNanos === undefined ? null : costNanos / 1e9 },
            ]),
          ),
          nextCursor: next === undefined ? null : writePageCursor(next.atMs, `${next.kind}.${next.number}`),
        },
      };
    },

    'files.list': async ({ query: { contains, cursor, limit } }) => {
      const place = placeOf(cursor);
      const files = await ask('files.list', {
        contains,
        before: place && { atMs: place.atMs, path: place.at },
        limit: limit + 1,
      });
      const page = files.slice(0, limit);
      return {
        body: {
          files: page.map(({ path, reads, writes, sessions, lastAtMs }) => ({
            path,
            reads,
            writes,
            sessions,
            lastTouched: instantText(lastAtMs),
          })),
          nextCursor: cursorAfter(page, files.length > limit, ({ lastAtMs, path }) => [lastAtMs, path]),
        },
      };
    },

    'files.touches': async ({ query: { path, session, since, before, cursor, limit } }) => {
      if (path === undefined && session === undefined)
        throw new ApiProblem('bad-parameter', 'Give the parameter path, session or both.');
      const place = placeOf(cursor);
      const touches = await ask('files.touches', {
        path,
        sessionId: session,
        fromMs: since,
        toMs: before,
        before: place && { atMs: place.atMs, ...touchedAt(place.at) },
        limit: limit + 1,
      });
      const page = touches.slice(0, limit);
      return {
        body: {
          touches: page.map((touch) => ({
            path: touch.path,
            tool: touch.tool,
            access: touch.access,
            time: instantText(touch.atMs),
            toolUseId: touch.callId,
            sessionId: touch.sessionId ?? null,
            agentId: touch.agentId ?? null,
            requestId: touch.requestId ?? null,
            entry: touch.entryId ?? null,
          })),
          nextCursor: cursorAfter(page, touches.length > limit, (touch) => [
            touch.atMs,
            JSON.stringify([touch.callId, touch.path]),
          ]),
        },
      };
    },
  };
}

function unknown(): ApiProblem {
  return new ApiProblem('not-found', 'Neither a recorded request nor a transcript has this session.');
}

function placeOf(cursor: string | undefined) {
  return cursor === undefined ? undefined : readPageCursor(cursor);
}

function cursorAfter<Row>(
  page: readonly Row[],
  hasMore: boolean,
  atEnd: (row: Row) => readonly [number, string],
): string | null {
  const last = page.at(-1);
  return hasMore && last !== undefined ? writePageCursor(...atEnd(last)) : null;
}

function touchedAt(at: string): { readonly callId: string; readonly path: string } {
  const [callId, path] = asArray(parseJson(at));
  if (typeof callId !== 'string' || typeof path !== 'string') throw foreignCursor();
  return { callId, path };
}

function threadPlace(cursor: string): ThreadPlace {
  const { atMs, at } = readPageCursor(cursor);
  const [, kind, number] = /^(entry|request)\.(\d{1,15})$/.exec(at) ?? [];
  if (kind === undefined) throw foreignCursor();
  return { atMs, kind: kind === 'entry' ? 'entry' : 'request', number: Number(number) };
}

function sessionBody({
  id,
  firstAtMs,
  lastAtMs,
  wire,
  transcript,
  files,
}: DerivedSession): RouteBody<'sessions.list'>['sessions'][number] {
  return {
    sessionId: id,
    startTime: instantText(firstAtMs),
    lastActivity: instantText(lastAtMs),
    wire: wire === undefined ? null : { ...sumsOf(wire), agents: wire.agents },
    transcript:
      transcript === undefined
        ? null
        : {
            kind: transcript.kind,
            projectPath: transcript.project,
            cwd: transcript.cwd,
            title: transcript.title,
            firstMessage: transcript.firstMessage,
            lines: transcript.lines,
          },
    files,
  };
}

function sumsOf(sums: Measures) {
  return {
    requests: sums.requests,
    errors: sums.errors,
    inputTokens: sums.inputTokens,
    outputTokens: sums.outputTokens,
    cacheReadTokens: sums.cacheReadTokens,
    cacheWriteTokens: sums.cacheWriteTokens,
    thinkingTokens: sums.thinkingTokens,
    costUsd: sums.costNanos / 1e9,
    costUnknown: sums.costUnknown,
  };
}

function itemBody(item: ThreadItem): ThreadBody['items'][number] {
  const time = instantText(item.atMs);
  if (item.kind === 'request')
    return {
      kind: 'request',
      time,
      agentId: item.agentId ?? null,
      requestId: item.requestId,
      blocks: [...item.blocks],
      problems: [...item.problems],
    };
  const { entry, entryId, blocks, requestId } = item;
  return {
    kind: 'entry',
    entry: entryId,
    time,
    type: entry.type,
    subtype: entry.subtype ?? null,
    role: entry.role ?? null,
    agentId: entry.agentId ?? null,
    uuid: entry.uuid ?? null,
    isMeta: entry.isMeta,
    requestId: requestId ?? null,
    blocks: blocks.map(({ toolName, toolUseId, ...block }) => ({
      ...block,
      toolName: toolName ?? null,
      toolUseId: toolUseId ?? null,
    })),
  };
}
