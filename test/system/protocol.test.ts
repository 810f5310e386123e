import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type AnswerPiece,
  askOnce,
  type FakeProvider,
  openRaw,
  type RawConnection,
  startFakeProvider,
  startThroughline,
  type Throughline,
  waitFor,
} from '#test-support';
import { type Address, addressesOf, hostOf, rawStatus } from './hostile-client.ts';

// Bytes that two readers could read differently, sent to the running services and from the provider.
let provider: FakeProvider;
/** Where nothing may ever arrive. */
let evil: FakeProvider;
let throughline: Throughline;
let addresses: [Address, string][];

beforeAll(async () => {
  provider = await startFakeProvider();
  evil = await startFakeProvider();
  throughline = await startThroughline({ providerOrigin: provider.origin });
  addresses = Object.entries(addressesOf(throughline)) as [Address, string][];
});
beforeEach(() => {
  provider.forget();
  provider.respondWith(undefined);
});
afterAll(async () => {
  expect(evil.connections).toEqual([]);
  await throughline?.stop();
  await provider?.close();
  await evil?.close();
});

async function withClient<T>(url: string, work: (client: RawConnection) => Promise<T>): Promise<T> {
  const client = await openRaw(url);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

describe('STR-09: a request whose framing is not certain', () => {
  const smuggled = 'GET /v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
  const corpus: [string, string, string?][] = [
    ['a length and chunks', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['chunks and a length', 'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'Content-Length: 0\r\nContent-Length: 44\r\n\r\n'],
    ['the same length twice', 'Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc'],
    ['a list of equal lengths', 'Content-Length: 3, 3\r\n\r\nabc'],
    ['a signed length', 'Content-Length: +3\r\n\r\nabc'],
    ['a length with an underscore', 'Content-Length: 1_0\r\n\r\nabcdefghij'],
    ['a hexadecimal length', 'Content-Length: 0x3\r\n\r\nabc'],
    ['an empty length', 'Content-Length: \r\n\r\nabc'],
    ['a length beyond 64 bits', 'Content-Length: 18446744073709551619\r\n\r\nabc'],
    ['an unknown coding', 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
    ['identity', 'Transfer-Encoding: identity\r\n\r\n'],
    ['chunked before identity', 'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n'],
    ['gzip before chunked', 'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['chunked in quotes', 'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n'],
    ['a vertical tab before chunked', 'Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n'],
    ['a space before the colon', 'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n'],
    ['a tab before the colon', 'Content-Length\t: 3\r\n\r\nabc'],
    ['a folded line', 'Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n'],
    ['a field without a name', ': x\r\nContent-Length: 0\r\n\r\n'],
    ['a line without a colon', 'nonsense\r\nContent-Length: 0\r\n\r\n'],
    ['a first line that is folded', ' X: 1\r\nContent-Length: 0\r\n\r\n'],
    ['a bare line feed', 'X: 1\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['line feeds only', 'X: 1\nContent-Length: 0\n\n'],
    ['a bare carriage return', 'X: 1\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a NUL in a value', 'X: a\0b\r\nContent-Length: 0\r\n\r\n'],
    ['a NUL in a name', 'X\0Y: a\r\nContent-Length: 0\r\n\r\n'],
    ['a byte above 127 in a name', 'X\xe9: a\r\nContent-Length: 0\r\n\r\n'],
    ['a chunk size that is none', 'Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n'],
    ['a chunk size with a sign', 'Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n'],
    ['a chunk size with 0x', 'Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n'],
    [
      'a chunk size beyond 64 bits',
      'Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n',
    ],
    ['a chunk longer than it says', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n'],
    ['a chunk line that ends in a line feed', 'Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n'],
    [
      'a carriage return in a chunk extension',
      'Transfer-Encoding: chunked\r\n\r\n3;a\rb\r\nabc\r\n0\r\n\r\n',
    ],
    ['a line feed in a chunk extension', 'Transfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n'],
    ['chunks in HTTP/1.0', 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', '1.0'],
    ['a version that does not exist', 'Content-Length: 0\r\n\r\n', '1.2'],
    ['the version of another protocol', 'Content-Length: 0\r\n\r\n', '2.0'],
  ];

  it.each(corpus)(
    '%s: refused or cut, and nothing behind it is taken for a request',
    async (_n, rest, version) => {
      for (const [address, url] of addresses) {
        for (const path of address === 'core' ? ['/v1/messages'] : ['/v1/messages', '/api/v2/requests']) {
          const start = `POST ${path} HTTP/${version ?? '1.1'}\r\nHost: ${hostOf(url)}\r\n`;
          const statuses = await withClient(url, async (client) => {
            client.send(start + rest + smuggled, 'POST');
            await waitFor(() => client.answers.length > 0 || client.ended !== undefined);
            await client.waitForEnd();
            return client.answers.map(({ status }) => status);
          });
          expect(statuses.length, `${address} ${path}`).toBeLessThanOrEqual(1);
          expect([400, 403, 404, 405, 413, 505, undefined], `${address} ${path}`).toContain(statuses[0]);
        }
      }
      expect(provider.requests.filter(({ target }) => target.includes('smuggled'))).toEqual([]);
      expect(provider.requests.filter(({ isComplete }) => isComplete)).toEqual([]);
    },
  );

  it('whole bodies that look like requests stay bodies, on the way to proxy-data too', async () => {
    const body = `${smuggled}DELETE /api/requests HTTP/1.1\r\nHost: x\r\n\r\n`;
    for (const [address, url] of addresses) {
      const target = address === 'core' ? '/v1/messages' : '/api/v2/requests';
      for (const framing of ['length', 'chunks']) {
        const head =
          framing === 'length'
            ? `Content-Length: ${body.length}\r\n\r\n${body}`
            : `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
        await withClient(url, async (client) => {
          client.send(`GET ${target} HTTP/1.1\r\nHost: ${hostOf(url)}\r\n${head}`, 'GET');
          const answer = await client.answer();
          expect([200, 403], `${address} ${framing}`).toContain(answer.status);
          expect(client.answers).toHaveLength(1);
        });
      }
    }
    expect(provider.requests.map(({ target }) => target)).toEqual(['/v1/messages', '/v1/messages']);
    expect(provider.requests.every((request) => request.body.toString() === body)).toBe(true);
  });
});

describe('STR-09: an answer of the provider whose framing is not certain', () => {
  const second = 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled';
  const ok = 'HTTP/1.1 200 OK\r\n';
  it.each<[string, string]>([
    ['a length and chunks', `${ok}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['two lengths', `${ok}Content-Length: 2\r\nContent-Length: 4\r\n\r\nabcd`],
    ['a list of lengths', `${ok}Content-Length: 2, 2\r\n\r\nab`],
    ['a negative length', `${ok}Content-Length: -2\r\n\r\nab`],
    ['a length beyond 64 bits', `${ok}Content-Length: 18446744073709551618\r\n\r\nab`],
    ['gzip before chunked', `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`],
    ['an unknown coding', `${ok}Transfer-Encoding: xchunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`],
    ['a chunk size that is none', `${ok}Transfer-Encoding: chunked\r\n\r\nZZ\r\nab\r\n0\r\n\r\n`],
    ['a chunk longer than it says', `${ok}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n`],
    ['a space before the colon', `${ok}Content-Length : 2\r\n\r\nab`],
    ['a folded line', `${ok}X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nab`],
    ['a NUL in a value', `${ok}X: a\0b\r\nContent-Length: 2\r\n\r\nab`],
    ['a bare carriage return in a value', `${ok}X: a\rSet-Cookie: b\r\nContent-Length: 2\r\n\r\nab`],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nab'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nab'],
    ['a version that does not exist', 'HTTP/3.7 200 OK\r\nContent-Length: 2\r\n\r\nab'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
    [
      'a protocol switch that nobody asked for',
      'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    ],
    ['a head without an end', `${ok}X-Endless: ${'x'.repeat(200_000)}`],
  ])('%s: never a clean end, and nothing behind it is an answer', async (_name, raw) => {
    const pieces: AnswerPiece[] = [Buffer.from(raw + second, 'latin1')];
    provider.respondOnceWith({ raw: pieces, ending: 'fin' });
    await withClient(throughline.frontUrl, async (client) => {
      client.sendRequest({ method: 'POST', target: '/v1/messages', body: '{}' });
      await waitFor(() => client.answers[0]?.isComplete === true || client.ended !== undefined);
      const [first] = client.answers;
      if (first?.isComplete)
        expect([first.status, first.header('x-throughline-problem')]).toEqual([502, 'upstream-invalid']);
      expect(client.received.includes('smuggled')).toBe(false);
      expect(client.answers.length).toBeLessThanOrEqual(1);
    });
    provider.respondOnceWith({ body: ['next'] });
    const next = await askOnce(throughline.frontUrl, { method: 'POST', target: '/v1/messages', body: '{}' });
    expect(next.body.toString()).toBe('next');
  });

  it('a thousand interim answers are borne and not multiplied', async () => {
    const interim = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'.repeat(1_000);
    provider.respondOnceWith({ raw: [`${interim}${ok}Content-Length: 2\r\n\r\nab`] });
    const answer = await askOnce(throughline.frontUrl, { target: '/v1/models' });
    expect(answer.body.toString()).toBe('ab');
  });
});

describe('STR-10: a target that names another host', () => {
  it.each([
    'http://{evil}/v1/messages',
    'https://{evil}/v1/messages',
    '//{evil}/v1/messages',
    '/\\{evil}/v1/messages',
    '\\\\{evil}\\v1',
    '@{evil}/v1/messages',
    '/@{evil}/v1/messages',
    '/v1@{evil}/messages',
    '{evil}/v1/messages',
    '/v1/../../{evil}/',
    '/v1/%2e%2e/x',
    '/v1/x#@{evil}/',
    '/v1/x\t@{evil}/',
    '*',
  ])('%s reaches nobody, at any address', async (pattern) => {
    const target = pattern.replace('{evil}', `127.0.0.1:${evil.port}`);
    for (const [address, url] of addresses) {
      const status = await rawStatus(url, `GET ${target} HTTP/1.1\r\nHost: ${hostOf(url)}\r\n\r\n`);
      expect([400, 404], `${address} ${status}`).toContain(status);
    }
    expect(provider.requests).toEqual([]);
    expect(evil.connections).toEqual([]);
  });
});

describe('SEC-14: one decision about a path', () => {
  it.each([
    ...[
      '/api/../v1/models',
      '/v1/../api/requests',
      '/v1/./models',
      '/./v1/models',
      '/v1/%2fapi',
      '/v1%2fmodels',
    ],
    ...[
      '/%2e%2e/v1/models',
      '//api/requests',
      '/api//requests',
      '/v1//models',
      '/api/..;/v1/models',
      '/v1/%00',
    ],
    ...['/v1/%252e%252e/x', '/api/requests%', '/api/requests%zz', '/p/a//v1/models', '/p/../v1/models'],
  ])('%s is refused by every service', async (target) => {
    for (const [address, url] of addresses)
      expect((await askOnce(url, { target })).status, address).toBe(400);
    expect(provider.requests).toEqual([]);
  });

  it.each([
    ...['/V1/models', '/v1', '/v1;x/models', '/%761/models', '/Api/requests', '/api'],
    ...['/p/a/v2/models', '/p//v1', '/p/a%20b/v1/models', '/apis/requests', '/v1.0/models', '/v2/v1/models'],
  ])('%s means neither the provider nor the API to anybody', async (target) => {
    for (const [address, url] of addresses)
      expect([400, 404], address).toContain((await askOnce(url, { target })).status);
    expect(provider.requests).toEqual([]);
  });

  it('the provider is asked only by core, the API only by proxy-data', async () => {
    const at = async (target: string): Promise<number[]> =>
      Promise.all(addresses.map(async ([, url]) => (await askOnce(url, { target })).status));
    expect(addresses.map(([address]) => address)).toEqual(['front', 'core', 'data']);
    expect(await at('/v1/models')).toEqual([200, 200, 404]);
    expect(await at('/p/tag/v1/models')).toEqual([200, 200, 404]);
    expect(await at('/api/v2/requests')).toEqual([200, 404, 200]);
    // Letters that are encoded without need are read by proxy-data alone, behind the same guard.
    expect(await at('/%61pi/v2/requests')).toEqual([200, 404, 200]);
    expect(provider.requests).toHaveLength(4);
  });
});

describe('STR-11: a client that waits for 100 Continue', () => {
  it.each(['/v1/messages', '/api/v2/requests'])('is answered on %s of the front', async (target) => {
    await withClient(throughline.frontUrl, async (client) => {
      const host = hostOf(throughline.frontUrl);
      const fields = 'Content-Length: 2\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n\r\n';
      client.send(`POST ${target} HTTP/1.1\r\nHost: ${host}\r\n${fields}`, 'POST');
      await waitFor(() => client.informational[0] ?? client.answers[0], { timeoutMs: 3_000, what: '100' });
      if (client.answers.length === 0) client.send('{}');
      expect((await client.answer()).status).toBe(target.startsWith('/v1') ? 200 : 405);
    });
  });

  it('gets its refusal instead of the permission to send', async () => {
    for (const [, url] of addresses) {
      const fields = 'Content-Length: 9\r\nExpect: 100-continue\r\n';
      const evilPage = `POST /v1/messages HTTP/1.1\r\nHost: evil.example\r\n${fields}\r\n`;
      expect(await rawStatus(url, evilPage, 'POST')).toBe(403);
      const wonders = `POST /v1/messages HTTP/1.1\r\nHost: ${hostOf(url)}\r\nContent-Length: 9\r\nExpect: wonders\r\n\r\n`;
      expect([404, 417]).toContain(await rawStatus(url, wonders, 'POST'));
    }
    expect(provider.requests).toEqual([]);
  });
});

describe('STR-15: requests that do not wait for the answer before', () => {
  it('are answered in their order, whoever answers them', async () => {
    const targets = [
      '/v1/a',
      '/api/v2/requests',
      '/health',
      '/v1/..',
      '/v1/b',
      '/nothing',
      '/livez',
      '/v1/c',
    ];
    provider.respondWith(({ target }) => ({ body: [{ pauseMs: target === '/v1/a' ? 200 : 0 }, target] }));
    const expected = [200, 200, 200, 400, 200, 404, 200, 200];
    await withClient(throughline.frontUrl, async (client) => {
      const host = hostOf(throughline.frontUrl);
      for (const target of targets) client.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 'GET');
      await waitFor(() => client.answers.filter(({ isComplete }) => isComplete).length === targets.length);
      expect(client.answers.map(({ status }) => status)).toEqual(expected);
      const own = client.answers.map(({ body }) => body.toString()).filter((body) => /^\/v1\/\w$/.test(body));
      expect(own).toEqual(['/v1/a', '/v1/b', '/v1/c']);
    });
  });

  it('are not answered any more when the client has left', async () => {
    provider.respondWith({ body: ['slow', { pauseMs: 100 }], framing: 'chunked', ending: 'stall' });
    const client = await openRaw(throughline.frontUrl);
    const request = `GET /v1/slow HTTP/1.1\r\nHost: ${hostOf(throughline.frontUrl)}\r\n\r\n`;
    for (let i = 0; i < 20; i += 1) client.send(request, 'GET');
    await provider.request(0);
    client.reset();
    await waitFor(() => provider.requests.every(({ closed }) => closed !== undefined), {
      what: 'the provider to be left by every one of them',
    });
  });
});

describe('SEC-22: what is not a plain request', () => {
  it.each<[string, string, number[]]>([
    [
      'a WebSocket',
      'GET {path} HTTP/1.1\r\n{host}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
      [404, 426],
    ],
    ['HTTP/2 by knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [0, 400]],
    [
      'a tunnel',
      'CONNECT 127.0.0.1:{evil} HTTP/1.1\r\nHost: 127.0.0.1:{evil}\r\n\r\n',
      [0, 400, 403, 405, 426],
    ],
    ['a trace', 'TRACE {path} HTTP/1.1\r\n{host}X-Api-Key: sk-ant-canary-trace-0001\r\n\r\n', [405]],
    ['a method of WebDAV', 'PROPFIND {path} HTTP/1.1\r\n{host}\r\n', [405]],
    ['a method that nobody knows', 'STEAL {path} HTTP/1.1\r\n{host}\r\n', [400, 405]],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [0, 400]],
    ['nothing but line ends', '\r\n\r\n\r\nx\r\n\r\n', [0, 400]],
  ])('%s is refused by every service', async (_name, bytes, expected) => {
    for (const [address, url] of addresses) {
      const request = bytes
        .replace('{path}', address === 'data' ? '/api/v2/requests' : '/v1/models')
        .replace('{host}', `Host: ${hostOf(url)}\r\n`)
        .replaceAll('{evil}', String(evil.port));
      const status = await rawStatus(url, request);
      // proxy-data answers a request that only offers an upgrade as the plain request it is.
      expect(address === 'data' ? [200, ...expected] : expected, `${address} ${status}`).toContain(status);
      expect((await askOnce(url, { target: '/livez' })).status).toBe(200);
    }
    expect(provider.requests).toEqual([]);
    expect(evil.connections).toEqual([]);
  });

  it('HTTP/2 by upgrade is declined by every service, which goes on in HTTP/1.1', async () => {
    for (const [address, url] of addresses) {
      const target = address === 'data' ? '/api/v2/requests' : '/v1/models';
      const fields =
        'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';
      const status = await rawStatus(url, `GET ${target} HTTP/1.1\r\nHost: ${hostOf(url)}\r\n${fields}\r\n`);
      expect([address, status]).toEqual([address, 200]);
    }
    for (const { rawHeaders } of provider.requests)
      expect(rawHeaders.filter(([name]) => /^(upgrade|http2-settings)$/i.test(name))).toEqual([]);
  });
});
