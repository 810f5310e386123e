import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Exchange } from '#exchange';
import { type DerivedStore, openDerivedStore, openStore, type Store } from '#store';
import { makeTempDir, seededRandom, type TempDir } from '#test-support';
import { deriveRequests } from './derive-requests.ts';
import { exchange } from './testing/exchange.ts';

const hourMs = 3_600_000;
const startMs = Date.UTC(2026, 0, 1);

let directory: TempDir;
let facts: Store;
let derived: DerivedStore;

beforeEach(async () => {
  directory = makeTempDir('statistics');
  const config = { engine: 'sqlite', path: directory.join('throughline.db') } as const;
  facts = await openStore(config, { role: 'writer' });
  derived = await openDerivedStore(config, { role: 'writer' });
});
afterEach(async () => {
  await facts.close();
  await derived.close();
  directory.remove();
});

async function record(...all: Partial<Exchange>[]): Promise<void> {
  await facts.commit({ exchanges: all.map((each, index) => exchange(index, each)), positions: [] });
  const step = deriveRequests(facts, derived);
  while ((await step.run()) === 'more');
}

/** Six hours of requests of three models in two sessions, as a busy day has them. */
function aDay(): Partial<Exchange>[] {
  const random = seededRandom(1);
  return Array.from({ length: 600 }, () => ({
    receivedAtMs: startMs + random.integer(0, 6 * hourMs),
    sessionId: random.pick(['one', 'two']),
    provider: 'anthropic',
    askedModel: random.pick(['opus', 'sonnet', 'haiku']),
    outcome: random.pick(['complete', 'complete', 'client-aborted', 'upstream-failed'] as const),
    usage: { inputTokens: random.integer(0, 100), outputTokens: random.integer(0, 100) },
    lastByteUs: random.integer(1_000, 60_000_000),
    toolsDeclared: ['Bash', 'Read'],
    toolsCalled: random.pick([[], ['Bash'], ['Bash', 'Bash']]),
  }));
}

describe('sums', () => {
  it('say what a hand count says', async () => {
    await record(
      { receivedAtMs: startMs, askedModel: 'opus', usage: { inputTokens: 3, cacheReadTokens: 40 } },
      { receivedAtMs: startMs + 1, askedModel: 'opus', status: 529, usage: {} },
      {
        receivedAtMs: startMs + 2,
        askedModel: 'opus',
        outcome: 'client-aborted',
        usage: { outputTokens: 5 },
      },
      { receivedAtMs: startMs + 3, usage: { cacheWriteTokens: 9, cacheWrite1hTokens: 9, inputTokens: 1 } },
    );
    const sums = await derived.statistics.sums({ by: ['askedModel'] });
    expect(sums).toHaveLength(2);
    expect(sums.find(({ key }) => key.askedModel === 'opus')).toMatchObject({
      ...{ requests: 3, errors: 1, withUsage: 2, inputTokens: 3, outputTokens: 5 },
      ...{ cacheReadTokens: 40, cacheHits: 1, costNanos: 0, costUnknown: 2 },
    });
    expect(sums.find(({ key }) => key.askedModel === undefined)).toMatchObject({
      ...{ requests: 1, errors: 0, inputTokens: 1, cacheWriteTokens: 9, cacheWrite1hTokens: 9 },
    });
    const byOutcome = await derived.statistics.sums({ by: ['outcomeClass'] });
    expect(byOutcome.map(({ key, requests }) => [key.outcomeClass, requests]).sort()).toEqual([
      ['aborted', 1],
      ['error', 1],
      ['ok', 2],
    ]);
  });

  it('of any half-open range are those of the requests in it', async () => {
    const all = aDay();
    await record(...all);
    const random = seededRandom(2);
    for (let attempt = 0; attempt < 40; attempt += 1) {
      const fromMs = startMs + random.integer(-hourMs, 6 * hourMs);
      const toMs = fromMs + random.pick([0, 1, 60_000, hourMs, random.integer(0, 4 * hourMs)]);
      const inside = all.filter(({ receivedAtMs }) => receivedAtMs! >= fromMs && receivedAtMs! < toMs);
      const [sums] = await derived.statistics.sums({ fromMs, toMs, by: [] });
      expect(sums?.requests ?? 0).toBe(inside.length);
      expect(sums?.inputTokens ?? 0).toBe(inside.reduce((sum, { usage }) => sum + usage!.inputTokens!, 0));
      const opus = await derived.statistics.sums({
        fromMs,
        toMs,
        by: ['session'],
        where: { askedModel: 'opus' },
      });
      expect(opus.reduce((sum, { requests }) => sum + requests, 0)).toBe(
        inside.filter(({ askedModel }) => askedModel === 'opus').length,
      );
    }
    expect(await derived.statistics.sums({ by: [], where: { askedModel: 'never seen' } })).toEqual([]);
  });

  it('of many days say what single requests say, whatever they are kept apart by', async () => {
    const dayMs = 24 * hourMs;
    // The same day five times, and requests just before and just after midnight.
    const all = [0, 1, 2, 3, 4].flatMap((day) => [
      ...aDay()
        .slice(0, 40)
        .map((each) => ({ ...each, receivedAtMs: each.receivedAtMs! + day * dayMs })),
      { receivedAtMs: startMs + day * dayMs - 1, sessionId: 'three', askedModel: 'opus' },
      { receivedAtMs: startMs + day * dayMs, sessionId: 'three', askedModel: 'opus' },
    ]);
    await record(...all);
    const random = seededRandom(3);
    for (let attempt = 0; attempt < 30; attempt += 1) {
      const fromMs = startMs + random.integer(-hourMs, 3 * dayMs);
      const toMs = fromMs + random.pick([0, dayMs, 2 * dayMs, random.integer(0, 4 * dayMs)]);
      const inside = all.filter(({ receivedAtMs }) => receivedAtMs! >= fromMs && receivedAtMs! < toMs);
      for (const by of [
        [],
        ['askedModel'],
        ['session'],
        ['outcomeClass'],
        ['session', 'provider'],
        ['quarter'],
      ] as const) {
        const sums = await derived.statistics.sums({ fromMs, toMs, by });
        expect(sums.reduce((sum, { requests }) => sum + requests, 0)).toBe(inside.length);
      }
      const ofOne = { where: { session: 'one' }, by: ['askedModel'] } as const;
      const one = await derived.statistics.sums({ fromMs, toMs, ...ofOne });
      expect(one.reduce((sum, { requests }) => sum + requests, 0)).toBe(
        inside.filter(({ sessionId }) => sessionId === 'one').length,
      );
      const latencies = await derived.statistics.latencies({ fromMs, toMs, by: [], quantiles: [0.5] });
      expect(latencies[0]?.total.count ?? 0).toBe(inside.filter((each) => 'lastByteUs' in each).length);
      const tools = await derived.statistics.tools({ fromMs, toMs });
      expect(tools.find(({ tool }) => tool === 'Read')?.declared ?? 0).toBe(
        inside.filter((each) => 'toolsDeclared' in each).length,
      );
      const periods = [
        { fromMs: startMs, toMs: startMs + dayMs, period: 7 },
        { fromMs: startMs + dayMs, toMs: startMs + 5 * hourMs + dayMs, period: 8 },
      ];
      const kept = await derived.statistics.sums({ fromMs, toMs, by: [], periods });
      for (const { fromMs: from, toMs: to, period } of periods)
        expect(kept.find(({ key }) => key.period === period)?.requests ?? 0).toBe(
          inside.filter(({ receivedAtMs }) => receivedAtMs! >= from && receivedAtMs! < to).length,
        );
    }
  });

  it('by quarter hours add up to all', async () => {
    await record(...aDay());
    const quarters = await derived.statistics.sums({ by: ['quarter'] });
    expect(quarters).toHaveLength(24);
    expect(quarters.reduce((sum, { requests }) => sum + requests, 0)).toBe(600);
  });
});

describe('costs', () => {
  it('are those of the model that answered, and unknown is counted', async () => {
    const usage = { inputTokens: 1_000_000, outputTokens: 0 };
    await record(
      { provider: 'anthropic', askedModel: 'claude-opus-4-5', answeredModel: 'claude-haiku-4-5', usage },
      { provider: 'anthropic', askedModel: 'claude-haiku-4-5', usage },
      { provider: 'in-the-cellar', askedModel: 'claude-haiku-4-5', usage },
    );
    const [sums] = await derived.statistics.sums({ by: [] });
    // A dollar for a million tokens, twice.
    expect(sums).toMatchObject({ costNanos: 2e9, costUnknown: 1 });
  });
});

describe('latencies', () => {
  it('are at most 1 % off the true quantiles, in whole and in broken quarter hours', async () => {
    const all = aDay();
    await record(...all);
    for (const [fromMs, toMs] of [
      [startMs, startMs + 6 * hourMs],
      [startMs + 123_456, startMs + 5 * hourMs + 7],
    ] as const) {
      const times = all
        .filter(({ receivedAtMs }) => receivedAtMs! >= fromMs && receivedAtMs! < toMs)
        .map(({ lastByteUs }) => lastByteUs!)
        .sort((one, other) => one - other);
      const quantiles = [0.5, 0.95, 0.99];
      const [latencies] = await derived.statistics.latencies({ fromMs, toMs, by: ['provider'], quantiles });
      expect(latencies).toMatchObject({ key: { provider: 'anthropic' }, total: { count: times.length } });
      quantiles.forEach((share, index) => {
        const exact = times[Math.ceil(share * times.length) - 1]!;
        expect(Math.abs(latencies!.total.values[index]! - exact) / exact).toBeLessThanOrEqual(0.01);
      });
      expect(latencies?.firstByte).toEqual({ count: 0, values: [] });
    }
  });
});

describe('tools, sessions and agents', () => {
  it('T4: tell tools that were offered from calls that were made', async () => {
    const all = aDay();
    await record(...all);
    const tools = await derived.statistics.tools({});
    const called = all.reduce((sum, { toolsCalled }) => sum + toolsCalled!.length, 0);
    expect(tools.sort((one, other) => one.tool.localeCompare(other.tool))).toEqual([
      {
        tool: 'Bash',
        declared: 600,
        called,
        calledIn: all.filter(({ toolsCalled }) => toolsCalled!.length > 0).length,
      },
      { tool: 'Read', declared: 600, called: 0, calledIn: 0 },
    ]);
    const [fromMs, toMs] = [startMs + 1_000_000, startMs + 1_100_000];
    const inside = all.filter(({ receivedAtMs }) => receivedAtMs! >= fromMs && receivedAtMs! < toMs);
    expect((await derived.statistics.tools({ fromMs, toMs }))[0]?.declared).toBe(inside.length);
  });

  it('know when they were active and who started whom', async () => {
    await record(
      { receivedAtMs: startMs + 5, sessionId: 's' },
      { receivedAtMs: startMs + 9, sessionId: 's', agentId: 'a', agentName: 'reviewer' },
      { receivedAtMs: startMs + 7, sessionId: 's', agentId: 'b', parentAgentId: 'a' },
      { receivedAtMs: startMs + 1, sessionId: 'earlier' },
    );
    const sessions = await derived.statistics.sessions({ limit: 10 });
    expect(
      sessions.map(({ sessionId, firstAtMs, lastAtMs, requests }) => [
        sessionId,
        firstAtMs,
        lastAtMs,
        requests,
      ]),
    ).toEqual([
      ['s', startMs + 5, startMs + 9, 3],
      ['earlier', startMs + 1, startMs + 1, 1],
    ]);
    expect(await derived.statistics.agents('s')).toMatchObject([
      { agentId: undefined, requests: 1 },
      { agentId: 'b', parentAgentId: 'a' },
      { agentId: 'a', parentAgentId: undefined, agentName: 'reviewer' },
    ]);
    expect(await derived.statistics.agents('never seen')).toEqual([]);
  });
});
