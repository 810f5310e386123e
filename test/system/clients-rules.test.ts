import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  agentTraffic,
  askOnce,
  type CoreAlone,
  drip,
  endToEnd,
  type FakeProvider,
  openRaw,
  sseEvent,
  startCoreAlone,
  startFakeProvider,
  waitFor,
} from '#test-support';

// What a proxy must never do to coding agents, rule by rule.
let provider: FakeProvider;
let core: CoreAlone;
beforeAll(async () => {
  provider = await startFakeProvider();
  core = await startCoreAlone({
    providerOrigin: provider.origin,
    listeners: [
      { purpose: 'core', host: '127.0.0.1' },
      { purpose: 'core', host: '::1' },
    ],
  });
});
beforeEach(() => provider.forget());
afterEach(() => provider.respondWith(undefined));
afterAll(async () => {
  await core?.stop();
  await provider?.close();
});

const post = { method: 'POST', target: '/v1/messages?beta=true', body: '{"model":"m"}' };
const [turn] = [...agentTraffic({ turns: 1 })];

describe('requests are not changed', () => {
  it('keeps every byte of the body and every field, known or not, in order and case', async () => {
    await askOnce(core.url, { ...turn!, method: 'POST' });
    const [request] = provider.requests;
    expect(request?.body.equals(turn!.body)).toBe(true);
    expect(endToEnd(request!.rawHeaders)).toEqual(endToEnd(turn!.headers));
    expect(request?.target).toBe('/v1/messages?beta=true');
  });

  it('keeps odd JSON as it is: spaces, repeated keys, lone surrogates, unknown fields', async () => {
    const body = '{ "b":1,"a" : 1.0, "a":2,"safeguards":[{"x":"\\ud800"}],  "diagnostics":{} }\n';
    await askOnce(core.url, { ...post, body });
    expect(provider.requests[0]?.body.toString()).toBe(body);
  });

  it('names the provider in Host, once', async () => {
    await askOnce(core.url, post);
    const hosts = provider.requests[0]?.rawHeaders.filter(([name]) => name.toLowerCase() === 'host');
    expect(hosts?.map(([, value]) => value)).toEqual([`127.0.0.1:${provider.port}`]);
  });

  it('adds and removes nothing in Accept-Encoding', async () => {
    await askOnce(core.url, post);
    await askOnce(core.url, { ...post, headers: [['Accept-Encoding', 'zstd']] });
    expect(provider.requests.map((request) => request.header('accept-encoding'))).toEqual([
      undefined,
      'zstd',
    ]);
  });

  it('passes a chunked body chunked, with its trailers', async () => {
    const connection = await openRaw(core.url);
    connection.send(
      `POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\n{}\r\n0\r\nX-Sum: 1\r\n\r\n`,
      'POST',
    );
    await connection.answer();
    connection.close();
    expect(provider.requests[0]?.body.toString()).toBe('{}');
    expect(provider.requests[0]?.header('content-length')).toBeUndefined();
    expect(provider.requests[0]?.trailers).toEqual([['X-Sum', '1']]);
  });
});

describe('answers are not held back', () => {
  it('relays each event when it comes, not when the next one comes', async () => {
    const connection = await openRaw(core.url);
    const gates = [0, 1, 2].map(() => Promise.withResolvers<void>());
    const events = gates.map((_, index) => sseEvent('ping', { index }));
    provider.respondOnceWith({
      headers: [['content-type', 'text/event-stream']],
      framing: 'chunked',
      body: gates.flatMap((gate, index) => [events[index]!, { until: gate.promise }]),
    });
    connection.sendRequest(post);
    for (const [index, gate] of gates.entries()) {
      // The provider sends the next event only after the client has this one.
      await waitFor(() => connection.received.includes(events[index]!), { what: `event ${index}` });
      gate.resolve();
    }
    const answer = await connection.answer();
    connection.close();
    expect(answer.body.toString()).toBe(events.join(''));
  });

  it('keeps a slow drip of single bytes intact', async () => {
    provider.respondOnceWith({ framing: 'chunked', body: drip('data: größe\n\n', 1, 1) });
    expect((await askOnce(core.url, post)).body.toString()).toBe('data: größe\n\n');
  });
});

describe('a hang-up is passed on at once', () => {
  it.each([
    ['while the provider is thinking', { early: true, raw: [], ending: 'stall' }],
    ['in the middle of a stream', { framing: 'chunked', body: [sseEvent('ping', {})], ending: 'stall' }],
  ] as const)('%s', async (_when, answer) => {
    provider.respondOnceWith(answer);
    const connection = await openRaw(core.url);
    connection.sendRequest(post);
    const request = await provider.request(0);
    await request.completed;
    if ('body' in answer) await waitFor(() => connection.answers[0], { what: 'the head of the answer' });
    const leftAtMs = performance.now();
    connection.reset();
    const closed = await waitFor(() => request.closed, {
      timeoutMs: 5_000,
      intervalMs: 1,
      what: 'the end upstream',
    });
    // Not a performance bar: a proxy that keeps paying for an answer nobody reads does so for minutes.
    expect(closed.atMs - leftAtMs).toBeLessThan(2_000);
    expect(closed.reason).not.toBe('local');
  });

  it('while the client is still uploading', async () => {
    const connection = await openRaw(core.url);
    connection.sendRequest({ ...post, headers: [['Content-Length', '1000000']], body: 'x'.repeat(1000) });
    const request = await provider.request(0);
    connection.reset();
    await waitFor(() => request.closed, { timeoutMs: 5_000, what: 'the end upstream' });
    expect(request.isComplete).toBe(false);
  });
});

describe('nothing is repeated or invented', () => {
  it.each([429, 500, 502, 503, 529])('asks the provider once when it answers %i', async (status) => {
    provider.respondWith({ status, body: ['{}'] });
    expect((await askOnce(core.url, post)).status).toBe(status);
    expect(provider.requests).toHaveLength(1);
  });

  it('asks once when the connection breaks before an answer', async () => {
    provider.respondWith({ raw: [], ending: 'reset' });
    expect((await askOnce(core.url, post)).status).toBe(502);
    expect(provider.requests).toHaveLength(1);
  });

  it('never answers from a memory: equal requests are asked equally often', async () => {
    const first = await askOnce(core.url, post);
    const second = await askOnce(core.url, post);
    expect(provider.requests).toHaveLength(2);
    expect(first.body.equals(second.body)).toBe(false);
  });

  it('does not follow a redirect', async () => {
    provider.respondOnceWith({
      status: 302,
      headers: [['Location', 'http://127.0.0.1:1/v1/messages']],
      body: [''],
    });
    const answer = await askOnce(core.url, post);
    expect([answer.status, answer.header('location')]).toEqual([302, 'http://127.0.0.1:1/v1/messages']);
    expect(provider.requests).toHaveLength(1);
  });
});

describe('credentials', () => {
  it('reach the provider and never the disk', async () => {
    const secrets = ['sk-ant-canary-key-0123456789', 'sk-ant-oat01-canary-token-0123456789'];
    await askOnce(core.url, {
      ...post,
      headers: [
        ['x-api-key', secrets[0]!],
        ['Authorization', `Bearer ${secrets[1]}`],
      ],
    });
    expect(provider.requests[0]?.header('x-api-key')).toBe(secrets[0]);
    expect(provider.requests[0]?.header('authorization')).toBe(`Bearer ${secrets[1]}`);
    const kept = await waitFor(
      () => {
        const bytes = allBytes(core.dataDir);
        return bytes.includes('fp:') ? bytes : undefined;
      },
      { what: 'the journal to hold the request' },
    );
    for (const secret of secrets) expect(kept.includes(secret) || core.logs().includes(secret)).toBe(false);
  });
});

describe('addresses', () => {
  it('serves 127.0.0.1 and ::1 alike', async () => {
    expect(core.urls.map((url) => new URL(url).hostname)).toEqual(['127.0.0.1', '[::1]']);
    for (const url of core.urls) expect((await askOnce(url, post)).status).toBe(200);
  });

  it('takes a tag in front of the path and does not pass it on', async () => {
    await askOnce(core.url, { ...post, target: '/p/my-project/v1/messages?beta=true' });
    expect(provider.requests[0]?.target).toBe('/v1/messages?beta=true');
  });

  it("keeps the provider's base path in front", async () => {
    const prefixed = await startCoreAlone({
      providerOrigin: provider.origin,
      provider: { basePath: '/some/prefix' },
    });
    try {
      await askOnce(prefixed.url, post);
      expect(provider.requests[0]?.target).toBe('/some/prefix/v1/messages?beta=true');
    } finally {
      await prefixed.stop();
    }
  });

  it('answers HEAD / itself, as a connection warm-up expects', async () => {
    const answer = await askOnce(core.url, { method: 'HEAD', target: '/' });
    expect(answer.status).toBe(200);
    expect(provider.requests).toHaveLength(0);
  });

  it('refuses WebSockets with 426, so that clients fall back at once', async () => {
    const connection = await openRaw(core.url);
    const answer = await connection.ask({
      target: '/v1/responses',
      headers: [
        ['Connection', 'Upgrade'],
        ['Upgrade', 'websocket'],
        ['Sec-WebSocket-Key', 'AAAAAAAAAAAAAAAAAAAAAA=='],
        ['Sec-WebSocket-Version', '13'],
      ],
    });
    connection.close();
    expect(answer.status).toBe(426);
    expect(provider.requests).toHaveLength(0);
  });

  it.each([
    '/v1/messages/count_tokens?beta=true',
    '/v1/models?limit=1000',
    '/v1/messages/batches/b/results',
    '/v1/files/f/content',
    '/v1/not/known/yet',
  ])('forwards %s', async (target) => {
    await askOnce(core.url, { method: target.includes('count') ? 'POST' : 'GET', target });
    expect(provider.requests[0]?.target).toBe(target);
  });
});

function allBytes(directory: string): string {
  return readdirSync(directory, { recursive: true })
    .map((name) => join(directory, String(name)))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, 'latin1'))
    .join('\n');
}
