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
    for (const key of ['retries', 'breaker', 'fallback', 'fallbackStayMs'])
      expect(provider).not.toHaveProperty(key);
  });

  it('P12: comes from the keys that older files have', async () => {
    const text = `providers:
  a: {${base}, max_retries: 2, fallback_provider: b, circuit_breaker: {enabled: true, max_failures: 4, timeout: 5s}}
  b: {${base}, fallback_provider: anthropic}
`;
    expect(await core(text, 'a')).toMatchObject({
      retries: { max: 2, on: [429, 500, 502, 503, 504, 529, 'connection'], maxWaitMs: 30_000 },
      breaker: { failuresMax: 4, pauseMs: 5_000 },
      fallback: [{ provider: 'b' }, { provider: 'anthropic' }],
    });
  });

  it('can be said in more detail, which goes before', async () => {
    const text = `providers:
  a: {${base}, max_retries: 2, fallback_provider: b, fallback: ["b:m:1", anthropic], fallback_stay: 5m,
      retries: {max: 1, on: [529, "500", timeout, 529], max_wait: 2s}}
  b: {${base}}
`;
    expect(await core(text, 'a')).toMatchObject({
      retries: { max: 1, on: [529, 500, 'timeout'], maxWaitMs: 2_000 },
      fallback: [{ provider: 'b', model: 'm:1' }, { provider: 'anthropic' }],
      fallbackStayMs: 300_000,
    });
  });

  it('P18: has no retries with 0, in whichever key it stands', async () => {
    expect(await core(`providers: {a: {${base}, max_retries: 0}}`, 'a')).not.toHaveProperty('retries');
    const both = `providers: {a: {${base}, max_retries: 3, retries: {max: 0}}}`;
    expect(await core(both, 'a')).not.toHaveProperty('retries');
    expect(await core('', 'anthropic', { ANTHROPIC_MAX_RETRIES: '0' })).not.toHaveProperty('retries');
  });
});
