// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the configuration look like this.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureDataDir } from './data-directory.ts';
import { makeTestPlace, type TestPlace } from './testing/load-text.ts';

let place: TestPlace;
beforeEach(() => {
  place = makeTestPlace();
});
afterEach(() => place[Symbol.dispose]());

/** A configuration with the provider `third`, and these further keys of it. */
const third = (more: string, baseUrl = 'https://one.example/v1') =>
  `providers:\n  third: { format: openai, base_url: "${baseUrl}", ${more} }\n`;
const provider = async (more: string) => {
  const { config } = await place.loaded(third(more));
  return config.core.providers.find(({ name }) => name === 'third')!;
};
const sentences = async (text: string, env: Record<string, string> = {}) =>
  (await place.problems(text, env)).map(({ code, sentence }) => `${code} ${sentence}`);

describe('the key of a provider', () => {
  const writeKey = (content: string, mode = 0o600) => {
    writeFileSync(place.dir.join('third.key'), content);
    chmodSync(place.dir.join('third.key'), mode);
  };

  it('is read from a file beside the configuration, without what editors put around it', async () => {
    writeKey('\uFEFF  sk-of-the-file \r\n\n');
    expect(await provider('api_key_file: third.key')).toMatchObject({
      auth: 'key',
      apiKey: 'sk-of-the-file',
    });
  });

  it('is read again by every load', async () => {
    writeKey('first');
    await provider('api_key_file: third.key');
    writeKey('second');
    expect((await provider('api_key_file: third.key')).apiKey).toBe('second');
  });

  it('is warned about when others may read its file', async () => {
    writeKey('sk-open', 0o644);
    const { warnings } = await place.loaded(third('api_key_file: third.key'));
    expect(warnings).toMatchObject([{ code: 'W1011', line: 2 }]);
    expect(warnings[0]!.sentence).toMatch(/other users may read the key in .*third\.key; chmod 600/);
  });

  it('is missed with the name of the file, and nothing that the file holds is shown', async () => {
    const text = third('api_key_file: third.key');
    expect(await sentences(text)).toEqual([
      expect.stringMatching(/^E1003 api_key_file .*third\.key does not exist$/),
    ]);
    for (const [content, wrong] of [
      ['', /is empty/],
      ['planted one\nplanted two\n', /holds something else than one line/],
      [`planted${'x'.repeat(70_000)}`, /is larger than 65536 bytes/],
    ] as const) {
      writeKey(content);
      const problems = await place.problems(text);
      expect(problems.map(({ sentence }) => sentence)).toEqual([expect.stringMatching(wrong)]);
      expect(JSON.stringify(problems)).not.toContain('planted');
    }
  });

  it('is not waited for when its file is a pipe or a directory', async () => {
    const text = third('api_key_file: third.key');
    execFileSync('mkfifo', [place.dir.join('third.key')]);
    expect(await sentences(text)).toEqual([expect.stringMatching(/is not a file$/)]);
    mkdirSync(place.dir.join('directory'));
    expect(await sentences(third('api_key_file: directory'))).toEqual([
      expect.stringMatching(/is not a file$/),
    ]);
  });

  it('may be several with shares of the work, also from files', async () => {
    writeKey('from-file');
    const found = await provider(
      'api_keys: [plain, { key: heavy, weight: 3 }, { file: third.key, weight: 0 }]',
    );
    expect(found.apiKeys).toEqual([
      { key: 'plain', weight: 1 },
      { key: 'heavy', weight: 3 },
      { key: 'from-file', weight: 0 },
    ]);
    expect(found.apiKey).toBe('plain');
  });

  it('comes from the environment where a variable has it, whatever the file says', async () => {
    const text =
      'providers: { openai: { format: openai, base_url: "https://o.example", api_key_file: not-there } }';
    const { config } = await place.loaded(text, { OPENAI_API_KEY: 'of-the-variable' });
    expect(config.core.providers.find(({ name }) => name === 'openai')!.apiKey).toBe('of-the-variable');
  });

  it('stands in one place only, and is something that a header can carry', async () => {
    expect(await sentences(third('api_key: a, api_keys: [b]'))).toEqual([
      "E1006 provider 'third' has its key in two places",
    ]);
    expect(await sentences(third('api_key: "planted\\r\\nx-evil: 1"'))).toEqual([
      'E1003 providers.third.api_key is not a text that can be a key',
    ]);
    for (const wrong of [
      '[]',
      'text',
      '[{ key: a, file: b }]',
      '[{ key: "a b" }]',
      '[{ key: a, weight: -1 }]',
    ]) {
      expect(await sentences(third(`api_keys: ${wrong}`)), wrong).toEqual([
        expect.stringMatching(/^E1003 providers\.third\.api_keys /),
      ]);
    }
  });
});

describe('what a provider gets beside its key', () => {
  it('are headers that frame, route or prove nothing, in any case', async () => {
    const names = ['Host', 'content-length', 'Transfer-Encoding', 'CONNECTION', 'te', 'Upgrade', 'Expect'];
    for (const name of [...names, 'X-Throughline-Token', 'Proxy-Authorization', 'a b', '', 'ä', 'x:y']) {
      expect(await sentences(third(`headers: { "${name}": v }`)), name).toEqual([
        expect.stringMatching(/^E1006 provider 'third' has a header ".*" that is /),
      ]);
    }
    expect(await sentences(third('api_key: k, headers: { Authorization: v }'))).toEqual([
      expect.stringMatching(/carries the key already$/),
    ]);
    expect(await sentences(third('headers: { X-A: v, x-a: w }'))).toEqual([
      expect.stringMatching(/stands there twice$/),
    ]);
  });

  it('are values that cannot begin another header', async () => {
    for (const value of ['a\\r\\nx: 1', 'a\\nb', '\\0', 'ä', ' a', 'a ']) {
      expect(await sentences(third(`headers: { X-A: "${value}" }`)), value).toEqual([
        expect.stringMatching(/^E1003 providers\.third\.headers\.X-A /),
      ]);
    }
  });

  it('is a query, limits and models', async () => {
    const found = await provider(
      'query: { api-version: "2024 & more" }, timeouts: { connect: 1s, idle: 0 }, models: { "fast*": { name: real, images: false, stop_max: 2 }, x: {} }',
    );
    expect(found).toMatchObject({
      query: 'api-version=2024+%26+more',
      timeouts: { connectMs: 1000, idleMs: 0 },
      models: [{ match: 'fast*', name: 'real', capabilities: { images: false, stopMax: 2 } }, { match: 'x' }],
    });
    expect(await sentences(third('models: { a: { image: false } }'))).toEqual([
      'E1004 unknown key "image" in providers.third.models.a',
    ]);
  });

  it('is never shown where it may be secret', async () => {
    const text = third(
      'api_keys: [planted-a, { key: planted-b }], headers: { X-Org: planted-c }, query: { key: planted-e }, proxy: "http://me:planted-d@proxy.example:3128"',
    );
    const { settings, config } = await place.loaded(text);
    expect(JSON.stringify([settings, config.data])).not.toContain('planted');
    const shown = Object.fromEntries(settings.map(({ key, value }) => [key, value]));
    expect(shown['providers.third.proxy']).toBe('http://***@proxy.example:3128');
    expect(shown['providers.third.headers.X-Org']).toBe('***REDACTED***');
  });
});

describe('the proxy of a provider', () => {
  it('is an address with or without a login, or none', async () => {
    expect((await provider('proxy: "http://proxy.example:3128"')).proxy).toEqual({
      origin: 'http://proxy.example:3128',
    });
    expect((await provider('proxy: "http://me:p%40ss@[::1]:3128/"')).proxy).toEqual({
      origin: 'http://[::1]:3128',
      authorization: `Basic ${Buffer.from('me:p@ss').toString('base64')}`,
    });
    expect((await provider('proxy: "${HTTPS_PROXY:-none}"')).proxy).toBeUndefined();
  });

  it('is refused when it is of another kind, without its password', async () => {
    const wrong = [
      'socks5://me:planted@p:1080',
      'https://me:planted@p',
      'me:planted@p:1',
      'http://me:planted@p/x',
    ];
    for (const address of [...wrong, 'http://me:%ff@p', 'http://a%3Ab:planted@p']) {
      const problems = await place.problems(third(`proxy: "${address}"`));
      expect(problems, address).toMatchObject([{ code: 'E1003' }]);
      expect(JSON.stringify(problems)).not.toContain('planted');
    }
  });

  it('reads no plain HTTP on another machine, unless that is permitted', async () => {
    const plain = (more: string) =>
      third(`proxy: "http://proxy.example:3128", ${more}`, 'http://localhost:1234');
    expect(await sentences(plain('api_key: k'))).toEqual([
      expect.stringMatching(/^E1006 .*unencrypted to a proxy/),
    ]);
    await place.loaded(plain('allow_http: true'));
  });

  it('is not taken from the environment, which is said to whoever may expect it', async () => {
    const env = { HTTPS_PROXY: 'http://me:planted@proxy.example:3128' };
    const { config, warnings } = await place.loaded('', env);
    expect(config.core.providers[0]!.proxy).toBeUndefined();
    expect(warnings.map(({ sentence }) => sentence)).toEqual([
      'HTTPS_PROXY is set and not looked at: providers are asked directly',
    ]);
    expect(JSON.stringify(warnings)).not.toContain('planted');
    expect((await place.loaded('providers: { anthropic: { proxy: none } }', env)).warnings).toEqual([]);
  });
});

describe('a certificate authority of a provider', () => {
  it('is a bounded file with a certificate, or a problem that names it', async () => {
    expect(await sentences(third('ca_file: ca.pem'))).toEqual([
      expect.stringMatching(/^E1003 ca_file .*ca\.pem does not exist$/),
    ]);
    writeFileSync(place.dir.join('ca.pem'), 'no certificate');
    expect(await sentences(third('ca_file: ca.pem'))).toEqual([
      expect.stringMatching(/has no PEM certificate$/),
    ]);
    writeFileSync(place.dir.join('ca.pem'), '-----BEGIN CERTIFICATE-----'.padEnd(1_048_577));
    expect(await sentences(third('ca_file: ca.pem'))).toEqual([
      expect.stringMatching(/is larger than 1048576 bytes$/),
    ]);
  });
});

describe('SEC-09: a key', () => {
  const one = 'https://one.example/v1';
  const two = 'https://two.example/v1';
  /** Starts with this configuration, as far as the data directory goes. */
  const start = async (text: string, env: Record<string, string> = {}) => {
    const { config } = await place.loaded(text, env);
    expect(await ensureDataDir(config)).toMatchObject({ ok: true });
    return config;
  };

  it('does not follow an address that was changed in the file', async () => {
    await start(third('api_key: planted-key', one));
    const problems = await place.problems(third('api_key: planted-key', two));
    expect(problems).toMatchObject([{ code: 'E1013', line: 2 }]);
    expect(problems[0]!.sentence).toBe(
      "the key of provider 'third' was given for https://one.example and would be sent to https://two.example",
    );
    expect(JSON.stringify(problems)).not.toContain('planted');
  });

  it('does not follow an address to another port or to plain http either, but to another path', async () => {
    await start(third('api_key: k', one));
    expect(await sentences(third('api_key: k', 'https://one.example:444/v1'))).toHaveLength(1);
    expect(await sentences(third('api_key: k, allow_http: true', 'http://one.example/v1'))).toHaveLength(1);
    await start(third('api_key: k', 'https://one.example/other/v1'));
  });

  it('goes to a new address when it is given anew for it, and back only when it is given again', async () => {
    await start(third('api_key: k', one));
    await start(third('api_key: another', two));
    await start(third('api_key: another', two));
    expect(await sentences(third('api_key: another', one))).toEqual([expect.stringMatching(/^E1013/)]);
    const confirmed = (url: string) =>
      third(`api_key: another, api_key_origin: "${new URL(url).origin}"`, url);
    await start(confirmed(one));
    await start(third('api_key: another', one));
    expect(
      await sentences(third('api_key: another, api_key_origin: "https://one.example"', two)),
    ).toHaveLength(1);
  });

  it('is bound wherever it stands: in a file, among several, in a header', async () => {
    writeFileSync(place.dir.join('third.key'), 'key-of-file', { mode: 0o600 });
    for (const more of [
      'api_key_file: third.key',
      'api_keys: [key-a, key-b]',
      'headers: { X-Portkey-Api-Key: key-c }',
      'query: { subscription-key: key-d }',
    ]) {
      const named = (url: string) => third(more, url).replace('third:', `p${more.length}:`);
      await start(named(one));
      expect(await sentences(named(two)), more).toEqual([expect.stringMatching(/^E1013/)]);
    }
    // One old key among new ones is one too many.
    expect(await sentences(third('api_keys: [new, key-b]', two).replace('third:', 'p24:'))).toHaveLength(1);
    // A title proves nothing.
    await start(third('headers: { X-Title: t }', one));
    await start(third('headers: { X-Title: t }', two));
    await start(third('query: { api-version: v }', one));
    await start(third('query: { api-version: v }', two));
  });

  it('of a file does not follow a variable that redirects its provider, not even at the first start', async () => {
    const openai =
      'providers: { openai: { format: openai, base_url: "https://api.openai.com/v1", api_key: k } }';
    const env = { OPENAI_BASE_URL: 'https://evil.example/v1' };
    const problems = await place.problems(openai, env);
    expect(problems).toMatchObject([{ code: 'E1013', file: 'environment' }]);
    expect(problems[0]!.sentence).toMatch(/^OPENAI_BASE_URL: the key of provider 'openai' was given for/);
    const anthropic = 'providers: { anthropic: { api_key: k } }';
    expect(await sentences(anthropic, { ANTHROPIC_FORWARD_URL: 'https://evil.example' })).toHaveLength(1);
    // Address and key together are a new gift, and so is an address where the file has none.
    await place.loaded(openai, { ...env, OPENAI_API_KEY: 'for-it' });
    await place.loaded('providers: { openai: { format: openai, api_key: k } }', env);
    await place.loaded(openai, { OPENAI_BASE_URL: 'https://api.openai.com/other' });
  });

  it('from the environment does not follow an address from the environment on the next start', async () => {
    const openai = 'providers: { openai: { format: openai } }';
    const env = (address: string) => ({ OPENAI_API_KEY: 'k', OPENAI_BASE_URL: address });
    await start(openai, env(one));
    expect(await sentences(openai, env(two))).toEqual([expect.stringMatching(/^E1013 OPENAI_BASE_URL: /)]);
  });

  it('is remembered as a fingerprint in a file of its user', async () => {
    const { dataDir } = await start(third('api_key: planted-key', one));
    const path = join(dataDir, 'key-origins.json');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).not.toContain('planted');
    // Whoever spoils the file does not get the key.
    writeFileSync(path, '{"version":1');
    expect(await sentences(third('api_key: planted-key', two))).toEqual([
      expect.stringMatching(/^E1013 .*key-origins\.json cannot be read/),
    ]);
  });
});
