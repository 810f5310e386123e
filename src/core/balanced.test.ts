import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BalanceGroup, CoreProvider } from '#core-config';
import {
  askOnce,
  type CoreAlone,
  type FakeProvider,
  readExchanges,
  startCoreAlone,
  startFakeProvider,
} from '#test-support';

let fakes: FakeProvider[];
let core: CoreAlone;
let other: CoreAlone;

const among: BalanceGroup = {
  by: 'quality for task review',
  candidates: [
    { provider: 'a', model: 'big-a', score: 9, weight: 2 },
    { provider: 'b', model: 'big-b', score: 8, weight: 1 },
    { provider: 'c', score: 7, weight: 1 },
  ],
};

beforeAll(async () => {
  fakes = await Promise.all(['a', 'b', 'c'].map(() => startFakeProvider()));
  const formats = ['anthropic', 'anthropic', 'openai'] as const;
  const providers = fakes.map(
    ({ origin }, at): CoreProvider => ({
      name: 'abc'[at]!,
      format: formats[at]!,
      basePath: '',
      origin,
      auth: 'none',
    }),
  );
  const start = () =>
    startCoreAlone({
      providerOrigin: fakes[0]!.origin,
      config: {
        providers,
        defaultProvider: 'a',
        routes: [
          { name: 'rule 1', when: {}, to: { provider: 'a', model: 'big-a', among }, because: 'shared' },
        ],
      },
    });
  [core, other] = await Promise.all([start(), start()]);
});
afterAll(async () => {
  await Promise.all([core?.stop(), other?.stop()]);
  await Promise.all((fakes ?? []).map((fake) => fake.close()));
});
afterEach(() => {
  for (const fake of fakes) fake.forget();
});

const ask = (where: CoreAlone, session?: string) =>
  askOnce(where.url, {
    method: 'POST',
    target: '/v1/messages',
    headers: session === undefined ? [] : [['x-claude-code-session-id', session]],
    body: '{"model":"claude-x","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}',
  });
const counts = () => fakes.map(({ requests }) => requests.length);

describe('a rule that several providers share', () => {
  it('P19: sends them requests without a session by their weights, each with its own model', async () => {
    for (let i = 0; i < 8; i += 1) await ask(core);
    expect(counts()).toEqual([4, 2, 2]);
    const modelsOf = (at: number) =>
      new Set(
        fakes[at]!.requests.map(({ body }) => (JSON.parse(body.toString()) as { model: string }).model),
      );
    expect([0, 1, 2].map((at) => [...modelsOf(at)])).toEqual([['big-a'], ['big-b'], ['claude-x']]);
    const [first] = await readExchanges(core.journalDirectory);
    expect(first!.route).toMatchObject({
      provider: 'a',
      reason: 'rule 1: shared; a is its turn, share 2 of 4 by quality for task review',
    });
  });

  it('leaves a session where it is, in each process of core', async () => {
    const homes = new Set<number>();
    for (let i = 0; i < 10; i += 1) {
      for (const fake of fakes) fake.forget();
      for (const where of [core, other, core]) await ask(where, `session-${i}`);
      const home = counts().findIndex((count) => count > 0);
      expect(counts()[home]).toBe(3);
      homes.add(home);
    }
    expect(homes.size).toBe(3);
  });

  it('says in the record that it was the place of the session', async () => {
    await ask(core, 'session-x');
    const exchange = (await readExchanges(core.journalDirectory)).at(-1)!;
    expect(exchange.route?.reason).toMatch(
      /^rule 1: shared; [abc] is the place of this session, share [12] of 4 by/,
    );
  });
});
