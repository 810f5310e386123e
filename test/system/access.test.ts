import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  askOnce,
  type FakeProvider,
  listStored,
  type RawHeaders,
  readBack,
  startFakeProvider,
  startThroughline,
  type Throughline,
} from '#test-support';
import { addressesOf, hostOf } from './hostile-client.ts';

// Who may reach the running services: asked from outside, through all three addresses.
let provider: FakeProvider;
/** Where nothing may ever arrive. */
let evil: FakeProvider;
let throughline: Throughline;

beforeAll(async () => {
  provider = await startFakeProvider();
  evil = await startFakeProvider();
  throughline = await startThroughline({ providerOrigin: provider.origin });
});
afterAll(async () => {
  await throughline?.stop();
  await provider?.close();
  await evil?.close();
});

const paths = [
  '/',
  '/v1/models',
  '/p/tag/v1/models',
  '/api/requests',
  '/api/v2/events',
  '/health',
  '/metrics',
];

/** Status of every path at every address. */
async function statuses(request: (url: string) => { method?: string; headers: RawHeaders; body?: string }) {
  const found: Record<string, number> = {};
  for (const [address, url] of Object.entries(addressesOf(throughline))) {
    for (const target of paths) {
      found[`${address} ${target}`] = (await askOnce(url, { target, ...request(url) })).status;
    }
  }
  return found;
}

function all(status: number, found: Record<string, number>): void {
  expect(found).toEqual(Object.fromEntries(Object.keys(found).map((key) => [key, status])));
}

describe('SEC-01: a Host that is not ours', () => {
  it.each([
    'evil.com',
    'evil.com:{port}',
    'localhost.evil.com:{port}',
    '127.0.0.1.nip.io:{port}',
    'localhost.:{port}',
    '0.0.0.0:{port}',
    '127.1:{port}',
    'localhost:1',
    'user@localhost:{port}',
    'localhost:{port}, evil.com',
    '',
  ])('"%s" is refused on every route of every service', async (host) => {
    const before = provider.requests.length;
    all(403, await statuses((url) => ({ headers: [['Host', host.replace('{port}', new URL(url).port)]] })));
    expect(provider.requests.length).toBe(before);
  });

  it('is not hidden behind a second Host that is ours', async () => {
    const found = await statuses((url) => ({
      headers: [
        ['Host', hostOf(url)],
        ['Host', 'evil.com'],
      ],
    }));
    for (const status of Object.values(found)) expect([400, 403]).toContain(status);
  });

  it('is our own in any case of letters and by every loopback name', async () => {
    for (const url of [throughline.frontUrl, throughline.dataUrl]) {
      for (const name of ['LOCALHOST', '127.0.0.1', '[::1]']) {
        const headers: RawHeaders = [['Host', `${name}:${new URL(url).port}`]];
        expect((await askOnce(url, { target: '/api/v2/requests', headers })).status).toBe(200);
      }
    }
  });
});

describe('SEC-02: a page of another site', () => {
  it.each<[string, string, RawHeaders, string?]>([
    ['a script', 'GET', [['Origin', 'https://evil.example']]],
    ['a sandboxed frame', 'GET', [['Origin', 'null']]],
    ['a page on another port of this machine', 'GET', [['Origin', 'http://127.0.0.1:1']]],
    [
      'an image',
      'GET',
      [
        ['Sec-Fetch-Site', 'cross-site'],
        ['Sec-Fetch-Dest', 'image'],
      ],
    ],
    ['a page of a neighbouring name', 'GET', [['Sec-Fetch-Site', 'same-site']]],
    [
      'a form',
      'POST',
      [
        ['Origin', 'https://evil.example'],
        ['content-type', 'text/plain'],
      ],
      '{"a":"="}',
    ],
    [
      'a preflight',
      'OPTIONS',
      [
        ['Origin', 'https://evil.example'],
        ['Access-Control-Request-Method', 'POST'],
      ],
    ],
  ])('%s is refused on every route, and spends nothing', async (_who, method, headers, body) => {
    const before = provider.requests.length;
    const found = await statuses(() => ({ method, headers, ...(body === undefined ? {} : { body }) }));
    all(403, found);
    expect(provider.requests.length).toBe(before);
  });

  it('gets no permission to read: no answer carries a CORS header', async () => {
    for (const url of Object.values(addressesOf(throughline))) {
      for (const target of paths.filter((path) => path !== '/api/v2/events')) {
        const { rawHeaders } = await askOnce(url, { target, headers: [['Origin', 'https://evil.example']] });
        expect(rawHeaders.filter(([name]) => /^access-control-/i.test(name))).toEqual([]);
      }
    }
  });
});

describe('SEC-16: a page that wants to change something', () => {
  it('deletes nothing without JSON and the header that no form can send', async () => {
    await askOnce(throughline.frontUrl, { method: 'POST', target: '/v1/messages', body: '{}' });
    const kept = (await readBack(throughline, 1)).length;
    for (const url of [throughline.frontUrl, throughline.dataUrl]) {
      const own: RawHeaders = [['Origin', `http://${hostOf(url)}`]];
      const attempts: [string, RawHeaders, string?][] = [
        ['DELETE', [['Origin', 'https://evil.example']]],
        ['DELETE', [['Sec-Fetch-Site', 'cross-site']]],
        [
          'DELETE',
          [
            ['Sec-Fetch-Site', 'cross-site'],
            ['Sec-Fetch-Mode', 'navigate'],
            ['Sec-Fetch-Dest', 'document'],
          ],
        ],
        ['DELETE', own],
        ['DELETE', [...own, ['content-type', 'text/plain']], 'x'],
        ['DELETE', [['content-type', 'application/x-www-form-urlencoded']], 'a=b'],
        ['POST', [['content-type', 'application/x-www-form-urlencoded']], '_method=DELETE'],
      ];
      for (const [method, headers, body] of attempts) {
        const request = { method, target: '/api/requests', headers, ...(body === undefined ? {} : { body }) };
        expect((await askOnce(url, request)).status, JSON.stringify(headers)).toBe(403);
      }
      for (const target of ['/api/requests?_method=DELETE', '/api/requests?before=2999-01-01T00:00:00Z']) {
        expect((await askOnce(url, { target })).status).toBe(200);
        const override: RawHeaders = [['X-HTTP-Method-Override', 'DELETE']];
        expect((await askOnce(url, { target, headers: override })).status).toBe(200);
      }
    }
    expect((await listStored(throughline)).length).toBe(kept);
  });
});

describe('SEC-08: nobody but the configuration chooses the provider', () => {
  it('no header, query, body or model name is taken for an address', async () => {
    const address = `127.0.0.1:${evil.port}`;
    const before = provider.requests.length;
    const headers: RawHeaders = [
      ...['X-Forwarded-Host', 'X-Forwarded-Server', 'X-Host', 'X-Original-URL', 'X-Rewrite-URL'],
      ...['Forwarded', 'X-Throughline-Provider', 'X-Throughline-Upstream', 'X-Target-Url', 'Location'],
    ].map((name) => [name, name === 'Forwarded' ? `host=${address}` : evil.origin] as const);
    const body = JSON.stringify({ model: `${evil.origin}/v1`, base_url: evil.origin, provider: evil.origin });
    const target = `/v1/messages?base_url=${encodeURIComponent(evil.origin)}&url=${evil.origin}`;
    for (const url of [throughline.frontUrl, throughline.coreUrl])
      expect((await askOnce(url, { method: 'POST', target, headers, body })).status).toBe(200);
    expect(provider.requests.length).toBe(before + 2);
    expect(evil.connections).toEqual([]);
  });

  it.each([301, 302, 303, 307, 308])('a redirect (%i) is passed on and not followed', async (status) => {
    const location = `${evil.origin}/latest/meta-data/`;
    provider.respondOnceWith({
      status,
      headers: [
        ['Location', location],
        ['Refresh', `0;url=${location}`],
      ],
    });
    const answer = await askOnce(throughline.frontUrl, {
      method: 'POST',
      target: '/v1/messages',
      body: '{}',
    });
    expect([answer.status, answer.header('location')]).toEqual([status, location]);
    expect(evil.connections).toEqual([]);
  });
});
