import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  askOnce,
  type CoreAlone,
  type FakeProvider,
  openRaw,
  startCoreAlone,
  startFakeProvider,
  waitFor,
} from '#test-support';

let provider: FakeProvider;
let core: CoreAlone;
/** Stands for proxy-data. */
let data: http.Server;
let dataPort: number;
let open = 0;
const seen: { method: string; url: string; headers: string[]; body: string }[] = [];

beforeAll(async () => {
  provider = await startFakeProvider();
  data = http.createServer(answerAsData);
  await new Promise<void>((resolve) => data.listen(0, '127.0.0.1', resolve));
  dataPort = (data.address() as { port: number }).port;
  core = await startCoreAlone({
    providerOrigin: provider.origin,
    listeners: [
      { purpose: 'front', host: '127.0.0.1' },
      { purpose: 'core', host: '127.0.0.1' },
    ],
    config: { dataAddress: { host: '127.0.0.1', port: dataPort }, limits: { pipedRequestsMax: 3 } },
  });
});
afterAll(async () => {
  await core.stop();
  data.closeAllConnections();
  data.close();
  await provider.close();
});

function answerAsData(request: http.IncomingMessage, response: http.ServerResponse): void {
  open += 1;
  response.once('close', () => {
    open -= 1;
  });
  let body = '';
  request.on('data', (piece: Buffer) => {
    body += piece.toString();
  });
  request.on('end', () => {
    seen.push({ method: request.method!, url: request.url!, headers: request.rawHeaders, body });
    response.setHeader('X-From', 'data');
    if (request.url === '/api/full') response.writeHead(503, { 'x-throughline-piped': 'full' }).end();
    else if (request.url === '/api/v2/events') response.write('event: hello\n\n');
    else response.end(`data answers ${request.url}`);
  });
}

describe('the front', () => {
  it('hands everything but /v1 and probes to proxy-data, as it came', async () => {
    const answer = await askOnce(core.urls[0]!, {
      method: 'POST',
      target: '/api/notes?x=%20y',
      headers: [
        ['Cookie', 'a=b'],
        ['content-type', 'application/json'],
      ],
      body: '{"note":1}',
    });
    expect(answer.body.toString()).toBe('data answers /api/notes?x=%20y');
    expect(answer.header('x-from')).toBe('data');
    const last = seen.at(-1)!;
    expect(last.body).toBe('{"note":1}');
    expect(last.headers).toEqual(expect.arrayContaining(['Cookie', 'a=b', 'Host', `127.0.0.1:${core.port}`]));
    expect((await askOnce(core.urls[0]!, { target: '/' })).body.toString()).toBe('data answers /');
  });

  it('announces no body where the client sent none', async () => {
    const url = core.urls[0]!;
    const client = await openRaw(url);
    client.send(`POST /api/again HTTP/1.1\r\nHost: ${new URL(url).host}\r\nConnection: close\r\n\r\n`);
    await waitFor(() => seen.at(-1)?.url === '/api/again');
    const names = seen.at(-1)!.headers.map((text) => text.toLowerCase());
    expect(names).not.toContain('transfer-encoding');
    expect(names[names.indexOf('content-length') + 1]).toBe('0');
    client.close();
  });

  it('forwards /v1 itself and answers health and probes itself', async () => {
    const before = seen.length;
    expect((await askOnce(core.urls[0]!, { target: '/v1/models' })).status).toBe(200);
    expect((await askOnce(core.urls[0]!, { method: 'HEAD', target: '/api/hello' })).status).toBe(200);
    expect((await askOnce(core.urls[0]!, { method: 'HEAD', target: '/' })).status).toBe(200);
    expect((await askOnce(core.urls[0]!, { target: '/health' })).body.toString()).toContain('proxy-core');
    expect(seen.length).toBe(before);
    expect(provider.requests.at(-1)!.target).toBe('/v1/models');
  });

  it('is a front only on its own port', async () => {
    expect((await askOnce(core.urls[1]!, { target: '/api/notes' })).status).toBe(404);
    expect((await askOnce(core.urls[1]!, { method: 'HEAD', target: '/api/hello' })).status).toBe(404);
  });

  it('pipes a few requests at a time, and lets go of them with the client', async () => {
    const clients = await Promise.all([1, 2, 3].map(() => openRaw(core.urls[0]!)));
    for (const client of clients) client.sendRequest({ target: '/api/v2/events' });
    await waitFor(() => clients.every((client) => client.received.includes('event: hello')));
    const surplus = await askOnce(core.urls[0]!, { target: '/api/requests' });
    expect(surplus.status).toBe(503);
    expect(surplus.header('retry-after')).toBe('1');
    expect((await askOnce(core.urls[0]!, { target: '/v1/models' })).status).toBe(200);
    for (const client of clients) client.close();
    await waitFor(() => open === 0, { what: 'proxy-data to be left' });
    await waitFor(async () => (await askOnce(core.urls[0]!, { target: '/api/requests' })).status === 200);
  });

  it('tells proxy-data the bounds, which all workers share, and says in its own words when they are reached', async () => {
    const claimed = ['X-Throughline-Piped', 'requests 999'] as const;
    await askOnce(core.urls[0]!, { target: '/api/requests', headers: [claimed] });
    const fields = seen.at(-1)!.headers.map((text) => text.toLowerCase());
    expect(fields.filter((text) => text === 'x-throughline-piped')).toHaveLength(1);
    expect(fields).toContain('requests 3');
    for (let i = 0; i < 4; i += 1) {
      const headers = [['content-type', 'application/json']] as const;
      const full = await askOnce(core.urls[0]!, { method: 'POST', target: '/api/full', headers, body: '{}' });
      expect([full.status, full.header('retry-after')]).toEqual([503, '1']);
      expect(full.header('x-throughline-problem')).toBe('data-unavailable');
      expect(full.header('x-throughline-piped')).toBeUndefined();
    }
    const page = await askOnce(core.urls[0]!, { target: '/api/full', headers: [['Accept', 'text/html']] });
    expect(page.body.toString()).toContain('The dashboard is away for a moment');
  });

  it('keeps its room when a head cannot be handed over as it is', async () => {
    for (let i = 0; i < 4; i += 1) {
      const answer = await askOnce(core.urls[0]!, {
        target: '/api/requests',
        headers: [['Trailer', 'x-sum']],
      });
      expect(answer.status).toBe(200);
    }
  });

  it('has room for 64 event streams that take nothing from other requests', async () => {
    const listen = { target: '/api/v2/events', headers: [['Accept', 'text/event-stream']] } as const;
    const clients = await Promise.all(Array.from({ length: 64 }, () => openRaw(core.urls[0]!)));
    for (const client of clients) client.sendRequest(listen);
    await waitFor(() => clients.every((client) => client.received.includes('event: hello')));
    expect((await askOnce(core.urls[0]!, listen)).status).toBe(503);
    expect((await askOnce(core.urls[0]!, { target: '/api/requests' })).status).toBe(200);
    const metrics = (await askOnce(core.urls[0]!, { target: '/metrics' })).body.toString();
    expect(metrics).toContain('throughline_piped_event_streams 64');
    for (const client of clients) client.close();
    await waitFor(() => open === 0, { what: 'proxy-data to be left' });
  });

  it('lets proxy-data finish an answer before a core that drains leaves', async () => {
    let finish = (): void => undefined;
    const slow = http.createServer((_request, response) => {
      response.write('begin');
      finish = () => response.end('end');
    });
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const { port } = slow.address() as { port: number };
    await using leaving = await startCoreAlone({
      providerOrigin: provider.origin,
      listeners: [{ purpose: 'front', host: '127.0.0.1' }],
      config: { dataAddress: { host: '127.0.0.1', port } },
    });
    const client = await openRaw(leaving.url);
    client.sendRequest({ target: '/api/requests' });
    await waitFor(() => client.received.includes('begin'));
    leaving.send({ type: 'drain' });
    await waitFor(() =>
      openRaw(leaving.url).then(
        (late) => late.close(),
        () => true,
      ),
    );
    // Longer than a core waits in which nothing is open any more.
    await delay(400);
    finish();
    expect((await client.answer()).isComplete).toBe(true);
    slow.close();
  });

  it('SEC-06: tells proxy-data to ask for the token when the user is unknown', async () => {
    await using strict = await startCoreAlone({
      providerOrigin: provider.origin,
      listeners: [{ purpose: 'front', host: '127.0.0.1' }],
      config: { dataAddress: { host: '127.0.0.1', port: dataPort }, access: { tokenRequired: true } },
    });
    await askOnce(strict.url, { target: '/api/requests' });
    expect(seen.at(-1)!.headers).toEqual(expect.arrayContaining(['x-throughline-ask-token', '1']));
    await askOnce(core.urls[0]!, { target: '/api/requests' });
    expect(seen.at(-1)!.headers).not.toContain('x-throughline-ask-token');
  });

  it('keeps foreign pages away from proxy-data', async () => {
    const before = seen.length;
    const answer = await askOnce(core.urls[0]!, {
      method: 'POST',
      target: '/api/notes',
      headers: [
        ['Origin', 'https://evil.example'],
        ['content-type', 'application/json'],
      ],
      body: '{}',
    });
    expect(answer.status).toBe(403);
    expect(seen.length).toBe(before);
  });

  it('shows a person a page and a program a JSON 503 while proxy-data is away, and /v1 notices nothing', async () => {
    data.closeAllConnections();
    await new Promise((resolve) => data.close(resolve));
    const page = await askOnce(core.urls[0]!, { target: '/', headers: [['Accept', 'text/html,*/*']] });
    expect(page.status).toBe(503);
    expect(page.header('content-type')).toContain('text/html');
    const json = await askOnce(core.urls[0]!, { target: '/api/requests' });
    expect(json.status).toBe(503);
    expect(json.header('retry-after')).toBe('1');
    expect(JSON.parse(json.body.toString()).error.message).toContain('proxy-data is not running');
    expect((await askOnce(core.urls[0]!, { target: '/v1/models' })).status).toBe(200);
    await new Promise<void>((resolve) => data.listen(dataPort, '127.0.0.1', resolve));
    expect((await askOnce(core.urls[0]!, { target: '/api/requests' })).status).toBe(200);
  });
});
