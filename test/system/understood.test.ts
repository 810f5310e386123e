import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  askOnce,
  type FakeProvider,
  startFakeProvider,
  startThroughline,
  type Throughline,
  waitFor,
} from '#test-support';
import { runCommand } from './handover-fixture.ts';

// All services as they really run: what core wrote is understood, and stays so while it is derived anew.
let provider: FakeProvider;
let throughline: Throughline;

beforeAll(async () => {
  provider = await startFakeProvider();
  throughline = await startThroughline({ providerOrigin: provider.origin });
});
afterAll(async () => {
  await throughline?.stop();
  await provider?.close();
});

async function say(text: string): Promise<void> {
  const client = new Anthropic({ apiKey: 'sk-ant-test', baseURL: throughline.frontUrl, maxRetries: 0 });
  const messages = [{ role: 'user' as const, content: text }];
  await client.messages.stream({ model: 'claude-fake', max_tokens: 64, messages }).finalMessage();
}

async function json<T>(target: string): Promise<T> {
  const answer = await askOnce(throughline.dataUrl, { target });
  expect(answer.status, target).toBe(200);
  return JSON.parse(answer.body.toString()) as T;
}

const range = () => `start=2000-01-01&end=${new Date(Date.now() + 60_000).toISOString()}`;

async function counted(): Promise<number> {
  const { modelStats } = await json<{ modelStats: { requests: number }[] }>(`/api/stats/models?${range()}`);
  return modelStats.reduce((sum, { requests }) => sum + requests, 0);
}

async function isFound(word: string): Promise<boolean> {
  return (await json<{ total: number }>(`/api/v2/search?q=${word}`)).total > 0;
}

describe('what core wrote', () => {
  it('is in statistics and found by what was said, moments later', async () => {
    await say('Where does the narwhal sleep?');
    const answeredAt = performance.now();
    await waitFor(async () => (await counted()) === 1);
    const countedMs = performance.now() - answeredAt;
    await waitFor(() => isFound('narwhal'));
    const foundMs = performance.now() - answeredAt;
    console.log(
      `in statistics ${Math.round(countedMs)} ms after the answer, found ${Math.round(foundMs)} ms after it`,
    );
  });

  it('is answered the same while everything is derived anew under traffic, and afterwards', async () => {
    for (let n = 0; n < 20; n += 1) await say(`sentence number${n}`);
    await waitFor(() => isFound('number19'));
    const before = await counted();
    const rebuild = await runCommand(throughline, ['derive', 'rebuild']);
    expect(rebuild.code, rebuild.stderr).toBe(0);
    let asked = 0;
    await waitFor(async () => {
      // Whatever of the two is read, it has what was there before.
      expect(await counted()).toBeGreaterThanOrEqual(before);
      expect(await isFound('narwhal')).toBe(true);
      await say(`sentence during${asked}`);
      asked += 1;
      const { derived } = await json<{ derived: { state: string } }>('/health');
      return asked >= 10 && derived.state === 'current';
    });
    await waitFor(async () => (await counted()) === before + asked);
    await waitFor(() => isFound(`during${asked - 1}`));
    expect(await isFound('number0')).toBe(true);
  });
});
