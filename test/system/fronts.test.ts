import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  askOnce,
  type FakeProvider,
  type Front,
  type FrontKind,
  freePorts,
  headerValue,
  listStored,
  makeTempHome,
  openRaw,
  type RawHeaders,
  seededRandom,
  sseEvent,
  startFakeProvider,
  startFront,
  startThroughline,
  type TempHome,
  type Throughline,
  waitFor,
} from '#test-support';

// The same behaviour through the built-in front and through each reverse proxy that a configuration is shipped for.
const kinds: readonly FrontKind[] = ['builtin', 'caddy', 'nginx', 'haproxy'];

describe.each(kinds)('the front: %s', (kind) => {
  let provider: FakeProvider;
  let home: TempHome;
  let core: Throughline;
  let recorder: Throughline;
  let data: Throughline | undefined;
  let front: Front | undefined;
  let url: string;
  let startData: () => Promise<Throughline>;

  beforeAll(async () => {
    provider = await startFakeProvider();
    home = makeTempHome('front');
    const [port = 0, corePort = 0, dataPort = 0] = await freePorts(3);
    const server = {
      front: kind === 'builtin' ? 'builtin' : 'none',
      port,
      core_port: corePort,
      data_port: dataPort,
    };
    // One supervisor for each service, so that proxy-data can be stopped for good.
    const start = (command: 'core' | 'record' | 'data'): Promise<Throughline> =>
      startThroughline({ command, providerOrigin: provider.origin, home, config: { server } });
    core = await start('core');
    startData = () => start('data');
    [recorder, data] = await Promise.all([start('record'), startData()]);
    url = `http://127.0.0.1:${port}`;
    if (kind !== 'builtin') front = await startFront(kind, { front: port, core: corePort, data: dataPort });
  });
  afterAll(async () => {
    await front?.stop();
    await Promise.all([core?.stop(), recorder?.stop(), data?.stop()]);
    await provider?.close();
    home?.remove();
  });

  it('is configured by a file that its program accepts', () => {
    if (kind === 'builtin') expect(front).toBeUndefined();
    else expect(front?.check.status, front?.check.output).toBe(0);
  });

  it('answers health checks, metrics and the probes of clients from proxy-core', async () => {
    for (const path of ['/health', '/livez', '/readyz', '/metrics', '/v1/health']) {
      const answer = await askOnce(url, { target: path });
      expect([path, answer.status]).toEqual([path, 200]);
    }
    const health = await askOnce(url, { target: '/health' });
    expect(JSON.parse(health.body.toString())).toMatchObject({ service: 'proxy-core', forwarding: 'ok' });
    for (const target of ['/', '/api/hello'])
      expect((await askOnce(url, { method: 'HEAD', target })).status).toBe(200);
    expect(provider.requests).toHaveLength(0);
  });

  it('passes bodies of 2 kB and 50 MB both ways without changing a byte', async () => {
    for (const bytes of [2_000, 50_000_000]) {
      provider.forget();
      const sent = bodyOf(bytes);
      provider.respondOnceWith(async (request) => {
        await request.completed;
        return { headers: [['content-type', 'application/octet-stream']], body: [request.body] };
      });
      const answer = await askOnce(
        url,
        { method: 'POST', target: '/v1/messages?beta=true', body: sent },
        60_000,
      );
      expect([bytes, answer.status, answer.isComplete]).toEqual([bytes, 200, true]);
      expect(answer.body.equals(sent)).toBe(true);
      const [received] = provider.requests;
      expect(received!.target).toBe('/v1/messages?beta=true');
      expect(received!.body.equals(sent)).toBe(true);
    }
  });

  it('adds, changes and drops no end-to-end header field', async () => {
    provider.forget();
    const requestFields: RawHeaders = [
      ['Content-Type', 'application/json'],
      ['X-Api-Key', 'sk-ant-test'],
      ['Anthropic-Version', '2023-06-01'],
      ['Anthropic-Beta', 'one-2025-01-01,two-2025-01-01'],
      ['User-Agent', 'claude-cli/2.0 (external, cli)'],
      ['X-Stainless-Retry-Count', '0'],
      ['x_with_underscore', 'kept'],
      ['Accept', 'application/json'],
      ['X-Long', 'v'.repeat(20_000)],
    ];
    const responseFields: RawHeaders = [
      ['Date', 'Sun, 01 Jan 2034 00:00:00 GMT'],
      ['Server', 'the-provider'],
      ['Content-Type', 'application/json'],
      ['Request-Id', 'req_011Front'],
      ['X-Accel-Buffering', 'no'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
      ['Cache-Control', 'no-store'],
      ['Anthropic-Ratelimit-Requests-Remaining', '12'],
    ];
    provider.respondOnceWith({ status: 429, headers: responseFields, body: ['{"type":"error"}'] });
    const answer = await askOnce(url, {
      method: 'POST',
      target: '/v1/messages',
      headers: requestFields,
      body: '{"model":"m"}',
    });
    expect(answer.status).toBe(429);
    // Caddy cannot be told to leave out its name.
    const added: RawHeaders = kind === 'caddy' ? [['Server', 'Caddy']] : [];
    expect(endToEnd(answer.rawHeaders)).toEqual(endToEnd([...responseFields, ...added]));
    expect(endToEnd(provider.requests[0]!.rawHeaders)).toEqual(endToEnd(requestFields));
  });

  it('passes each event on before the next one is sent', async () => {
    const events = Array.from({ length: 12 }, (_, index) => sseEvent('ping', { index }));
    const gates = events.map(() => Promise.withResolvers<void>());
    provider.respondOnceWith({
      headers: [['content-type', 'text/event-stream']],
      body: events.flatMap((event, index) => [event, { until: gates[index]!.promise }]),
    });
    const connection = await openRaw(url);
    connection.sendRequest({ method: 'POST', target: '/v1/messages', body: '{"stream":true}' });
    let expected = '';
    for (const [index, event] of events.entries()) {
      expected += event;
      await waitFor(() => connection.answers[0]?.body.toString() === expected, {
        timeoutMs: 10_000,
        what: `event ${index} while the next one is held back`,
      });
      gates[index]!.resolve();
    }
    expect((await connection.answer()).isComplete).toBe(true);
    connection.close();
  });

  it('passes a request body on while it is still being sent', async () => {
    provider.forget();
    const connection = await openRaw(url);
    const head = `POST /v1/messages HTTP/1.1\r\nHost: ${new URL(url).host}\r\nContent-Length: 8\r\n\r\n`;
    connection.send(`${head}half`, 'POST');
    const received = await provider.request(0);
    await waitFor(() => received.body.toString() === 'half', { what: 'the first half at the provider' });
    connection.send('full');
    expect((await connection.answer()).status).toBe(200);
    expect(received.body.toString()).toBe('halffull');
    connection.close();
  });

  it('tells the provider when the client has left', async () => {
    provider.forget();
    const held = Promise.withResolvers<void>();
    provider.respondOnceWith({
      headers: [['content-type', 'text/event-stream']],
      body: [sseEvent('ping', {}), { until: held.promise }],
    });
    const connection = await openRaw(url);
    connection.sendRequest({ method: 'POST', target: '/v1/messages', body: '{"stream":true}' });
    await waitFor(() => (connection.answers[0]?.body.length ?? 0) > 0);
    connection.close();
    await waitFor(() => provider.requests[0]?.closed !== undefined, { what: 'the provider to be left' });
    held.resolve();
  });

  it('sends tagged paths to the provider', async () => {
    provider.forget();
    const answer = await askOnce(url, { method: 'POST', target: '/p/my-project/v1/messages', body: '{}' });
    expect([answer.status, provider.requests[0]?.target]).toEqual([200, '/v1/messages']);
  });

  it('shows what was recorded and the page', async () => {
    const rows = await waitFor(async () => {
      const all = await listStored({ ...core, frontUrl: url });
      return all.length > 0 ? all : undefined;
    });
    expect(rows[0]).toMatchObject({ method: 'POST' });
    const list = await askOnce(url, { target: '/api/v2/requests?limit=1' });
    expect([list.status, list.header('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    const page = await askOnce(url, { target: '/', headers: [['Accept', 'text/html']] });
    expect([page.status, page.body.toString().slice(0, 15)]).toEqual([200, '<!doctype html>']);
    const events = httpRequest(`${url}/api/v2/events`, { headers: { accept: 'text/event-stream' } });
    events.on('error', () => undefined);
    const status = await new Promise((resolve) => events.on('response', (r) => resolve(r.statusCode)).end());
    events.destroy();
    expect(status).toBe(200);
  });

  it('turns away pages of other sites and foreign names', async () => {
    const foreign = await askOnce(url, { target: '/api/v2/requests', headers: [['Host', 'evil.example']] });
    expect(foreign.status).toBeGreaterThanOrEqual(400);
    const page = await askOnce(url, {
      method: 'POST',
      target: '/v1/messages',
      headers: [['Origin', 'https://evil.example']],
      body: '{}',
    });
    expect(page.status).toBe(403);
  });

  it('says when to try again while proxy-data is away; traffic is not affected', async () => {
    await data!.stop();
    data = undefined;
    const away = await askOnce(url, { target: '/api/v2/requests' });
    expect([away.status, away.header('retry-after')]).toEqual([503, '1']);
    expect(JSON.parse(away.body.toString())).toHaveProperty('error');
    expect((await askOnce(url, { target: '/health' })).status).toBe(200);
    const answer = await askOnce(url, { method: 'POST', target: '/v1/messages', body: '{"model":"m"}' });
    expect(answer.status).toBe(200);
    data = await startData();
    const back = await waitFor(async () => {
      const list = await askOnce(url, { target: '/api/v2/requests' });
      return list.status === 200 ? list : undefined;
    });
    expect(back.status).toBe(200);
  });
});

/** Bytes of every value, different at each place. */
function bodyOf(bytes: number): Buffer {
  const random = seededRandom(bytes);
  const piece = random.bytes(Math.min(bytes, 65_521));
  return Buffer.alloc(bytes, piece);
}

/** Without what concerns two neighbours only; names in lower case, because a front may write them its own way. */
function endToEnd(fields: RawHeaders): [string, string][] {
  const between = /^(host|connection|keep-alive|transfer-encoding|content-length)$/i;
  expect(headerValue(fields, 'x-forwarded-for')).toBeUndefined();
  return fields
    .filter(([name]) => !between.test(name))
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .sort(([one, a], [other, b]) => `${one} ${a}`.localeCompare(`${other} ${b}`));
}
