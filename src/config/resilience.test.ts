import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTestPlace, type TestPlace } from './testing/load-text.ts';

let place: TestPlace;
beforeEach(() => {
  place = makeTestPlace();
});
afterEach(() => place[Symbol.dispose]());

const core = async (text: string, name: string, env: Record<string, string> = {}) => {
  const { config } = await place.loaded(text, env);
  return config.core.providers.find((provider) => provider.name === name);
};
const base = 'format: openai, base_url: "https://a.example"';

describe('what is done about a provider that fails', () => {
  it('is nothing as long as nobody has asked for it', async () => {
    const provider = await core('', 'anthropic');
    expect(provider).toBeDefined();
    expect(provider).not.toHaveProperty('resilience');
  });

  it('P12: comes from the keys that older files have', async () => {
    const text = `providers:
  a: {${base}, max_retries: 2, fallback_provider: b, circuit_breaker: {enabled: true, max_failures: 4, timeout: 5s}}
  b: {${base}, fallback_provider: anthropic}
`;
    expect((await core(text, 'a'))?.resilience).toEqual({
      retry: { max: 2, statuses: [429, 500, 502, 503, 504, 529], onNoAnswer: true, waitMsMax: 30_000 },
      breaker: { failuresMax: 4, openMs: 5_000 },
      fallback: [{ provider: 'b' }, { provider: 'anthropic' }],
    });
  });

  it('can be said in more detail, per provider and per rule', async () => {
    const text = `providers:
  a: {${base}, max_retries: 1, fallback_provider: b, fallback: ["b:m:1", anthropic], retries: {on: [529, "500"], max_wait: 2s}}
  b: {${base}}
routes:
  - { to: a, fallback: ["anthropic:big"] }
`;
    expect((await core(text, 'a'))?.resilience).toEqual({
      retry: { max: 1, statuses: [529, 500], onNoAnswer: false, waitMsMax: 2_000 },
      fallback: [{ provider: 'b', model: 'm:1' }, { provider: 'anthropic' }],
    });
    const { config } = await place.loaded(text);
    expect(config.core.routes).toMatchObject([{ fallback: [{ provider: 'anthropic', model: 'big' }] }]);
  });

  it('P18: has no retries with 0, in the file as in the environment', async () => {
    expect(await core(`providers: {a: {${base}, max_retries: 0}}`, 'a')).not.toHaveProperty('resilience');
    expect(await core('', 'anthropic', { ANTHROPIC_MAX_RETRIES: '0' })).not.toHaveProperty('resilience');
    expect((await core('', 'anthropic', { ANTHROPIC_MAX_RETRIES: '3' }))?.resilience?.retry?.max).toBe(3);
  });
});
