import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatConfigProblem } from './config-problem.ts';
import { makeTestPlace, type TestPlace } from './testing/load-text.ts';

let place: TestPlace;
beforeEach(() => {
  place = makeTestPlace();
});
afterEach(() => place[Symbol.dispose]());

const sentences = async (text: string, env: Record<string, string> = {}): Promise<string[]> =>
  (await place.problems(text, env)).map(({ sentence }) => sentence);

const provider = (lines: string): string => `providers: {x: {${lines}}}`;
const good = 'format: openai, base_url: "https://x.example"';

describe('a file that is not understood', () => {
  it('P16: is refused when it is not valid YAML, with line and column', async () => {
    const broken = {
      'server:\n  port: [1\n': 'E1002',
      'server: {port: 1}\nserver: {port: 2}\n': 'E1002',
      'a: 1\n---\nb: 2\n': 'E1002',
      '- a\n- b\n': 'E1002',
      'server: !!js/function x\n': 'E1002',
      '\tserver: 1': 'E1002',
    };
    for (const [text, code] of Object.entries(broken)) {
      const [problem] = await place.problems(text);
      expect(problem, text).toMatchObject({ code, file: place.dir.join('config.yaml') });
      expect(problem?.line, text).toBeGreaterThanOrEqual(1);
      expect(problem?.column, text).toBeGreaterThanOrEqual(1);
    }
  });

  it('SEC-21: aliases that multiply are refused instead of expanded', async () => {
    const levels = Array.from({ length: 12 }, (_, n) => `l${n + 1}: &l${n + 1} [${`*l${n}, `.repeat(9)}]`);
    const [problem] = await place.problems(`l0: &l0 [x]\n${levels.join('\n')}\n`);
    expect(problem?.code).toBe('E1002');
  });

  it('P17: names the nearest key for one that does not exist, at every level', async () => {
    const problems = await place.problems('servr: {}\nproviders:\n  anthropic:\n    base_uri: https://x\n');
    expect(problems).toMatchObject([
      { code: 'E1004', line: 1, column: 1, sentence: 'unknown key "servr"', fix: 'Did you mean "server"?' },
      {
        code: 'E1004',
        line: 4,
        column: 5,
        sentence: 'unknown key "base_uri" in providers.anthropic',
        fix: 'Did you mean "base_url"?',
      },
    ]);
  });

  it('has all its problems reported, not only the first', async () => {
    const text = 'server:\n  port: x\n  nope: 1\nproviders:\n  a: {format: foo}\nlog: {level: loud}\n';
    const problems = await place.problems(text);
    expect(problems.map(({ code, line }) => `${code} ${line}`)).toEqual([
      'E1003 2',
      'E1004 3',
      'E1006 5',
      'E1006 5',
      'E1003 6',
    ]);
  });

  it('SEC-13: keys that objects treat specially are keys like any other, and unknown', async () => {
    for (const key of ['__proto__', 'constructor', 'prototype', 'toString']) {
      const [problem] = await place.problems(`${key}: {polluted: true}`);
      expect(problem?.code, key).toBe('E1004');
      const named = await place.problems(`providers: {${key}: {format: openai, polluted: true}}`);
      expect(named.length, key).toBeGreaterThan(0);
    }
    expect('polluted' in {}).toBe(false);
  });

  it('gets durations and sizes explained', async () => {
    const [timeout] = await place.problems('server: {timeouts: {read: 600}}');
    expect(timeout).toMatchObject({ sentence: 'server.timeouts.read is not a duration: 600' });
    expect(timeout?.fix).toContain('"600s"');
    expect(await sentences('journal: {quota: lots}')).toEqual(['journal.quota is not a size: "lots"']);
  });

  it('P17: gets an undefined variable pointed out where it is used', async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: variables of the configuration look like this.
    const [problem] = await place.problems('providers:\n  anthropic:\n    api_key: "${MISSING_KEY}"\n');
    expect(problem).toMatchObject({ code: 'E1005', line: 3, column: 14 });
    expect(problem?.sentence).toBe('the variable MISSING_KEY is not set and has no default');
  });

  it.each([
    ['in a query of an address', 'base_url: https://a.example/?k=hush-abc'],
    ['in a query of an address without scheme', 'base_url: a.example/?k=hush-abc'],
    ['in a login without scheme', 'base_url: me:hush-abc@a.example'],
    ['on the line after its key', 'api_key:\n      - hush-abc'],
    ['in quotes on the line after its key', 'api_key:\n      [\n      "hush-abc"]'],
    ['as a mapping', 'api_key:\n      x: hush-abc'],
    ['as an alias', 'api_key: *hush-abc'],
    ['as a tag', 'api_key: !hush-abc x'],
    ['not indented enough', 'api_key:\n   hush-abc'],
    ['without a colon', 'api_key hush-abc: 1'],
    ['under a key that does not exist', 'authorization: Bearer hush-abc'],
  ])('shows no secret that stands %s', async (_where, line) => {
    const problems = await place.problems(`providers:\n  openai:\n    format: openai\n    ${line}\n`);
    expect(problems).not.toEqual([]);
    expect(problems.map(formatConfigProblem).join('\n')).not.toContain('hush-abc');
  });

  it('never has its secrets in a problem', async () => {
    const text = 'providers:\n  anthropic: {api_key: [secret-abc], base_url: "https://me:secret-abc@x"}\n';
    const problems = await place.problems(text);
    expect(problems).toHaveLength(2);
    expect(problems.map(formatConfigProblem).join('\n')).not.toContain('secret-abc');
  });
});

describe('a printed problem', () => {
  it('says what is wrong, shows where, and says what to do', async () => {
    const [problem] = await place.problems('providers:\n  anthropic:\n    base_uri: https://x\n');
    expect(formatConfigProblem(problem!)).toBe(
      [
        `✖ E1004 ${place.dir.join('config.yaml')}:3:5  unknown key "base_uri" in providers.anthropic`,
        '    3 |     base_uri: https://x',
        '      |     ^^^^^^^^',
        '  Did you mean "base_url"?',
      ].join('\n'),
    );
  });
});

describe('a provider', () => {
  const choices = "(must be 'anthropic' or 'openai')";

  it('needs a format and a base_url', async () => {
    expect(await sentences(provider('api_key: k'))).toEqual([
      `provider 'x' is missing required 'format' field ${choices}`,
      "provider 'x' is missing required 'base_url' field",
    ]);
    expect(await sentences(provider('format: grpc, base_url: "https://x"'))).toEqual([
      `provider 'x' has invalid format 'grpc' ${choices}`,
    ]);
  });

  it('named anthropic has format and address by default', async () => {
    const { config } = await place.loaded('providers: {anthropic: {api_key: k}}');
    expect(config.core.providers[0]).toMatchObject({
      format: 'anthropic',
      origin: 'https://api.anthropic.com',
    });
  });

  it('falls back only to another provider that exists, and never in a circle', async () => {
    expect(await sentences(provider(`${good}, fallback_provider: antropic`))).toEqual([
      "provider 'x' has invalid fallback_provider 'antropic' (provider does not exist)",
    ]);
    expect(await sentences(provider(`${good}, fallback_provider: x`))).toEqual([
      "provider 'x' cannot have itself as fallback_provider",
    ]);
    const circle = `providers: {a: {${good}, fallback_provider: b}, b: {${good}, fallback_provider: a}}`;
    expect(await sentences(circle)).toEqual([
      "circular fallback chain detected involving provider 'a'",
      "circular fallback chain detected involving provider 'b'",
    ]);
  });

  it('has a circuit breaker whose timeout is a duration', async () => {
    const [sentence] = await sentences(provider(`${good}, circuit_breaker: {timeout: soon}`));
    expect(sentence).toContain(`provider 'x': invalid circuit_breaker.timeout "soon"`);
  });

  it('is taken over by providers that exist, and nothing is tried again that is a mistake of the client', async () => {
    expect(await sentences(provider(`${good}, fallback: [anthropic, "antropic:m"]`))).toEqual([
      "providers.x.fallback names the provider 'antropic', which does not exist",
    ]);
    expect(await sentences(provider(`${good}, fallback: [anthropic, x]`))).toEqual([
      "provider 'x' cannot have itself in fallback",
    ]);
    expect(await sentences(provider(`${good}, fallback: ["x:small"]`))).toEqual([]);
    expect(await sentences('routes: [{to: anthropic, fallback: "nobody:m"}]')).toEqual([
      "routes.0.fallback names the provider 'nobody', which does not exist",
    ]);
    expect(await sentences(provider(`${good}, fallback: [":m"]`))).toEqual([
      expect.stringContaining("provider 'x' has an entry of fallback that"),
    ]);
    for (const cause of [400, 401, 404, 600, '"soon"', '[429, {}]']) {
      expect(await sentences(provider(`${good}, retries: {on: ${cause}}`)), String(cause)).toEqual([
        expect.stringContaining('has an entry that nothing is tried again for'),
      ]);
    }
  });

  it('P18: may have max_retries 0, and 0 stays 0', async () => {
    const { config } = await place.loaded(provider(`${good}, max_retries: 0`));
    expect(config.data.shown).toMatchObject({ providers: { x: { max_retries: 0 } } });
  });

  it('cannot be our own address', async () => {
    for (const address of ['http://localhost:3000', 'http://127.0.0.1:3001/v1', 'http://[::1]:3002']) {
      const [sentence] = await sentences(`providers: {anthropic: {base_url: "${address}"}}`);
      expect(sentence, address).toContain('our own address');
    }
  });

  it('with a key that belongs to Anthropic is only a warning', async () => {
    const { warnings } = await place.loaded(provider(`${good}, api_key: sk-ant-example`));
    expect(warnings).toMatchObject([{ code: 'W1011' }]);
    expect(warnings.map(formatConfigProblem).join('\n')).not.toContain('sk-ant-example');
  });

  it('can have certificate authorities of its own', async () => {
    const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    writeFileSync(place.dir.join('ca.pem'), pem);
    const { config } = await place.loaded(provider(`${good}, ca_file: ca.pem`));
    expect(config.core.providers.find(({ name }) => name === 'x')?.ca).toBe(pem);
    const [sentence] = await sentences(provider(`${good}, ca_file: gone.pem`));
    expect(sentence).toContain(place.dir.join('gone.pem'));
  });
});

describe('what names a provider', () => {
  it('is checked, and a close name is offered', async () => {
    const text = 'default_provider: antropic\nsubagents: {mappings: {a: "nope:m", b: "anthropic"}}\n';
    const problems = await place.problems(text);
    expect(problems).toMatchObject([
      {
        sentence: "default_provider names the provider 'antropic', which does not exist",
        fix: "Did you mean 'anthropic'?",
      },
      { sentence: "subagents.mappings.a names the provider 'nope', which does not exist" },
      { sentence: `the mapping of subagent 'b' is not "provider:model"` },
    ]);
  });

  it('is accepted when it exists', async () => {
    const text = `providers: {x: {${good}}}\ndefault_provider: x\nsubagents: {enable: true, mappings: {a: "x:m:1"}}\n`;
    const { config, warnings } = await place.loaded(text);
    expect(config.core.defaultProvider).toBe('x');
    expect(config.core.routes).toEqual([
      { name: 'the mapping of subagent a', when: { agent: ['a'] }, to: { provider: 'x', model: 'm:1' } },
    ]);
    expect(warnings).toEqual([]);
  });
});
