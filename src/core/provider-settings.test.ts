import { describe, expect, it } from 'vitest';
import type { CoreProvider, RouteRule } from '#core-config';
import {
  askOnce,
  type CoreAlone,
  type FakeProvider,
  readExchanges,
  startCoreAlone,
  startFakeProvider,
  startForwardProxy,
  startTlsFront,
  untrustedCertificate,
} from '#test-support';

const body = '{"model":"claude-small","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}';

/** Core with one provider at this origin, which answers for itself. */
async function startWith(
  provider: Partial<CoreProvider> & { readonly origin: string },
  routes: readonly RouteRule[] = [],
): Promise<CoreAlone> {
  return startCoreAlone({
    providerOrigin: provider.origin,
    provider: { auth: 'none', ...provider },
    config: { routes },
  });
}

const ask = (core: CoreAlone, headers: [string, string][] = [], target = '/v1/messages') =>
  askOnce(core.url, { method: 'POST', target, headers, body });

const problemOf = (answer: { readonly body: Buffer }): string =>
  (JSON.parse(answer.body.toString()) as { error: { message: string } }).error.message;

describe('a provider with headers of its own', () => {
  it('gets them with every request, in the place of those of the client', async () => {
    await using fake = await startFakeProvider({ keepRawBytes: true });
    await using core = await startWith({
      origin: fake.origin,
      auth: 'client',
      headers: [
        ['X-Title', 'Throughline'],
        ['User-Agent', 'own'],
      ],
    });
    await ask(core, [
      ['User-Agent', "the client's"],
      ['x-title', 'forged'],
    ]);
    const head = fake.requests[0]!.rawHead.toString('latin1');
    expect(head.match(/^(?:user-agent|x-title):.*$/gim)).toEqual(['X-Title: Throughline', 'User-Agent: own']);
  });

  it('gets its key in the header that it asks for, and its query in the place of the one of the client', async () => {
    await using fake = await startFakeProvider();
    await using core = await startWith({
      origin: fake.origin,
      auth: 'key',
      apiKey: 'own-key',
      keyHeader: 'api-key',
      query: 'api-version=preview',
    });
    await ask(core, [['api-key', 'planted']], '/v1/messages?beta=true&api-version=1');
    expect(fake.requests[0]!.target).toBe('/v1/messages?beta=true&api-version=preview');
    expect(fake.requests[0]!.header('api-key')).toBe('own-key');
    expect(fake.requests[0]!.header('x-api-key')).toBeUndefined();
  });
});

describe('a provider with several keys', () => {
  const keys = [
    { key: 'key-one', weight: 2 },
    { key: 'key-two', weight: 1 },
    { key: 'key-reserve', weight: 0 },
  ];
  const keysOf = (fake: FakeProvider) => fake.requests.map((request) => request.header('x-api-key'));
  const several = (fake: FakeProvider) =>
    startWith({ origin: fake.origin, auth: 'key', apiKey: 'key-one', apiKeys: keys });

  it('is asked with each of them by its weight', async () => {
    await using fake = await startFakeProvider();
    await using core = await several(fake);
    for (let i = 0; i < 6; i += 1) await ask(core);
    expect(keysOf(fake).filter((key) => key === 'key-one')).toHaveLength(4);
    expect(keysOf(fake).filter((key) => key === 'key-two')).toHaveLength(2);
    const [exchange] = await readExchanges(core.journalDirectory);
    expect(exchange!.route?.reason).toMatch(/; key 1 of 3$/);
  });

  it('keeps the one of a session, also in another process of core', async () => {
    await using fake = await startFakeProvider();
    await using one = await several(fake);
    await using other = await several(fake);
    const used = new Set<string | undefined>();
    for (let i = 0; i < 8; i += 1) {
      fake.forget();
      const session: [string, string][] = [['x-claude-code-session-id', `session-${i}`]];
      for (const core of [one, other, one]) await ask(core, session);
      expect(new Set(keysOf(fake)).size).toBe(1);
      used.add(keysOf(fake)[0]);
    }
    expect([...used].sort()).toEqual(['key-one', 'key-two']);
  });
});

describe('a provider behind a proxy', () => {
  const login = `Basic ${Buffer.from('me:hush-hush').toString('base64')}`;

  it('is reached through a tunnel when it speaks TLS: the proxy reads neither prompt nor key', async () => {
    await using fake = await startFakeProvider();
    await using tls = await startTlsFront(fake.port);
    await using proxy = await startForwardProxy();
    await using core = await startWith({
      origin: `https://localhost:${tls.port}`,
      auth: 'key',
      apiKey: 'own-key',
      ca: untrustedCertificate,
      proxy: { origin: proxy.origin, authorization: login },
    });
    expect((await ask(core)).status).toBe(200);
    expect((await ask(core)).status).toBe(200);
    // Kept alive: one tunnel for both.
    expect(proxy.asked).toEqual([{ method: 'CONNECT', target: `localhost:${tls.port}`, login }]);
    expect(fake.requests[0]!.header('x-api-key')).toBe('own-key');
    expect(fake.requests[0]!.header('proxy-authorization')).toBeUndefined();
    expect(proxy.seen()).not.toMatch(/own-key|claude-small/);
  });

  it('is asked for by its whole address when it speaks plain HTTP', async () => {
    await using fake = await startFakeProvider();
    await using proxy = await startForwardProxy();
    await using core = await startWith({
      origin: fake.origin,
      basePath: '/base',
      proxy: { origin: proxy.origin, authorization: login },
    });
    expect((await ask(core)).status).toBe(200);
    expect(proxy.asked).toEqual([{ method: 'POST', target: `${fake.origin}/base/v1/messages`, login }]);
    expect(fake.requests[0]!.target).toBe('/base/v1/messages');
    expect(fake.requests[0]!.header('host')).toBe(`127.0.0.1:${fake.port}`);
  });

  it('is not reached when the proxy refuses, and the problem says what to do without the password', async () => {
    await using proxy = await startForwardProxy();
    await using core = await startWith({
      origin: 'https://provider.test',
      proxy: { origin: proxy.origin, authorization: login },
    });
    proxy.refuseWith('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
    const refused = await ask(core);
    expect(refused.status).toBe(502);
    expect(problemOf(refused)).toMatch(/proxy http:\/\/127.*user name and password.*\(status 407\)/);
    expect(core.logs() + problemOf(refused)).not.toMatch(/hush-hush|bWU6/);
    // What the proxy says itself is never taken for the provider's.
    proxy.refuseWith('HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n');
    expect(problemOf(await ask(core))).toMatch(/it spoke before the provider could/);
    proxy.refuseWith('not HTTP at all\r\n\r\n');
    expect((await ask(core)).status).toBe(502);
    await proxy.close();
    expect(problemOf(await ask(core))).toMatch(/proxy http:\/\/127.*ECONNREFUSED/);
  });

  it('is given up when the proxy says nothing for the time of a connection', async () => {
    await using proxy = await startForwardProxy();
    proxy.refuseWith('HTTP/1.1 200');
    await using core = await startWith({
      origin: 'https://provider.test',
      proxy: { origin: proxy.origin },
      timeouts: { connectMs: 200 },
    });
    expect(problemOf(await ask(core))).toMatch(/no connection through the proxy after 200 ms/);
  });
});

describe('a provider with limits and certificates of its own', () => {
  it('is trusted by its own authority, and by no other', async () => {
    await using fake = await startFakeProvider();
    await using tls = await startTlsFront(fake.port);
    const origin = `https://localhost:${tls.port}`;
    await using trusting = await startWith({ origin, ca: untrustedCertificate });
    expect((await ask(trusting)).status).toBe(200);
    await using other = await startWith({ origin });
    expect((await ask(other)).status).toBe(502);
    expect(fake.requests).toHaveLength(1);
  });

  it('may be silent as long as it is allowed to, and no longer', async () => {
    await using fake = await startFakeProvider();
    fake.respondWith(() => new Promise(() => {}));
    await using core = await startWith({ origin: fake.origin, timeouts: { firstByteMs: 300 } });
    const late = await ask(core);
    expect(late.status).toBe(504);
    expect(problemOf(late)).toMatch(/no answer for 300 ms/);
  });
});

describe('a provider with names of its own for models', () => {
  it('is asked for the model by its own name, and nothing else of the body changes', async () => {
    await using fake = await startFakeProvider();
    await using core = await startWith({
      origin: fake.origin,
      models: [{ match: 'claude-s*', name: 'vendor/small' }],
    });
    await ask(core);
    expect(fake.requests[0]!.body.toString()).toBe(body.replace('claude-small', 'vendor/small'));
    const [exchange] = await readExchanges(core.journalDirectory);
    expect(exchange!.route).toMatchObject({ askedModel: 'claude-small', routedModel: 'vendor/small' });
  });

  it('P5: gets what the configuration says its models take', async () => {
    await using fake = await startFakeProvider();
    await using core = await startWith({
      origin: fake.origin,
      format: 'openai',
      models: [
        {
          match: 'claude-*',
          name: 'house',
          capabilities: { maxTokensField: 'max_completion_tokens', maxOutputTokens: 5 },
        },
      ],
    });
    await ask(core);
    expect(JSON.parse(fake.requests[0]!.body.toString())).toMatchObject({
      model: 'house',
      max_completion_tokens: 5,
    });
  });
});
