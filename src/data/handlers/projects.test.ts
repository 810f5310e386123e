import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTempDir, type TempDir, waitFor } from '#test-support';
import { exampleExchange } from '../testing/example-exchange.ts';
import { type RunningServer, runServer } from '../testing/running-server.ts';

let server: RunningServer;
let directory: TempDir;

beforeAll(async () => {
  directory = makeTempDir('projects');
  const line = (sessionId: string, cwd: string, timestamp: string) =>
    `${JSON.stringify({ type: 'user', uuid: `${sessionId} u`, sessionId, cwd, timestamp, message: { role: 'user', content: 'Hello' } })}\n`;
  for (const project of ['-home-me-my-app', '-home-me-web']) mkdirSync(directory.join(project));
  writeFileSync(
    directory.join('-home-me-my-app/s1.jsonl'),
    line('s1', '/home/me/my-app', '2026-01-01T10:00:00.000Z'),
  );
  writeFileSync(
    directory.join('-home-me-my-app/s2.jsonl'),
    line('s2', '/home/me/my-app', '2026-01-05T10:00:00.000Z'),
  );
  writeFileSync(
    directory.join('-home-me-web/s3.jsonl'),
    line('s3', '/home/me/web', '2026-01-03T10:00:00.000Z'),
  );
  server = await runServer({
    hasThreads: true,
    transcripts: { roots: [{ kind: 'claude', directory: directory.path }], keepsDeleted: true },
  });
  const model = { askedModel: 'claude-opus-4-5', answeredModel: 'claude-opus-4-5' };
  const at = (day: number) => Date.UTC(2026, 0, day, 12);
  await server.store(
    // In millionths of a dollar 10 × 5 + 20 × 25 + 30 × 0.5 + 40 × 6.25 = 815.
    exampleExchange({
      number: 1,
      facts: {
        ...model,
        receivedAtMs: at(1),
        sessionId: 's1',
        usage: { inputTokens: 10, outputTokens: 20, cacheReadTokens: 30, cacheWriteTokens: 40 },
      },
    }),
    exampleExchange({
      number: 2,
      facts: {
        receivedAtMs: at(2),
        sessionId: 's2',
        status: 529,
        usage: { inputTokens: 1, outputTokens: 2 },
      },
    }),
    exampleExchange({
      number: 3,
      facts: {
        ...model,
        receivedAtMs: at(4),
        sessionId: 'elsewhere',
        usage: { inputTokens: 100, outputTokens: 0 },
      },
    }),
  );
  let seen: unknown;
  await waitFor(
    async () => {
      seen = await server.json('/api/v2/projects');
      const { projects } = seen as { projects: { requests: number; sessions: number }[] };
      const sum = (key: 'requests' | 'sessions') => projects.reduce((total, each) => total + each[key], 0);
      return sum('requests') === 3 && sum('sessions') === 4;
    },
    { what: () => `everything to be derived: ${JSON.stringify(seen)}` },
  );
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  directory.remove();
});

const nothing = {
  requests: 0,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  totalTokens: 0,
  costUsd: 0,
  costUnknown: 0,
  errors: 0,
};

describe('/api/v2/projects', () => {
  it('has what was recorded of the sessions of each project, the last seen first', async () => {
    expect(await server.json('/api/v2/projects')).toEqual({
      projects: [
        {
          project: '/home/me/my-app',
          name: 'my-app',
          projectPath: '-home-me-my-app',
          sessions: 2,
          lastSeen: '2026-01-05T10:00:00.000Z',
          requests: 2,
          inputTokens: 11,
          outputTokens: 22,
          cacheReadTokens: 30,
          cacheWriteTokens: 40,
          totalTokens: 103,
          costUsd: 0.000815,
          costUnknown: 1,
          errors: 1,
        },
        {
          ...nothing,
          project: null,
          name: null,
          projectPath: null,
          sessions: 1,
          lastSeen: '2026-01-04T12:00:00.000Z',
          requests: 1,
          inputTokens: 100,
          totalTokens: 100,
          costUsd: 0.0005,
        },
        {
          ...nothing,
          project: '/home/me/web',
          name: 'web',
          projectPath: '-home-me-web',
          sessions: 1,
          lastSeen: '2026-01-03T10:00:00.000Z',
        },
      ],
      total: 3,
      limit: 100,
      offset: 0,
    });
  });

  it('goes page by page', async () => {
    expect(await server.json('/api/v2/projects?limit=1&offset=2')).toMatchObject({
      projects: [{ name: 'web' }],
      total: 3,
      limit: 1,
      offset: 2,
    });
    expect(await server.json('/api/v2/projects?offset=3')).toMatchObject({ projects: [], total: 3 });
  });

  it('is an empty list where nothing is known', async () => {
    await using empty = await runServer({ hasThreads: true });
    expect(await empty.json('/api/v2/projects')).toEqual({ projects: [], total: 0, limit: 100, offset: 0 });
  });
});
