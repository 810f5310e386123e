import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CoreProvider, ProviderResilience } from '#core-config';
import {
  askOnce,
  type CoreAlone,
  type FakeProvider,
  openRaw,
  readExchanges,
  startCoreAlone,
  startFakeProvider,
  waitFor,
} from '#test-support';

const retry = { max: 2, statuses: [429, 503, 529], onNoAnswer: true, waitMsMax: 5_000 };
const breaker = { failuresMax: 2, openMs: 600_000 };

let providers: Record<string, FakeProvider>;
let core: CoreAlone;

/** Each is reached by its name in the header `x-to`. */
const settings: Readonly<Record<string, Partial<CoreProvider>>> = {
  plain: {},
  retrying: { resilience: { retry } },
  chained: { resilience: { fallback: [{ provider: 'chat', model: 'gpt-4o' }, { provider: 'last' }] } },
  breaking: { resilience: { breaker, fallback: [{ provider: 'last' }] } },
  lonely: { resilience: { breaker } },
  halving: { format: 'openai', resilience: { breaker } },
  // Of these two every test has models of its own: breakers are remembered.
  tired: { resilience: { breaker, retry, fallback: [{ provider: 'last' }] } },
  probed: { resilience: { breaker: { failuresMax: 1, openMs: 1_000 } } },
  picky: { resilience: { fallback: [{ provider: 'narrow' }, { provider: 'last' }] } },
  dainty: { resilience: { fallback: [{ provider: 'narrow' }] } },
  narrow: { format: 'openai', apiKey: 'key-of-narrow', auth: 'key' },
  chatty: { format: 'openai', apiKey: 'key-of-chatty', auth: 'key', resilience: { retry } },
  talking: { format: 'openai', resilience: { fallback: [{ provider: 'last' }] } },
  stalling: { timeouts: { firstByteMs: 400 }, resilience: { fallback: [{ provider: 'last' }] } },
  chat: { format: 'openai', apiKey: 'key-of-chat', auth: 'key', basePath: '/base', versionPath: '' },
  last: { apiKey: 'key-of-last', auth: 'key' },
} satisfies Record<string, Partial<CoreProvider> & { resilience?: ProviderResilience }>;
const names = Object.keys(settings);

beforeAll(async () => {
  providers = Object.fromEntries(
    await Promise.all(
      ['main', ...names].map(
        async (name) => [name, await startFakeProvider({ keepRawBytes: true })] as const,
      ),
    ),
  );
  core = await startCoreAlone({
    providerOrigin: providers.main!.origin,
    config: {
      providers: [
        { name: 'anthropic', format: 'anthropic', basePath: '', origin: providers.main!.origin },
        ...names.map((name) => ({
          name,
          format: 'anthropic' as const,
          basePath: '',
          auth: 'none' as const,
          origin: providers[name]!.origin,
          ...settings[name],
        })),
      ],
      routes: [
        {
          name: 'the rule with its own',
          when: { header: { 'x-to': ['ruled'] } },
          to: { provider: 'plain' },
          fallback: [{ provider: 'last' }],
        },
        ...names.map((name) => ({
          name: `to ${name}`,
          when: { header: { 'x-to': [name] } },
          to: { provider: name },
        })),
      ],
    },
  });
});
afterAll(async () => {
  await core?.stop();
  await Promise.all(Object.values(providers ?? {}).map((provider) => provider.close()));
});
afterEach(() => {
  for (const provider of Object.values(providers)) {
    provider.respondWith(undefined);
    provider.forget();
  }
});

const body =
  '{"model":"claude-asked", "max_tokens":9,"messages":[{"role":"user","content":"größe"}],"stream":false }';
const middle =
  '{"model":"claude-asked","max_tokens":9,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"x"}]}]}';
const ask = (to: string, more: { body?: string; headers?: [string, string][]; target?: string } = {}) =>
  askOnce(core.url, {
    method: 'POST',
    target: more.target ?? '/v1/messages?beta=true',
    headers: [['x-to', to], ['authorization', 'Bearer sk-ant-oat01-planted'], ...(more.headers ?? [])],
    body: more.body ?? body,
  });
const of = (name: string): FakeProvider => providers[name]!;
const metrics = async () => (await askOnce(core.url, { target: '/metrics' })).body.toString();
const lastExchange = () =>
  waitFor(async () => {
    const last = (await readExchanges(core.journalDirectory)).at(-1);
    return last?.closed === undefined ? undefined : last;
  });

describe('a provider with retries', () => {
  it('P8: that answers 529 is asked again with the same body, and the client sees only the answer that is well', async () => {
    of('retrying').respondOnceWith({ status: 529, body: ['{"type":"error"}'] });
    of('retrying').respondOnceWith({ body: ['{"well":true}'] });
    const answer = await ask('retrying');
    expect([answer.status, answer.body.toString()]).toEqual([200, '{"well":true}']);
    expect(of('retrying').requests.map((request) => request.body.toString())).toEqual([body, body]);
    const exchange = await lastExchange();
    expect(exchange.attempts).toMatchObject([
      { attempt: 1, provider: 'retrying', model: 'claude-asked', result: 'answered', status: 529 },
      { attempt: 2, provider: 'retrying', result: 'answered', status: 200 },
    ]);
    expect(exchange.attempts[0]!.reason).toMatch(/^tried again after/);
    // The copy of the request is that of one attempt, as if there had been one.
    expect(exchange.closed!.requestSent).toEqual(exchange.closed!.requestReceived);
    expect(exchange.request.toString()).toBe(body);
  });

  it('P11: that asks to wait is left alone for so long', async () => {
    of('retrying').respondOnceWith({ status: 429, headers: [['retry-after-ms', '300']] });
    expect((await ask('retrying')).status).toBe(200);
    const { attempts } = await lastExchange();
    expect(attempts[1]!.waitMs).toBe(300);
  });

  it('P11: that asks for a longer wait than is allowed gets its answer through, wish and all', async () => {
    of('retrying').respondWith(() => ({ status: 429, headers: [['Retry-After', '60']] }));
    const answer = await ask('retrying');
    expect([answer.status, answer.header('retry-after')]).toEqual([429, '60']);
    expect((await lastExchange()).attempts).toMatchObject([{ reason: 'asks to wait 60 s, 5 s are allowed' }]);
  });

  it('that breaks the connection off is asked again', async () => {
    of('retrying').respondOnceWith({ raw: [], ending: 'reset' });
    expect((await ask('retrying')).status).toBe(200);
    expect(of('retrying').requests).toHaveLength(2);
  });

  it('whose last try fails too has the client see that one, as it is', async () => {
    of('retrying').respondWith(() => ({ status: 503, headers: [['x-mine', '1']], body: ['down'] }));
    const answer = await ask('retrying');
    expect([answer.status, answer.header('x-mine'), answer.body.toString()]).toEqual([503, '1', 'down']);
    expect(of('retrying').requests).toHaveLength(3);
  });

  it('is not asked again about a mistake of the client', async () => {
    of('retrying').respondWith(() => ({ status: 400, body: ['{"type":"error"}'] }));
    expect((await ask('retrying')).status).toBe(400);
    expect(of('retrying').requests).toHaveLength(1);
  });

  it('is not asked again for a client that has left meanwhile', async () => {
    of('retrying').respondWith(() => ({ status: 429, headers: [['retry-after', '2']] }));
    const client = await openRaw(core.url);
    client.send(
      `POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\nx-to: retrying\r\nContent-Length: 2\r\n\r\n{}`,
      'POST',
    );
    await of('retrying').request(0);
    await waitFor(async () => (await metrics()).includes('provider_retries_total{provider="retrying"}'));
    client.socket.destroy();
    const exchange = await lastExchange();
    expect(exchange.closed!.end).toBe('client-gone');
    expect(exchange.attempts).toHaveLength(1);
  });

  it('is not asked again once its answer has begun', async () => {
    of('retrying').respondOnceWith({ body: ['{"begun":'], claimedLength: 100, ending: 'reset' });
    expect((await ask('retrying')).isComplete).toBe(false);
    expect(of('retrying').requests).toHaveLength(1);
    expect((await lastExchange()).closed!.end).toBe('upstream-broken');
  });

  it('is told the same in its own words, and the client reads one stream whose head came with its first event', async () => {
    of('chatty').respondOnceWith({ status: 503, body: ['{"error":{"message":"full"}}'] });
    const answer = await ask('chatty', { body: body.replace('"stream":false', '"stream":true') });
    expect([answer.status, answer.header('content-type')]).toEqual([
      200,
      expect.stringContaining('event-stream'),
    ]);
    expect(answer.body.toString().match(/^event: message_start$/gm)).toHaveLength(1);
    expect(answer.body.toString()).toMatch(/^event: message_stop$/m);
    const [first, second] = of('chatty').requests;
    expect(first!.body.equals(second!.body)).toBe(true);
    for (const request of of('chatty').requests) expect(request.rawHead.toString()).not.toContain('planted');
    const { closed, providerResponse } = await lastExchange();
    expect(providerResponse.toString()).not.toContain('full');
    expect(closed!.providerRequest!.bytes).toBe(second!.body.length);
  });

  it('has what came behind a body in pieces in its record, as without retries', async () => {
    const client = await openRaw(core.url);
    client.send(
      `POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\nx-to: retrying\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n2\r\n{}\r\n0\r\nx-sum: 7\r\n\r\n`,
      'POST',
    );
    const request = await of('retrying').request(0);
    await waitFor(() => request.bodyBytes === 2, { what: 'the body at the provider' });
    expect((await lastExchange()).closed!.requestTrailers).toEqual(['x-sum', '7']);
    client.socket.destroy();
  });

  it('P12: counts its retries', async () => {
    expect(await metrics()).toMatch(/^throughline_provider_retries_total\{provider="retrying"\} [1-9]/m);
  });
});

describe('a provider without retries', () => {
  it('is asked once, and no body is held for it', async () => {
    const before = /bodies_held_total (\d+)/.exec(await metrics())![1];
    of('plain').respondWith(() => ({ status: 529, body: ['busy'] }));
    expect((await ask('plain')).body.toString()).toBe('busy');
    of('main').respondWith(() => ({ status: 529, body: ['busy'] }));
    expect((await ask('nobody')).body.toString()).toBe('busy');
    expect([of('plain').requests.length, of('main').requests.length]).toEqual([1, 1]);
    expect(/bodies_held_total (\d+)/.exec(await metrics())![1]).toBe(before);
  });
});

const chatAnswer = JSON.stringify({
  id: 'c',
  model: 'gpt-4o-2',
  choices: [
    { index: 0, message: { role: 'assistant', content: 'From the other one.' }, finish_reason: 'stop' },
  ],
});

describe('a provider with somebody to take over', () => {
  it('P10: is followed by another provider, model and format, which get no credential but their own', async () => {
    of('chained').respondWith(() => ({ status: 500, body: ['broken'] }));
    of('chat').respondWith(() => ({ headers: [['content-type', 'application/json']], body: [chatAnswer] }));
    const answer = await ask('chained');
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      type: 'message',
      content: [{ type: 'text', text: 'From the other one.' }],
    });
    const [request] = of('chat').requests;
    expect(request!.target).toBe('/base/chat/completions');
    expect(JSON.parse(request!.body.toString())).toMatchObject({ model: 'gpt-4o' });
    expect(request!.header('authorization')).toBe('Bearer key-of-chat');
    expect(request!.rawHead.toString()).not.toContain('planted');
    const exchange = await lastExchange();
    expect(exchange.route).toMatchObject({ provider: 'chat', format: 'openai', routedModel: 'gpt-4o' });
    expect(exchange.route!.reason).toContain('chat:gpt-4o takes over: chained answered 500');
    expect(exchange.attempts).toMatchObject([
      { provider: 'chained', status: 500, reason: expect.stringContaining('takes over') },
      { provider: 'chat', model: 'gpt-4o', status: 200 },
    ]);
    expect(exchange.closed!.providerRequest!.bytes).toBe(request!.body.length);
  });

  it('goes down the chain, and the body is the client’s own again', async () => {
    of('chained').respondWith(() => ({ raw: [], ending: 'reset' }));
    of('chat').respondWith(() => ({ status: 503, body: ['{"error":{"message":"full"}}'] }));
    expect((await ask('chained')).status).toBe(200);
    const [request] = of('last').requests;
    expect(request!.body.toString()).toBe(body);
    expect(request!.header('x-api-key')).toBe('key-of-last');
    expect(request!.rawHead.toString()).not.toContain('planted');
    const { attempts, closed } = await lastExchange();
    expect(attempts.map(({ provider }) => provider)).toEqual(['chained', 'chat', 'last']);
    expect(closed!.providerRequest).toBeUndefined();
    expect(closed!.requestSent).toEqual(closed!.requestReceived);
  });

  it('keeps a turn that it has begun: what fails there is for the client to see', async () => {
    of('chained').respondWith(() => ({ status: 500, body: ['broken'] }));
    expect((await ask('chained', { body: middle })).body.toString()).toBe('broken');
    expect(of('chat').requests).toEqual([]);
    expect((await lastExchange()).attempts[0]!.reason).toBe(
      'no other provider takes over in the middle of a turn',
    );
  });

  it('leaves a conversation where it was taken over, also in the middle of its next turn', async () => {
    const headers: [string, string][] = [['x-claude-code-session-id', 'session-of-a-kept-turn']];
    of('chained').respondOnceWith({ status: 529, body: ['busy'] });
    of('chat').respondWith(() => ({ headers: [['content-type', 'application/json']], body: [chatAnswer] }));
    await ask('chained', { headers });
    await ask('chained', { headers, body: middle });
    await ask('chained', { headers });
    expect([of('chained').requests.length, of('chat').requests.length]).toEqual([1, 3]);
    expect((await lastExchange()).route!.reason).toContain('the conversation was taken over before');
    // Another conversation knows nothing of it.
    await ask('chained', { headers: [['x-claude-code-session-id', 'another-session']] });
    expect(of('chained').requests).toHaveLength(2);
  });

  it('keeps a turn that it has taken over also when it fails there itself: the client tries again, and finds it', async () => {
    const headers: [string, string][] = [['x-claude-code-session-id', 'session-of-a-failing-turn']];
    of('chained').respondOnceWith({ status: 529, body: ['busy'] });
    of('chat').respondOnceWith({ headers: [['content-type', 'application/json']], body: [chatAnswer] });
    await ask('chained', { headers });
    of('chat').respondOnceWith({ status: 500, body: ['{"error":{"message":"broken"}}'] });
    expect((await ask('chained', { headers, body: middle })).status).toBe(500);
    of('chat').respondOnceWith({ headers: [['content-type', 'application/json']], body: [chatAnswer] });
    expect((await ask('chained', { headers, body: middle })).status).toBe(200);
    expect([of('chained').requests.length, of('chat').requests.length]).toEqual([1, 3]);
  });

  it('passes over who cannot be told the request, and never calls that a mistake of the client', async () => {
    for (const name of ['picky', 'dainty']) of(name).respondWith(() => ({ status: 529, body: ['busy'] }));
    const messages = [
      { role: 'critic', content: 'A role that only one provider knows.' },
      { role: 'user', content: 'go on' },
    ];
    const cannot = JSON.stringify({ model: 'm', max_tokens: 9, messages });
    expect((await ask('picky', { body: cannot })).status).toBe(200);
    expect(of('narrow').requests).toEqual([]);
    expect(of('last').requests[0]!.body.toString()).toBe(cannot);
    expect((await lastExchange()).route!.reason).toMatch(
      /last takes over: narrow cannot be told the request/,
    );
    const answer = await ask('dainty', { body: cannot });
    expect([answer.status, answer.header('x-throughline-problem')]).toEqual([503, 'no-provider']);
    expect(answer.body.toString()).toContain('narrow cannot be told the request');
  });

  it('passes over who does not speak the format of the client and cannot be translated for it', async () => {
    of('talking').respondWith(() => ({ status: 500, body: ['broken'] }));
    const answer = await ask('talking', { target: '/v1/responses', body: '{"model":"m","input":"Hello"}' });
    expect(answer.body.toString()).toBe('broken');
    expect(of('last').requests).toEqual([]);
  });

  it('is a matter of the rule where that names its own', async () => {
    of('plain').respondWith(() => ({ status: 500 }));
    expect((await ask('ruled')).status).toBe(200);
    expect(of('last').requests).toHaveLength(1);
  });

  it('is followed also when it is silent for too long', async () => {
    of('stalling').respondWith(() => ({ raw: [], ending: 'stall' }));
    expect((await ask('stalling')).status).toBe(200);
    expect((await lastExchange()).attempts).toMatchObject([
      { provider: 'stalling', result: 'timed-out' },
      { provider: 'last', status: 200 },
    ]);
  });

  it('is not followed when tokens are counted, nor when a command is judged', async () => {
    of('chained').respondWith(() => ({ status: 500 }));
    expect((await ask('chained', { target: '/v1/messages/count_tokens' })).status).toBe(500);
    expect(of('chat').requests).toEqual([]);
    const headers: [string, string][] = [['x-claude-code-request-class', 'auxiliary']];
    of('main').respondWith(() => ({ status: 500 }));
    expect((await ask('chained', { headers })).status).toBe(500);
    expect(of('last').requests).toEqual([]);
  });
});

describe('a circuit breaker', () => {
  it('P9: opens after failures in a row, and the next one takes over at once from then on', async () => {
    of('breaking').respondWith(() => ({ status: 502 }));
    for (let i = 0; i < 4; i += 1) expect((await ask('breaking')).status).toBe(200);
    expect([of('breaking').requests.length, of('last').requests.length]).toEqual([2, 4]);
    expect((await lastExchange()).route!.reason).toContain('those before it are broken off');
    expect(await metrics()).toMatch(/^throughline_breaker_opened_total\{provider="breaking"\} 1$/m);
    expect(await metrics()).toMatch(/^throughline_breakers_open\{provider="breaking"\} 1$/m);
    expect(core.logs()).toContain('it kept failing');
  });

  it('opens also for answers that cannot be used: half a stream, and what is no answer at all', async () => {
    of('halving').respondOnceWith({
      headers: [['content-type', 'text/event-stream']],
      body: ['data: x'],
      framing: 'chunked',
      ending: 'reset',
    });
    await ask('halving').catch(() => undefined);
    of('halving').respondOnceWith({ body: ['this is no JSON'] });
    expect((await ask('halving')).status).toBe(502);
    const answer = await ask('halving');
    expect(answer.header('x-throughline-problem')).toBe('breaker-open');
  });

  it('that opens while a request waits for another try sends that on to who takes over', async () => {
    const asked = body.replace('claude-asked', 'claude-waiting');
    of('tired').respondOnceWith({ status: 429, headers: [['retry-after-ms', '1500']] });
    const waiting = ask('tired', { body: asked });
    await of('tired').request(0);
    of('tired').respondWith(() => ({ status: 529, headers: [['x-should-retry', 'false']] }));
    expect((await ask('tired', { body: asked })).status).toBe(200);
    expect(await metrics()).toMatch(/^throughline_breakers_open\{provider="tired"\} 1$/m);
    expect((await waiting).status).toBe(200);
    expect([of('tired').requests.length, of('last').requests.length]).toEqual([2, 2]);
  });

  it('closes as soon as an answer begins: a long stream does not keep the others away', async () => {
    of('probed').respondOnceWith({ status: 500 });
    await ask('probed');
    let end = (): void => undefined;
    const until = new Promise<void>((resolve) => {
      end = resolve;
    });
    of('probed').respondOnceWith({ body: ['begun, ', { until }, 'ended'], framing: 'chunked' });
    const probe = await waitFor(
      async () => {
        const asked = ask('probed');
        const first = await Promise.race([asked, of('probed').request(1)]);
        return 'status' in first && first.status === 503 ? undefined : { answer: asked };
      },
      { what: 'the end of the pause' },
    );
    // The head of the probe's answer has been seen when its log line is there.
    await waitFor(() => core.logs().includes('works again'), { what: 'the closing of the breaker' });
    expect((await ask('probed')).status).toBe(200);
    end();
    expect((await probe.answer).body.toString()).toBe('begun, ended');
  });

  it('is not opened by clients that leave, by their mistakes, or by counting tokens', async () => {
    const asked = body.replace('claude-asked', 'claude-left');
    const opened = async () => /breaker_opened_total\{provider="probed"\} (\d+)/.exec(await metrics())?.[1];
    const before = await opened();
    of('probed').respondOnceWith({ raw: [], ending: 'stall' });
    const client = await openRaw(core.url);
    client.send(
      `POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\nx-to: probed\r\nContent-Length: ${Buffer.byteLength(asked)}\r\n\r\n${asked}`,
      'POST',
    );
    await of('probed').request(0);
    client.socket.destroy();
    const gone = async () => (await lastExchange()).closed!.end === 'client-gone';
    await waitFor(gone, { what: 'the end of the exchange in the journal' });
    of('probed').respondOnceWith({ status: 404 });
    expect((await ask('probed', { body: asked })).status).toBe(404);
    of('probed').respondOnceWith({ status: 500 });
    expect((await ask('probed', { body: asked, target: '/v1/messages/count_tokens' })).status).toBe(500);
    expect((await ask('probed', { body: asked })).status).toBe(200);
    expect(await opened()).toBe(before);
  });

  it('tells the client when nobody takes over, in a way that it retries', async () => {
    of('lonely').respondWith(() => ({ raw: [], ending: 'reset' }));
    for (let i = 0; i < 2; i += 1) expect((await ask('lonely')).status).toBe(502);
    const answer = await ask('lonely');
    expect([answer.status, answer.header('x-throughline-problem')]).toEqual([503, 'breaker-open']);
    expect(of('lonely').requests).toHaveLength(2);
    // Counting tokens goes on: it was never the reason.
    of('lonely').respondWith(undefined);
    expect((await ask('lonely', { target: '/v1/messages/count_tokens' })).status).toBe(200);
  });
});
