import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Exchange } from '#exchange';
import { makeTempDir, type TempDir, waitFor } from '#test-support';
import { exampleExchange } from '../testing/example-exchange.ts';
import { type RunningServer, runServer } from '../testing/running-server.ts';

let server: RunningServer;
let directory: TempDir;

const limits = (...windows: [name: string, used: string][]) =>
  windows.flatMap(([name, used]) => [`anthropic-ratelimit-unified-${name}-utilization`, used]);

/** Answers below are computed by hand from these. */
const rows: readonly (Partial<Exchange> & { readonly received: string })[] = [
  {
    // In millionths of a dollar 10 × 5 + 20 × 25 + 30 × 0.5 + 40 × 6.25 = 815.
    received: '2026-01-01T10:00:00.000Z',
    sessionId: 's1',
    askedModel: 'claude-opus-4-5',
    answeredModel: 'claude-opus-4-5',
    usage: { inputTokens: 10, outputTokens: 20, cacheReadTokens: 30, cacheWriteTokens: 40 },
    toolsCalled: ['Read', 'Read', 'Write'],
    firstByteUs: 100_000,
    firstTokenUs: 200_000,
    lastByteUs: 1_200_000,
    responseHeaders: [
      ...limits(['5h', '0.25'], ['7d', '0.5']),
      'anthropic-ratelimit-unified-5h-reset',
      '1767268800',
    ],
  },
  {
    received: '2026-01-01T10:00:30.000Z',
    sessionId: 's1',
    provider: 'openai',
    askedModel: 'gpt-x',
    answeredModel: 'gpt-x',
    usage: { inputTokens: 1, outputTokens: 2 },
    toolsCalled: [],
    firstByteUs: 300_000,
    firstTokenUs: 400_000,
    lastByteUs: 1_400_000,
    responseHeaders: [
      'x-ratelimit-limit-requests',
      '100',
      'x-ratelimit-remaining-requests',
      '75',
      'x-ratelimit-reset-requests',
      '6m0s',
    ],
  },
  {
    // 100 × 5 + 200 × 25 = 5,500.
    received: '2026-01-01T10:00:59.000Z',
    sessionId: 's2',
    askedModel: 'claude-opus-4-5',
    answeredModel: 'claude-opus-4-5',
    usage: { inputTokens: 100, outputTokens: 200 },
    toolsCalled: ['Read'],
    firstByteUs: 300_000,
    firstTokenUs: 400_000,
    lastByteUs: 2_400_000,
    responseHeaders: limits(['5h', '0.3']),
  },
  {
    received: '2026-01-02T10:00:00.000Z',
    sessionId: 's1',
    status: 529,
    askedModel: 'claude-opus-4-5',
    answeredModel: 'claude-opus-4-5',
    usage: {},
    toolsCalled: [],
    responseHeaders: limits(['5h', '0.9']),
  },
];

beforeAll(async () => {
  directory = makeTempDir('statistics-queries');
  mkdirSync(directory.join('-home-me-my-app'));
  const line = {
    type: 'user',
    uuid: 'u',
    sessionId: 's1',
    cwd: '/home/me/my-app',
    timestamp: '2026-01-01T10:00:00.000Z',
    message: { role: 'user', content: 'Hello' },
  };
  writeFileSync(directory.join('-home-me-my-app/s1.jsonl'), `${JSON.stringify(line)}\n`);
  server = await runServer({
    hasThreads: true,
    transcripts: { roots: [{ kind: 'claude', directory: directory.path }], keepsDeleted: true },
  });
  await server.store(
    ...rows.map(({ received, ...facts }, number) =>
      exampleExchange({ number, facts: { receivedAtMs: Date.parse(received), ...facts } }),
    ),
  );
  const isThere = async () => {
    const limits = (await get('rate-limits?limit=10')) as { windows: { points: unknown[] }[] };
    const { groups } = (await get('usage?by=project')) as { groups: unknown[] };
    return limits.windows.flatMap(({ points }) => points).length === 4 && groups.length === 2;
  };
  await waitFor(isThere, { what: 'everything to be derived' });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  directory.remove();
});

const range = 'start=2026-01-01T00:00:00.000Z&end=2026-01-03T00:00:00.000Z';
const get = (path: string) =>
  server.json(
    `/api/v2/stats${path.startsWith('?') ? '' : '/'}${path}${path.includes('?') ? '&' : '?'}${range}`,
  );

describe('usage', () => {
  it('is by project, which transcripts tell of a session', async () => {
    expect(await get('usage?by=project')).toMatchObject({
      groups: [
        {
          key: { project: null },
          requests: 1,
          inputTokens: 100,
          outputTokens: 200,
          costUsd: 0.0055,
          cacheReadShare: 0,
        },
        {
          key: { project: '/home/me/my-app' },
          requests: 3,
          errors: 1,
          inputTokens: 11,
          outputTokens: 22,
          cacheReadTokens: 30,
          cacheWriteTokens: 40,
          costUsd: 0.000815,
          costUnknown: 1,
          // 30 and 40 of 11 + 30 + 40.
          cacheReadShare: 30 / 81,
          cacheWriteShare: 40 / 81,
        },
      ],
      total: 2,
    });
  });

  it('is by tool, a request counting for each tool that it called', async () => {
    expect(await get('usage?by=tool')).toMatchObject({
      groups: [
        { key: { tool: 'Read' }, requests: 2, inputTokens: 110, outputTokens: 220, costUsd: 0.006315 },
        { key: { tool: 'Write' }, requests: 1, inputTokens: 10, outputTokens: 20, costUsd: 0.000815 },
        { key: { tool: null }, requests: 2, inputTokens: 1, outputTokens: 2, costUsd: 0 },
      ],
    });
    const { groups } = (await get('usage?by=tool,project,hour')) as { groups: { key: unknown }[] };
    expect(groups.map(({ key }) => key)).toContainEqual({
      tool: 'Write',
      project: '/home/me/my-app',
      hour: '2026-01-01T10',
    });
  });
});

describe('a query', () => {
  it('says which requests the statistics are about', async () => {
    const ofOpenai = encodeURIComponent('provider:openai');
    expect(await get(`usage?q=${ofOpenai}`)).toMatchObject({
      groups: [{ key: { model: 'gpt-x' }, requests: 1, inputTokens: 1 }],
    });
    expect(await get(`?q=${ofOpenai}`)).toMatchObject({
      dailyStats: [{ date: '2026-01-01', requests: 1, tokens: 3 }],
    });
    expect(await get(`hourly?q=${ofOpenai}`)).toMatchObject({ todayRequests: 1, todayTokens: 3 });
    expect(await get(`models?q=${ofOpenai}`)).toMatchObject({ modelStats: [{ model: 'gpt-x' }] });
    expect(await get(`providers?q=${ofOpenai}`)).toMatchObject({ providers: [{ provider: 'openai' }] });
    expect(await get(`subagents?q=${ofOpenai}`)).toMatchObject({ subagents: [{ provider: 'openai' }] });
    expect(await get(`performance?q=${ofOpenai}`)).toMatchObject({ stats: [{ provider: 'openai' }] });
    expect(await get('tools?q=tool:write')).toMatchObject({
      tools: [
        { toolName: 'Read', callCount: 2, usageCount: 1 },
        { toolName: 'Write', callCount: 1, usageCount: 1 },
      ],
    });
    expect(await server.json(`/api/v2/routing/stats?${range}&q=is:failed`)).toMatchObject({
      providers: { providers: [{ provider: 'anthropic', requests: 1, errorCount: 1 }] },
    });
    expect(await server.json(`/api/stats/models?${range}&q=project:my-app%20-is:failed`)).toMatchObject({
      modelStats: [
        { model: 'claude-opus-4-5', requests: 1 },
        { model: 'gpt-x', requests: 1 },
      ],
    });
  });

  it('changes nothing when it asks for everything, also within the quarter hours of the range', async () => {
    const everything = encodeURIComponent('provider:* OR -provider:*');
    for (const path of ['usage?by=session,tool', 'usage?by=day', 'models?', 'tools?', 'performance?'])
      expect(await get(`${path}&q=${everything}`)).toEqual(await get(path));
    const cut = 'start=2026-01-01T10:00:30.000Z&end=2026-01-01T10:00:59.000Z';
    expect(await server.json(`/api/v2/stats/models?${cut}&q=${everything}`)).toEqual(
      await server.json(`/api/v2/stats/models?${cut}`),
    );
  });

  it('that is not understood is refused by all of them', async () => {
    for (const path of ['usage', 'hourly', 'models', 'providers', 'subagents', 'tools', 'performance']) {
      const answer = await server.get(`/api/v2/stats/${path}?${range}&q=mdoel:x`);
      expect([answer.status, await answer.json()], path).toMatchObject([400, { code: 'bad-parameter' }]);
    }
  });
});

describe('/api/v2/stats/rate-limits', () => {
  it('is what providers said last in each minute, by window', async () => {
    const at = (minute: string) => `2026-01-0${minute}.000Z`;
    const unsaid = { limit: null, remaining: null, resetsAt: null, status: null };
    expect(await get('rate-limits')).toEqual({
      windows: [
        {
          provider: 'anthropic',
          window: '5h',
          points: [
            // The first answer had the same minute.
            { ...unsaid, at: at('1T10:00:59'), used: 0.3 },
            { ...unsaid, at: at('2T10:00:00'), used: 0.9 },
          ],
        },
        {
          provider: 'anthropic',
          window: '7d',
          points: [{ ...unsaid, at: at('1T10:00:00'), used: 0.5 }],
        },
        {
          provider: 'openai',
          window: 'requests',
          points: [
            {
              at: at('1T10:00:30'),
              limit: 100,
              remaining: 75,
              used: 0.25,
              resetsAt: at('1T10:06:30'),
              status: null,
            },
          ],
        },
      ],
      startTime: '2026-01-01T00:00:00.000Z',
      endTime: '2026-01-03T00:00:00.000Z',
    });
    expect(await get('rate-limits?window=5h&limit=1')).toMatchObject({
      windows: [{ window: '5h', points: [{ at: at('2T10:00:00') }] }],
    });
    expect(await get('rate-limits?provider=openai')).toMatchObject({ windows: [{ provider: 'openai' }] });
    expect(await get('rate-limits?provider=nobody')).toMatchObject({ windows: [] });
  });
});

describe('/api/v2/stats/performance', () => {
  it('has quantiles of first bytes, first tokens and throughput', async () => {
    const { stats } = (await get('performance?q=status:200')) as { stats: Record<string, number>[] };
    const about = (value: number) => expect.closeTo(value, -Math.log10(value / 50));
    expect(stats[0]).toMatchObject({
      provider: 'anthropic',
      // Of 100 and 300, and of 200 and 400.
      p50FirstByteMs: about(100),
      p95FirstByteMs: about(300),
      p99FirstByteMs: about(300),
      p50FirstTokenMs: about(200),
      p95FirstTokenMs: about(400),
      p99FirstTokenMs: about(400),
      // 20 tokens in one second and 200 in two.
      p10OutputTokensPerSecond: about(20),
      p90OutputTokensPerSecond: about(100),
    });
  });
});
