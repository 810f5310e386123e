import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTestPlace, type TestPlace } from './testing/load-text.ts';

let place: TestPlace;
beforeEach(() => {
  place = makeTestPlace();
});
afterEach(() => place[Symbol.dispose]());

const providers = `providers:
  openai: { format: openai, base_url: "https://api.openai.com/v1", api_key: k }
  gemini: { format: openai, base_url: "https://generativelanguage.googleapis.com/v1beta/openai/" }
`;

describe('routes', () => {
  it('are read with every part of a condition', async () => {
    const { config } = await place.loaded(`${providers}
routes:
  - name: night
    when: { agent: [a, "b*"], model: m, session: s, path: /v1/messages, tag: t, class: main, tool: Bash,
            header: { x-team: red }, body_bytes: ">= 1KiB", thinking: true, time: "22:00-06:30" }
    to: openai:gpt:5
    because: it is dark
  - to: { provider: gemini }
`);
    expect(config.core.routes).toEqual([
      {
        name: 'rule 1 (night)',
        when: {
          agent: ['a', 'b*'],
          model: ['m'],
          session: ['s'],
          path: ['/v1/messages'],
          tag: ['t'],
          class: ['main'],
          tool: ['Bash'],
          header: { 'x-team': ['red'] },
          bodyBytes: { min: 1024, max: Number.MAX_SAFE_INTEGER },
          thinking: true,
          time: { fromMinute: 1320, toMinute: 390 },
        },
        to: { provider: 'openai', model: 'gpt:5' },
        because: 'it is dark',
      },
      { name: 'rule 2', when: {}, to: { provider: 'gemini' } },
    ]);
  });

  it.each([
    ['{}', 'is not a list of rules'],
    ['[{}]', 'rule 1 that leads nowhere'],
    ['[{to: openai, wenn: {}}]', 'unknown key "wenn"'],
    ['[{to: openai, when: {agnet: a}}]', 'unknown key "agnet"'],
    ['[{to: openai, when: {time: "25:00-26:00"}}]', 'not a span of the day'],
    ['[{to: openai, when: {body_bytes: big}}]', 'not a size'],
    ['[{to: openai, when: {thinking: maybe}}]', 'not true or false'],
    ['[{to: openia}]', "names the provider 'openia', which does not exist"],
  ])('%s is refused with a sentence that says why', async (rules, sentence) => {
    const problems = await place.problems(`${providers}routes: ${rules}\n`);
    expect(problems).toMatchObject([{ sentence: expect.stringContaining(sentence) }]);
  });
});

describe('the credential of a provider', () => {
  it('is its key, the one of the client for the default, and none for all others', async () => {
    const { config } = await place.loaded(providers);
    const auth = Object.fromEntries(config.core.providers.map(({ name, auth }) => [name, auth]));
    expect(auth).toEqual({ anthropic: 'client', openai: 'key', gemini: 'none' });
  });

  it('cannot be a key that is not there', async () => {
    const text = 'providers: {x: {format: openai, base_url: "https://x.example", auth: key}}\n';
    expect(await place.problems(text)).toMatchObject([{ sentence: expect.stringContaining('has none') }]);
  });
});

describe('P4: the address of a provider of the OpenAI format', () => {
  it.each([
    ['https://api.openai.com', ''],
    ['https://api.openai.com/v1', ''],
    ['https://openrouter.ai/api/v1', '/api'],
    ['https://name.openai.azure.com/openai/v1', '/openai'],
    ['http://localhost:1234/v1', ''],
  ])('%s has /v1 behind it', async (url, basePath) => {
    const { config } = await place.loaded(`providers: {x: {format: openai, base_url: "${url}"}}\n`);
    const provider = config.core.providers.find(({ name }) => name === 'x');
    expect(provider).toMatchObject({ basePath });
    expect(provider?.versionPath).toBeUndefined();
  });

  it.each([
    ['https://generativelanguage.googleapis.com/v1beta/openai/', '/v1beta/openai'],
    ['https://api.z.ai/api/paas/v4', '/api/paas/v4'],
  ])('%s is taken as it is', async (url, basePath) => {
    const { config } = await place.loaded(`providers: {x: {format: openai, base_url: "${url}"}}\n`);
    expect(config.core.providers.find(({ name }) => name === 'x')).toMatchObject({
      basePath,
      versionPath: '',
    });
  });
});
