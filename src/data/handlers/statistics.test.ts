import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Exchange } from '#exchange';
import { waitFor } from '#test-support';
import { exampleExchange } from '../testing/example-exchange.ts';
import { type RunningServer, runServer } from '../testing/running-server.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await runServer({ hasThreads: true });
  await server.store(...fixture);
  const through = async () =>
    ((await server.json('/health')) as { derived: { through: number } }).derived.through;
  await waitFor(async () => (await through()) === fixture.length, { what: 'everything to be derived' });
});
afterAll(() => server[Symbol.asyncDispose]());

interface FixtureRow {
  readonly received: string;
  readonly facts: Partial<Exchange>;
  /** Facts of the example that are not known here. */
  readonly unknown?: readonly (keyof Exchange)[];
}

function exchangeOf({ received, facts, unknown = [] }: FixtureRow, number: number) {
  const stored = exampleExchange({ number });
  const { agentName: _, ...example } = stored.exchange;
  const known = Object.entries(example).filter(([name]) => !unknown.some((each) => each === name));
  // What is left out above is optional.
  const exchange = { ...Object.fromEntries(known), receivedAtMs: Date.parse(received), ...facts } as Exchange;
  return { ...stored, exchange };
}

/** Answers below are computed by hand from these. */
const rows: readonly FixtureRow[] = [
  {
    received: '2026-01-01T23:30:00.000Z',
    facts: {
      usage: { inputTokens: 10, outputTokens: 20, cacheReadTokens: 30, cacheWriteTokens: 40 },
      lastByteUs: 100_000,
    },
  },
  {
    received: '2026-01-02T00:30:00.000Z',
    facts: {
      provider: 'openai',
      askedModel: 'claude-small',
      routedModel: 'gpt-x',
      agentName: 'reviewer',
      usage: { inputTokens: 1, outputTokens: 2 },
      lastByteUs: 300_000,
      toolsCalled: ['Read', 'Read', 'Write'],
    },
  },
  {
    received: '2026-01-02T10:00:00.000Z',
    facts: { status: 529, usage: {}, lastByteUs: 50_000, toolsCalled: [] },
    unknown: ['firstByteUs', 'firstTokenUs'],
  },
  {
    received: '2026-01-02T23:59:59.999Z',
    facts: { outcome: 'upstream-failed', usage: {}, toolsCalled: [] },
    unknown: ['firstByteUs', 'firstTokenUs', 'lastByteUs'],
  },
  {
    received: '2026-01-03T00:00:00.000Z',
    facts: { usage: { outputTokens: 1_000_000 }, lastByteUs: 9_000_000 },
  },
];
const fixture = rows.map((row, index) => exchangeOf(row, index + 1));

const range = 'start=2026-01-01T00:00:00.000Z&end=2026-01-03T00:00:00.000Z';
const echoed = { startTime: '2026-01-01T00:00:00.000Z', endTime: '2026-01-03T00:00:00.000Z' };
const get = (path: string) => server.json(`/api/${path}${path.includes('?') ? '&' : '?'}${range}`);
const both = async (path: string) => {
  const [first, second] = [await get(path), await get(`v2/${path}`)];
  expect(second).toEqual(first);
  return first;
};

describe('/api/stats', () => {
  it('T1: has the days of the time zone that was asked for, up to their last millisecond', async () => {
    expect(await both('stats')).toMatchObject({
      dailyStats: [
        { date: '2026-01-01', tokens: 100, requests: 1 },
        { date: '2026-01-02', tokens: 3, requests: 3, errors: 2 },
      ],
      timeZone: 'UTC',
      ...echoed,
    });
    expect(await both('stats?tz=Europe/Berlin')).toMatchObject({
      dailyStats: [
        { date: '2026-01-02', tokens: 103, requests: 3 },
        { date: '2026-01-03', tokens: 0, requests: 1 },
      ],
    });
  });

  it('T5: counts what was sent elsewhere for the model that it was sent to, and for others when asked', async () => {
    const models = async (choice: string) => {
      const { dailyStats } = (await both(`stats${choice}`)) as { dailyStats: { models: unknown }[] };
      return dailyStats[1]?.models;
    };
    const large = { tokens: 0, requests: 2 };
    const rerouted = { tokens: 3, requests: 1 };
    expect(await models('')).toEqual({ 'claude-large-1': large, 'gpt-x': rerouted });
    expect(await models('?model_of=asked')).toEqual({ 'claude-large-1': large, 'claude-small': rerouted });
    expect(await models('?model_of=answered')).toEqual({
      'claude-large-1-dated': { tokens: 3, requests: 3 },
    });
  });

  it('is about the last days when no range is given, today among them', async () => {
    expect(await server.json('/api/stats')).toMatchObject({ dailyStats: [] });
    const { startTime, endTime } = (await server.json('/api/v2/stats')) as Record<string, string>;
    const days = (Date.parse(endTime!) - Date.parse(startTime!)) / 86_400_000;
    expect(days).toBeGreaterThan(29);
    expect(days).toBeLessThanOrEqual(30.001);
  });
});

describe('/api/stats/hourly', () => {
  it('T2, T3: lays all days over each other, sorted, and averages only times that are known', async () => {
    const hours = (await both('stats/hourly')) as { hourlyStats: { hour: number }[] };
    expect(hours).toMatchObject({
      hourlyStats: [
        { hour: 0, tokens: 3, requests: 1 },
        { hour: 10, tokens: 0, requests: 1, errors: 1 },
        { hour: 23, tokens: 100, requests: 2 },
      ],
      todayTokens: 103,
      todayRequests: 4,
      avgResponseTime: 150,
      ...echoed,
    });
    expect(await both('stats/hourly?tz=Asia/Kathmandu')).toMatchObject({
      hourlyStats: [{ hour: 5 }, { hour: 6 }, { hour: 15 }],
    });
  });
});

describe('/api/stats/models', () => {
  it('has the most tokens first', async () => {
    expect(await both('stats/models')).toMatchObject({
      modelStats: [
        { model: 'claude-large-1', tokens: 100, requests: 3, errors: 2 },
        { model: 'gpt-x', tokens: 3, requests: 1 },
      ],
    });
  });
});

describe('/api/stats/providers', () => {
  it('T3, T7: is statistics in both generations, with errors and with caches in the total', async () => {
    expect(await both('stats/providers')).toEqual({
      providers: [
        {
          provider: 'anthropic',
          requests: 3,
          inputTokens: 10,
          outputTokens: 20,
          cacheReadTokens: 30,
          cacheWriteTokens: 40,
          totalTokens: 100,
          costUsd: expect.any(Number),
          costUnknown: expect.any(Number),
          errors: 2,
          errorCount: 2,
          avgResponseMs: 75,
        },
        expect.objectContaining({
          provider: 'openai',
          requests: 1,
          totalTokens: 3,
          avgResponseMs: 300,
          errorCount: 0,
        }),
      ],
      ...echoed,
    });
  });
});

describe('/api/stats/subagents', () => {
  it('has subagents with the model that they were sent to, and not the main agent', async () => {
    expect(await both('stats/subagents')).toMatchObject({
      subagents: [
        {
          subagentName: 'reviewer',
          provider: 'openai',
          targetModel: 'gpt-x',
          requests: 1,
          inputTokens: 1,
          outputTokens: 2,
          totalTokens: 3,
          avgResponseMs: 300,
        },
      ],
    });
  });
});

describe('/api/stats/tools', () => {
  it('T4: tells what was called from what was offered', async () => {
    expect(await both('stats/tools')).toEqual({
      tools: [
        { toolName: 'Read', usageCount: 2, callCount: 3, avgCallsPerRequest: 1.5, declaredCount: 4 },
        { toolName: 'Write', usageCount: 1, callCount: 1, avgCallsPerRequest: 1, declaredCount: 4 },
      ],
      ...echoed,
    });
  });
});

describe('/api/stats/performance', () => {
  it('T6: has percentiles that are at most 1 % off, by provider and model', async () => {
    const about = (ms: number) => ({
      asymmetricMatch: (value: number) => Math.abs(value - ms) <= Math.ceil(ms / 100),
    });
    expect(await both('stats/performance')).toMatchObject({
      stats: [
        {
          provider: 'anthropic',
          model: 'claude-large-1',
          requestCount: 2,
          avgResponseMs: 75,
          p50ResponseMs: about(50),
          p95ResponseMs: about(100),
          p99ResponseMs: about(100),
          avgFirstByteMs: 25,
          avgFirstTokenMs: 30,
        },
        {
          provider: 'openai',
          model: 'claude-small',
          requestCount: 1,
          p50ResponseMs: about(300),
          p99ResponseMs: about(300),
        },
      ],
    });
  });
});

describe('/api/v2/stats/usage', () => {
  it('sums by what is asked for, with the shares of caches', async () => {
    expect(await get('v2/stats/usage?by=provider')).toMatchObject({
      groups: [
        {
          key: { provider: 'anthropic' },
          totalTokens: 100,
          cacheReadShare: 30 / 80,
          cacheWriteShare: 40 / 80,
        },
        { key: { provider: 'openai' }, totalTokens: 3, cacheReadShare: 0, cacheWriteShare: 0 },
      ],
      total: 2,
    });
  });

  it('is in the order of time where there are days or hours', async () => {
    const { groups } = (await get('v2/stats/usage?by=agent_name,day&tz=Europe/Berlin')) as {
      groups: { key: unknown; requests: number }[];
    };
    expect(groups.map(({ key, requests }) => [key, requests])).toEqual([
      [{ agent_name: null, day: '2026-01-02' }, 2],
      [{ agent_name: 'reviewer', day: '2026-01-02' }, 1],
      [{ agent_name: null, day: '2026-01-03' }, 1],
    ]);
  });

  it('gives no more groups than wanted, and says how many there are', async () => {
    const { groups, total } = (await get('v2/stats/usage?by=hour&limit=2')) as {
      groups: { key: unknown }[];
      total: number;
    };
    expect([groups.map(({ key }) => key), total]).toEqual([
      [{ hour: '2026-01-01T23' }, { hour: '2026-01-02T00' }],
      4,
    ]);
  });

  it.each([
    'by=colour',
    'by=model,model',
    'by=model,provider,session,agent',
    'by=,',
    'tz=Mars/Base',
    'by=__proto__',
  ])('says what is wrong with %s', async (query) => {
    const answer = await server.get(`/api/v2/stats/usage?${query}&${range}`);
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'bad-parameter' }]);
  });
});

describe('/api/v2/routing/stats', () => {
  it('has providers and subagents of one range, the last day unless another is given', async () => {
    expect(await get('v2/routing/stats')).toEqual({
      providers: await get('stats/providers'),
      subagents: await get('stats/subagents'),
      timeRange: { start: echoed.startTime, end: echoed.endTime },
    });
    expect(await server.json('/api/v2/routing/stats')).toMatchObject({ providers: { providers: [] } });
  });
});

describe('statistics', () => {
  const names = ['hourly', 'models', 'providers', 'subagents', 'tools', 'performance'];

  it.each(names)('of %s need a whole range', async (name) => {
    for (const path of [`stats/${name}`, `v2/stats/${name}`, `stats/${name}?start=2026-01-01`]) {
      const answer = await server.get(`/api/${path}`);
      expect([answer.status, await answer.json()]).toEqual([
        400,
        { error: 'start and end parameters are required', code: 'bad-parameter' },
      ]);
    }
  });

  it('are empty lists when nothing was recorded in the range, also one that ends before it begins', async () => {
    for (const nothing of ['start=2020-01-01&end=2020-01-02', 'start=2026-01-03&end=2026-01-01']) {
      const at = (name: string) => server.json(`/api/stats/${name}?${nothing}`);
      expect(await at('hourly')).toMatchObject({ hourlyStats: [], todayTokens: 0, avgResponseTime: 0 });
      expect(await at('models')).toMatchObject({ modelStats: [] });
      expect(await at('providers')).toMatchObject({ providers: [] });
      expect(await at('subagents')).toMatchObject({ subagents: [] });
      expect(await at('tools')).toMatchObject({ tools: [] });
      expect(await at('performance')).toMatchObject({ stats: [] });
    }
  });

  it('ask to come back while what is derived cannot be read', async () => {
    await using without = await runServer();
    const answer = await without.get(`/api/stats?${range}`);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  });
});
