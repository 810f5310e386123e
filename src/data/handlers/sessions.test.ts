import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExchangeToStore } from '#store';
import { makeTempDir, type TempDir, waitFor } from '#test-support';
import { type ExampleOptions, exampleExchange, exampleStartMs } from '../testing/example-exchange.ts';
import { type RunningServer, runServer } from '../testing/running-server.ts';

let directory: TempDir;
let server: RunningServer;

const at = (second: number) => new Date(exampleStartMs + second * 1000).toISOString();
const line = (
  sessionId: string,
  type: 'user' | 'assistant',
  second: number,
  message: object,
  more: object = {},
) => ({
  type,
  uuid: `${sessionId}-${type}-${second}`,
  sessionId,
  timestamp: at(second),
  cwd: '/home/me/app',
  ...more,
  message: { role: type, ...message },
});
const call = (id: string, name: string, input: object) => ({ type: 'tool_use', id, name, input });
const answer = (...content: object[]) =>
  JSON.stringify({
    id: 'msg_whole',
    type: 'message',
    role: 'assistant',
    model: 'claude-opus-4-1',
    content,
    stop_reason: 'tool_use',
    usage: { input_tokens: 10, output_tokens: 5 },
  });
const json = { responseHeaders: ['content-type', 'application/json'], isStreaming: false };
const ask = (...contents: unknown[]) =>
  JSON.stringify({
    model: 'claude-opus-4-1',
    messages: contents.map((content) => ({ role: 'user', content })),
  });

/** An exchange that no agent within the session made. */
function byMainAgent(options: ExampleOptions): ExchangeToStore {
  const example = exampleExchange(options);
  const { agentId: _agent, agentName: _name, messageId: _message, ...exchange } = example.exchange;
  return { ...example, exchange };
}

/** Recorded and in a transcript, one only recorded, one only in a transcript. */
beforeAll(async () => {
  directory = makeTempDir('sessions');
  put('projects/-home-me-app/both.jsonl', [
    line('both', 'user', 1, { content: 'Mend the race' }),
    line(
      'both',
      'assistant',
      3,
      {
        id: 'msg_1',
        usage: { input_tokens: 12, output_tokens: 5 },
        model: 'claude-opus-4-1',
        content: [call('toolu_1', 'Edit', { file_path: '/app/auth.ts' })],
      },
      { requestId: 'req_1' },
    ),
  ]);
  put('projects/-home-me-old/told.jsonl', [
    line('told', 'user', 0, { content: 'Say something' }),
    line('told', 'assistant', 0.5, {
      id: 'msg_9',
      model: 'claude-opus-4-1',
      content: [call('toolu_9', 'Read', { file_path: '/app/auth.ts' })],
    }),
  ]);
  server = await runServer({
    hasThreads: true,
    transcripts: { roots: [{ kind: 'claude', directory: directory.join('projects') }], keepsDeleted: true },
  });
  await server.store(
    byMainAgent({
      number: 2,
      facts: { ...json, sessionId: 'both', requestIdHeader: 'req_1', answeredModel: 'claude-opus-4-1' },
      request: ask('Mend the race'),
      response: answer(call('toolu_1', 'Edit', { file_path: '/app/auth.ts' })),
    }),
    exampleExchange({
      number: 5,
      facts: { sessionId: 'both', agentId: 'helper', parentAgentId: 'main', agentName: 'Explore' },
      request: ask('Where is it?'),
    }),
    byMainAgent({
      number: 10,
      facts: { ...json, sessionId: 'wired' },
      request: ask('one'),
      response: answer(call('toolu_2', 'Write', { file_path: '/app/new.ts', content: '' })),
    }),
    byMainAgent({ number: 11, facts: { sessionId: 'wired' }, request: ask('one', 'two') }),
  );
  await waitFor(async () => {
    const all = await sessions();
    return all.length === 3 && all.every(({ files }) => files === 1) && all[1]?.transcript?.lines === 2;
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  directory.remove();
});

function put(path: string, lines: object[]): void {
  const full = directory.join(path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, lines.map((value) => `${JSON.stringify(value)}\n`).join(''));
}

interface Listed {
  sessionId: string;
  files: number;
  wire: object | null;
  transcript: { lines: number } | null;
}

async function sessions(query = ''): Promise<Listed[]> {
  return ((await server.json(`/api/v2/sessions${query}`)) as { sessions: Listed[] }).sessions;
}

interface Item {
  kind: string;
  role?: string | null;
  requestId: string | null;
  agentId: string | null;
  blocks: { at?: string; preview?: string; text?: string; toolName?: string | null }[];
}

async function thread(id: string, query = '') {
  return (await server.json(`/api/v2/sessions/${id}/thread${query}`)) as {
    items: Item[];
    requests: Record<string, { costUsd: number | null; statusCode: number }>;
    nextCursor: string | null;
  };
}

const texts = ({ blocks }: Item) => blocks.map(({ text, preview, toolName }) => toolName ?? text ?? preview);

describe('sessions', () => {
  it('are listed with what was recorded and what their transcripts say, the one active last first', async () => {
    const all = await sessions();
    expect(all).toMatchObject([
      { sessionId: 'wired', wire: { requests: 2, agents: 0 }, transcript: null },
      {
        sessionId: 'both',
        startTime: at(1),
        lastActivity: at(5),
        wire: { requests: 2, agents: 1 },
        transcript: {
          projectPath: '-home-me-app',
          cwd: '/home/me/app',
          firstMessage: 'Mend the race',
          lines: 2,
        },
      },
      { sessionId: 'told', wire: null, transcript: { projectPath: '-home-me-old' } },
    ]);
    expect((await sessions('?project=-home-me-app')).map(({ sessionId }) => sessionId)).toEqual(['both']);
  });

  it('come page by page, each once', async () => {
    const seen: string[] = [];
    let cursor: string | null = '';
    for (let pages = 0; cursor !== null && pages < 5; pages += 1) {
      const page = (await server.json(
        `/api/v2/sessions?limit=1&cursor=${cursor}`.replace('&cursor=', cursor && '&cursor='),
      )) as {
        sessions: Listed[];
        nextCursor: string | null;
      };
      seen.push(...page.sessions.map(({ sessionId }) => sessionId));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(['wired', 'both', 'told']);
    expect((await server.get('/api/v2/sessions?cursor=nonsense')).status).toBe(400);
  });

  it('have agents that know their parents, and models', async () => {
    expect(await server.json('/api/v2/sessions/both')).toMatchObject({
      sessionId: 'both',
      agents: [
        { agentId: null, requests: 1, inputTokens: 12 },
        { agentId: 'helper', parentAgentId: 'main', name: 'Explore', requests: 1 },
      ],
      models: expect.arrayContaining([expect.objectContaining({ model: 'claude-opus-4-1', requests: 1 })]),
    });
    expect((await server.get('/api/v2/sessions/nobody')).status).toBe(404);
  });
});

describe('the thread of a session', () => {
  it('tells the transcript, each answer with its recorded request, and the requests that it leaves out', async () => {
    const { items, requests, nextCursor } = await thread('both');
    expect(items.map((item) => [item.kind, item.role ?? item.agentId, ...texts(item)])).toEqual([
      ['entry', 'user', 'Mend the race'],
      ['entry', 'assistant', 'Edit'],
      ['request', 'helper', 'Where is it?', 'Good morning'],
    ]);
    expect(nextCursor).toBeNull();
    const ids = items.flatMap(({ requestId }) => requestId ?? []);
    expect(ids).toHaveLength(2);
    expect(Object.keys(requests).sort()).toEqual([...ids].sort());
    expect(requests[ids[0]!]).toMatchObject({ statusCode: 200, costUsd: expect.any(Number) });
  });

  it('of a session without a transcript shows what is new in each request', async () => {
    const { items } = await thread('wired');
    expect(items.map(texts)).toEqual([
      ['one', '{"file_path":"/app/new.ts","content":""}'],
      ['two', 'Good morning'],
    ]);
  });

  it('comes page by page, and by agent', async () => {
    const whole = (await thread('both')).items;
    const seen: Item[] = [];
    let cursor: string | null = '';
    for (let pages = 0; cursor !== null && pages < 10; pages += 1) {
      const page = await thread('both', `?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`);
      seen.push(...page.items);
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(whole);
    expect((await thread('both', '?agent=helper')).items).toEqual([whole[2]]);
    expect((await thread('both', '?agent=main')).items).toEqual(whole.slice(0, 2));
    expect((await server.get('/api/v2/sessions/nobody/thread')).status).toBe(404);
    for (const bad of ['nonsense', Buffer.from('1.x.2').toString('base64url')])
      expect((await server.get(`/api/v2/sessions/both/thread?cursor=${bad}`)).status).toBe(400);
  });
});

describe('files', () => {
  it('are listed with what was done to them, whether it was recorded or stands in a transcript', async () => {
    expect(await server.json('/api/v2/files')).toEqual({
      files: [
        { path: '/app/new.ts', reads: 0, writes: 1, sessions: 1, lastTouched: at(10) },
        { path: '/app/auth.ts', reads: 1, writes: 1, sessions: 2, lastTouched: expect.any(String) },
      ],
      nextCursor: null,
    });
    expect(await server.json('/api/v2/files?contains=AUTH')).toMatchObject({
      files: [{ path: '/app/auth.ts' }],
    });
    expect(await server.json('/api/v2/files?contains=%25')).toMatchObject({ files: [] });
  });

  it('say which calls of which sessions worked on them, each once', async () => {
    const { touches } = (await server.json('/api/v2/files/touches?path=/app/auth.ts')) as {
      touches: Record<string, unknown>[];
    };
    expect(touches).toMatchObject([
      { tool: 'Edit', access: 'write', sessionId: 'both', toolUseId: 'toolu_1', entry: null },
      { tool: 'Read', access: 'read', sessionId: 'told', requestId: null, entry: expect.any(Number) },
    ]);
    expect(touches[0]!.requestId).toMatch(/^[0-9a-f]{32}$/);
    expect(await server.json('/api/v2/files/touches?session=wired')).toMatchObject({
      touches: [{ path: '/app/new.ts', access: 'write' }],
    });
    expect((await server.get('/api/v2/files/touches')).status).toBe(400);
  });
});
