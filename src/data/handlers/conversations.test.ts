import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTempDir, type TempDir, waitFor } from '#test-support';
import { exampleExchange } from '../testing/example-exchange.ts';
import { type RunningServer, runServer } from '../testing/running-server.ts';

let directory: TempDir;
let server: RunningServer;

const at = (second: number) => new Date(Date.UTC(2026, 0, 2, 3, 4, second)).toISOString();
const common = {
  sessionId: 's1',
  userType: 'external',
  cwd: '/home/me/app',
  version: '2.1.0',
  gitBranch: 'main',
};
const question = {
  type: 'user',
  uuid: 'u1',
  parentUuid: null,
  timestamp: at(1),
  isSidechain: false,
  ...common,
  message: { role: 'user', content: 'Why is it slow?' },
};
const reply = (uuid: string, requestId: string, second: number, more: object = {}) => ({
  type: 'assistant',
  uuid,
  parentUuid: 'u1',
  timestamp: at(second),
  isSidechain: false,
  ...common,
  requestId,
  message: {
    id: `msg_${requestId}`,
    role: 'assistant',
    model: 'claude-opus-4-1',
    content: [{ type: 'text', text: 'Because.' }],
    usage: { input_tokens: 1, output_tokens: 2, cache_read_input_tokens: 3, cache_creation_input_tokens: 4 },
  },
  ...more,
});

beforeAll(async () => {
  directory = makeTempDir('routes');
  put('projects/-home-me-app/s1.jsonl', [
    { type: 'mode', mode: 'default', sessionId: 's1' },
    question,
    reply('a1', 'r1', 5),
    reply('a2', 'r1', 6),
  ]);
  put('projects/-home-me-app/s1/subagents/agent-x1.jsonl', [
    reply('b1', 'r2', 4, { agentId: 'x1', isSidechain: true }),
  ]);
  put('projects/-home-me-web/s2.jsonl', [
    { ...question, sessionId: 's2', timestamp: at(30), message: { role: 'user', content: 'é'.repeat(300) } },
  ]);
  put('outside/secret.jsonl', [{ ...question, message: { role: 'user', content: 'secret' } }]);
  server = await runServer({
    hasThreads: true,
    transcripts: { roots: [{ kind: 'claude', directory: directory.join('projects') }], keepsDeleted: true },
  });
  await server.store(exampleExchange({ number: 1, facts: { requestIdHeader: 'r1', sessionId: 's1' } }));
  await indexed(async () => {
    const listed = (await server.json('/api/v2/conversations')) as unknown[];
    const all = await server.json('/api/v2/conversations/s1/messages?include_subagents=true');
    return listed.length === 2 && (all as { total: number }).total === 4;
  });
}, 60_000);
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  directory.remove();
});

function put(path: string, lines: readonly object[]): void {
  const full = directory.join(path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

const indexed = (isDone: () => Promise<boolean>) => waitFor(isDone, { what: 'transcripts to be indexed' });

describe('conversations', () => {
  it('are listed, the latest first', async () => {
    expect(await server.json('/api/conversations')).toEqual({
      conversations: [
        {
          id: 's2',
          projectName: '-home-me-web',
          startTime: at(30),
          lastActivity: at(30),
          duration: 0,
          firstMessage: `${'é'.repeat(200)}...`,
          requestCount: 1,
        },
        {
          id: 's1',
          projectName: '-home-me-app',
          startTime: at(1),
          lastActivity: at(6),
          duration: 5_000,
          firstMessage: 'Why is it slow?',
          requestCount: 4,
        },
      ],
    });
    const second = (await server.json('/api/conversations?page=2&limit=1')) as {
      conversations: { id: string }[];
    };
    expect(second.conversations.map(({ id }) => id)).toEqual(['s1']);
    expect(await server.json('/api/v2/conversations?project=-home-me-app')).toEqual([
      {
        id: 's1',
        projectPath: '-home-me-app',
        projectName: '-home-me-app',
        startTime: at(1),
        lastActivity: at(6),
        requestCount: 4,
        messageCount: 4,
        firstMessage: 'Why is it slow?',
        cwd: '/home/me/app',
        kind: 'claude',
      },
    ]);
  });

  it('are given whole, lines of every type in the order of the file', async () => {
    const whole = await server.json('/api/conversations/s1?project=-home-me-app');
    expect(whole).toMatchObject({
      sessionId: 's1',
      projectPath: '-home-me-app',
      messageCount: 4,
      startTime: at(1),
      endTime: at(6),
    });
    const { messages } = whole as { messages: Record<string, unknown>[] };
    expect(messages.map(({ type }) => type)).toEqual(['mode', 'user', 'assistant', 'assistant']);
    expect(messages[1]).toEqual(question);
    expect(messages[0]).toMatchObject({ message: null, uuid: '', parentUuid: null });
    expect(await server.json('/api/v2/conversations/s1')).toEqual(whole);
    expect(await server.json('/api/conversations/project?project=-home-me-app')).toEqual([whole]);
    expect(await server.json('/api/conversations/project?project=-nowhere')).toEqual([]);
  });

  it('have messages in the order of their times, those of agents when asked for', async () => {
    const main = await server.json('/api/v2/conversations/s1/messages?limit=1&offset=1');
    expect(main).toEqual({
      conversationId: 's1',
      total: 3,
      limit: 1,
      offset: 1,
      messages: [
        {
          uuid: 'a1',
          conversationId: 's1',
          parentUuid: 'u1',
          type: 'assistant',
          role: 'assistant',
          timestamp: at(5),
          cwd: '/home/me/app',
          gitBranch: 'main',
          sessionId: 's1',
          requestId: 'r1',
          model: 'claude-opus-4-1',
          isSidechain: false,
          inputTokens: 1,
          outputTokens: 2,
          cacheReadTokens: 3,
          cacheCreationTokens: 4,
          content: reply('a1', 'r1', 5).message,
        },
      ],
    });
    const all = (await server.json('/api/v2/conversations/s1/messages?include_subagents=true')) as {
      messages: { uuid: string }[];
    };
    expect(all.messages.map(({ uuid }) => uuid)).toEqual(['u1', 'b1', 'a1', 'a2']);
    expect(await server.json('/api/v2/conversations/nobody/messages')).toMatchObject({
      messages: [],
      total: 0,
    });
  });

  it('count the tokens of each answer once', async () => {
    expect(await server.json('/api/v2/conversations/s1/usage')).toEqual({
      answers: 2,
      inputTokens: 2,
      outputTokens: 4,
      cacheReadTokens: 6,
      cacheWriteTokens: 8,
    });
  });

  it('say what was not found or not named', async () => {
    const missing = await server.get('/api/conversations/s1');
    expect([missing.status, await missing.json()]).toMatchObject([
      400,
      { error: 'Project path is required' },
    ]);
    for (const path of [
      '/api/conversations/nobody?project=-home-me-app',
      '/api/conversations/s1?project=-home-me-web',
      '/api/v2/conversations/nobody',
    ]) {
      const answer = await server.get(path);
      expect([answer.status, await answer.json()]).toMatchObject([404, { error: 'Conversation not found' }]);
    }
  });

  it('I9: are no way to other files', async () => {
    for (const project of [
      '../outside',
      '..%2Foutside',
      '%2Fetc',
      '-home-me-app%2F..%2F..%2Foutside',
      '%00',
      '.',
    ]) {
      const one = await server.get(`/api/conversations/secret?project=${project}`);
      expect(one.status).not.toBe(200);
      const many = await server.get(`/api/conversations/project?project=${project}`);
      if (many.status === 200) expect(await many.json()).toEqual([]);
    }
  });

  it('I6: are looked at again when that is asked for, by somebody who means it', async () => {
    const path = '/api/v2/conversations/reindex';
    expect((await server.get(path, { method: 'POST' })).status).toBe(400);
    appendFileSync(
      directory.join('projects/-home-me-web/s2.jsonl'),
      `${JSON.stringify({ ...question, sessionId: 's2', uuid: 'u9', timestamp: at(40) })}\n`,
    );
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
    expect(await server.json(path, init)).toMatchObject({ status: 'ok' });
    await indexed(
      async () => ((await server.json('/api/v2/conversations/s2/messages')) as { total: number }).total === 2,
    );
  });
});

describe('answers of transcripts', () => {
  it('are held against recorded ones, and both differences are listed', async () => {
    await indexed(
      async () => ((await server.json('/api/v2/transcripts/join')) as { matched: number }).matched === 1,
    );
    expect(await server.json('/api/v2/transcripts/join')).toMatchObject({
      answers: 2,
      matched: 1,
      match_rate: 0.5,
      never_passed: [{ requestId: 'r2', messageId: 'msg_r2', sessionId: 's1' }],
    });
  });
});

describe('health', () => {
  it('I5: says how far transcripts are read', async () => {
    expect(await server.json('/health')).toMatchObject({
      indexer: 'running',
      transcripts: { files: 3, unreadable: 0 },
    });
  });
});
