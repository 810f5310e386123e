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
    ['[{}]', 'rule 1 leads nowhere'],
    ['[{to: openai, wenn: {}}]', 'unknown key "wenn"'],
    ['[{to: openai, when: {agnet: a}}]', 'unknown key "agnet"'],
    ['[{to: openai, when: {time: "25:00-26:00"}}]', 'not a span of the day'],
    ['[{to: openai, when: {time: "23:00-24:30"}}]', 'not a span of the day'],
    ['[{to: openai, when: {body_bytes: big}}]', 'not a size'],
    ['[{to: openai, when: {thinking: maybe}}]', 'not true or false'],
    ['[{to: openia}]', "names the provider 'openia', which does not exist"],
  ])('%s is refused with a sentence that says why', async (rules, sentence) => {
    const problems = await place.problems(`${providers}routes: ${rules}\n`);
    expect(problems).toMatchObject([{ sentence: expect.stringContaining(sentence) }]);
  });

  it('are refused all at once, each in its place', async () => {
    const problems = await place.problems(`${providers}routes:
  - { to: openai }
  - { to: openai, when: { modle: x } }
  - { to: gemini, when: { thinking: maybe } }
  - text
`);
    expect(problems).toMatchObject([
      { line: 6, sentence: 'rule 2 has the unknown key "modle"', fix: 'Did you mean "model"?' },
      { line: 7, sentence: 'rule 3 has a when.thinking that is not true or false' },
      { line: 8, sentence: 'rule 4 is not a mapping of keys to values' },
    ]);
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

describe('a rule for several providers', () => {
  const graded = `${providers}
routing:
  preferences: { default: cost }
  tasks:
    review: { preference: quality, providers: [gemini, openai] }
    anything: { preference: speed }
  provider_profiles:
    openai: { speed: 2, cost: 3, quality: 9 }
    gemini: { speed: 9, cost: 8, quality: 4 }
`;
  const among = async (to: string) => {
    const { config } = await place.loaded(
      `${graded}routes: [{ to: ${to} }, { to: { task: review } }, { to: { task: anything } }]\n`,
    );
    const target = config.core.routes![0]!.to;
    return {
      best: target.provider,
      by: target.among?.by,
      ranked: target.among?.candidates.map(({ provider, score, weight }) => [provider, score, weight]),
    };
  };

  it('P19: ranks them by what matters, and weighs them by their profile; without one all grades are 5', async () => {
    expect(await among('{ providers: [openai, gemini, anthropic] }')).toEqual({
      best: 'gemini',
      by: 'cost',
      ranked: [
        ['gemini', 20, 7],
        ['openai', 15, 4.67],
        ['anthropic', 15, 5],
      ],
    });
    const ranks = async (preference: string) =>
      (await among(`{ providers: [openai, gemini, anthropic], preference: ${preference} }`)).ranked!.map(
        (one) => one.slice(0, 2),
      );
    expect(await ranks('speed')).toEqual([
      ['gemini', 22],
      ['anthropic', 15],
      ['openai', 13],
    ]);
    expect(await ranks('quality')).toEqual([
      ['openai', 27],
      ['anthropic', 15],
      ['gemini', 12],
    ]);
    expect(await ranks('balanced')).toEqual([
      ['gemini', 21],
      ['anthropic', 15],
      ['openai', 14],
    ]);
  });

  it('P19: takes providers and preference from its task, and else all and the general one', async () => {
    expect(await among('{ task: review }')).toMatchObject({
      best: 'openai',
      by: 'quality for task review',
      ranked: [
        ['openai', 27, 4.67],
        ['gemini', 12, 7],
      ],
    });
    expect((await among('{ task: anything }')).ranked).toHaveLength(3);
    expect((await among('{ task: review, providers: [anthropic, gemini], preference: speed }')).best).toBe(
      'gemini',
    );
  });

  it('gives each its model and its weight where the rule says so', async () => {
    const text = `${graded}routes: [{ to: { providers: ["openai:gpt-5", { provider: gemini, model: flash, weight: 9 }, anthropic], model: other } }]`;
    const { config } = await place.loaded(text);
    expect(config.core.routes![0]!.to).toMatchObject({ provider: 'gemini', model: 'flash' });
    expect(config.core.routes![0]!.to.among!.candidates).toMatchObject([
      { provider: 'gemini', model: 'flash', weight: 9 },
      { provider: 'openai', model: 'gpt-5' },
      { provider: 'anthropic', model: 'other' },
    ]);
  });

  it('names only what exists, and is warned about what nothing uses', async () => {
    const problem = async (to: string) =>
      (await place.problems(`${graded}routes: [{ to: ${to} }]`)).map(
        ({ sentence, fix }) => `${sentence} ${fix ?? ''}`,
      );
    expect(await problem('{ task: reviews }')).toEqual([
      "routes.0.to names the task 'reviews', which routing.tasks does not have Did you mean 'review'?",
    ]);
    expect(await problem('{ providers: [openia] }')).toEqual([
      expect.stringMatching(/'openia', which does not exist/),
    ]);
    for (const wrong of [
      '{ providers: [] }',
      '{ task: 3 }',
      '{ preference: cheap }',
      '{ providers: [{ provider: openai, weight: -1 }] }',
      '{ task: review, of: x }',
    ])
      expect(await problem(wrong), wrong).toHaveLength(1);
    const { warnings } = await place.loaded(graded);
    expect(warnings.map(({ sentence }) => sentence)).toEqual([
      "no rule leads to task 'review': write to: { task: review } in one of routes",
      "no rule leads to task 'anything': write to: { task: anything } in one of routes",
      'no rule leads to several providers, so profiles decide nothing',
    ]);
  });
});
