import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { contract, type Route } from '#api';
import type { AccessConfig } from '#core-config';
import { entranceRules } from './entrance-rules.ts';
import { exampleExchange } from './testing/example-exchange.ts';
import { type RunningServer, runServer } from './testing/running-server.ts';

const access: AccessConfig = {
  allowedHosts: [],
  allowedOrigins: [],
  tokenRequired: false,
  token: 'a'.repeat(64),
  checkPeerUser: false,
};
const routes = Object.entries<Route>(contract);

async function guarded(changes: Partial<AccessConfig> = {}): Promise<RunningServer> {
  const ports = new Set<number>();
  const data = await runServer({ rules: entranceRules({ ...access, ...changes }, ports), hasThreads: true });
  ports.add(Number(new URL(data.url).port));
  return data;
}

/** A path for each route, with an id that does not exist. */
function pathOf(route: Route): string {
  const nobodysId = route.path.includes('/plans/') ? '1' : 'f'.repeat(32);
  const path = route.path.replace('{id}', nobodysId);
  return `${path}?side=request&start=2026-01-01&end=2026-01-02&q=disk&key=model&project=-home-me&at=a0.b0&path=/v1/messages&format=jsonl`;
}

describe('every answer', () => {
  it('SEC-17: may not be cached, sniffed, framed or embedded, whatever it says', async () => {
    await using data = await guarded();
    await data.store(exampleExchange());
    const paths = [
      ...routes.filter(([, { method }]) => method === 'GET').map(([, route]) => pathOf(route)),
      '/nothing',
      '/v1/messages',
      '/',
      '/assets/start-page.js',
    ];
    for (const path of paths) {
      const answer = await data.get(path, { method: path.startsWith('/api/v2/events') ? 'HEAD' : 'GET' });
      await answer.body?.cancel();
      const header = (name: string) => answer.headers.get(name);
      expect(header('cache-control'), path).toBe('no-store');
      expect(header('x-content-type-options'), path).toBe('nosniff');
      expect(header('referrer-policy'), path).toBe('no-referrer');
      expect(header('cross-origin-opener-policy'), path).toBe('same-origin');
      expect(header('cross-origin-resource-policy'), path).toBe('same-origin');
      expect(header('content-security-policy'), path).toContain("default-src 'none'");
      expect(header('content-security-policy'), path).toContain("frame-ancestors 'none'");
      expect(header('access-control-allow-origin'), path).toBeNull();
    }
  });

  it('says what is not there and what is not allowed', async () => {
    await using data = await guarded();
    for (const path of [
      '/v1/messages',
      '/v1/models',
      '/v1',
      '/api',
      '/api/requests/',
      '/api/Requests',
      '/api/v3/x',
      '/assets/',
      '/favicon.ico',
    ]) {
      const answer = await data.get(path);
      expect(answer.status, path).toBe(404);
      expect(await answer.json(), path).toEqual({ error: 'Not found' });
    }
    const answer = await data.get('/api/requests', { method: 'PUT' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD, DELETE']);
    expect(
      (await data.get('/', { method: 'DELETE', headers: { 'content-type': 'application/json' } })).status,
    ).toBe(405);
  });

  it('has a head for HEAD and no body', async () => {
    await using data = await guarded();
    await data.store(exampleExchange());
    for (const [, route] of routes.filter(([, { method }]) => method === 'GET')) {
      const answer = await data.get(pathOf(route), { method: 'HEAD' });
      // The messages and the usage of a conversation that nobody knows are simply none.
      const isMissing = route.path.includes('{id}') && !/\/(?:messages|usage)$/.test(route.path);
      expect(answer.status, route.path).toBe(isMissing ? 404 : 200);
      expect(await answer.text(), route.path).toBe('');
    }
  });
});

describe('the entrance', () => {
  it('SEC-01: refuses a foreign Host on every route', async () => {
    await using data = await guarded();
    const port = new URL(data.url).port;
    const hosts = [
      'evil.example',
      `evil.example:${port}`,
      `localhost.evil:${port}`,
      `127.0.0.1.nip.io:${port}`,
      `localhost.:${port}`,
      '',
      '127.0.0.1:1',
    ];
    for (const host of hosts) {
      for (const [, route] of routes) {
        const answer = await rawRequest(
          data,
          `${route.method} ${pathOf(route)} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
        );
        expect(answer, `${host} ${route.path}`).toMatch(/^HTTP\/1.1 403 /);
        expect(answer).toContain('"code":"bad-host"');
      }
    }
  });

  it('SEC-02: refuses pages of other sites on every route', async () => {
    await using data = await guarded();
    await data.store(exampleExchange());
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' },
    ]) {
      for (const [, route] of routes) {
        const answer = await data.get(pathOf(route), {
          method: route.method,
          headers: headers as Record<string, string>,
        });
        expect(answer.status, route.path).toBe(403);
        expect(answer.headers.get('access-control-allow-origin')).toBeNull();
        await answer.body?.cancel();
      }
    }
    expect(await data.json('/api/requests/summary')).toMatchObject({ total: 1 });
  });

  it('SEC-04: asks for the token on every route and does not log it', async () => {
    await using data = await guarded({ tokenRequired: true });
    for (const [, route] of routes) {
      for (const headers of [{}, { 'x-throughline-token': 'b'.repeat(64) }, { 'x-throughline-token': '' }]) {
        const answer = await data.get(pathOf(route), { method: route.method, headers });
        expect(answer.status, route.path).toBe(401);
      }
    }
    expect((await data.get(`/api/requests/summary?token=${access.token}`)).status).toBe(401);
    for (const headers of [
      { 'x-throughline-token': access.token },
      { authorization: `Bearer ${access.token}` },
      { cookie: `throughline_token=${access.token}` },
    ]) {
      expect(
        (await data.get('/api/requests/summary', { headers: headers as Record<string, string> })).status,
      ).toBe(200);
    }
    expect(JSON.stringify(data.logged)).not.toContain(access.token);
  });

  it('D18: lets pages of exactly the listed origins read, and no others', async () => {
    await using data = await guarded({ allowedOrigins: ['https://tools.example'], tokenRequired: true });
    const withOrigin = (origin: string, more: Record<string, string> = {}) => ({
      headers: { origin, 'x-throughline-token': access.token, ...more },
    });
    const answer = await data.get('/api/v2/requests/summary', withOrigin('https://tools.example'));
    expect(answer.status).toBe(200);
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://tools.example');
    expect(answer.headers.get('vary')).toBe('Origin');
    expect(answer.headers.get('access-control-expose-headers')).toContain('X-Total-Count');
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
    for (const origin of [
      'https://tools.example.evil',
      'http://tools.example',
      'https://TOOLS.example',
      'null',
    ]) {
      expect((await data.get('/api/v2/requests/summary', withOrigin(origin))).status, origin).toBe(403);
    }
    const preflight = {
      method: 'OPTIONS',
      headers: {
        origin: 'https://tools.example',
        'access-control-request-method': 'DELETE',
        'access-control-request-headers': 'content-type',
      },
    };
    const permission = await data.get('/api/requests', preflight);
    expect(permission.status).toBe(204);
    expect(permission.headers.get('access-control-allow-headers')).toContain('x-throughline-request');
    expect(permission.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it('SEC-14: takes only plain targets', async () => {
    await using data = await guarded();
    const { host } = new URL(data.url);
    const targets = [
      '/api/../v1',
      '/api/%2e%2e/v1/messages',
      '/api%2frequests',
      '//api/requests',
      `http://${host}/api/requests`,
      '*',
      '/api/requests#x',
      '/api\\requests',
      '/api/requests/%00',
      '/./api',
      '/api/requests/%zz',
    ];
    for (const target of targets) {
      const answer = await rawRequest(
        data,
        `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer, target).toMatch(/^HTTP\/1.1 400 /);
    }
  });

  it('SEC-22: refuses tunnels, traces and upgrades', async () => {
    await using data = await guarded();
    const { host } = new URL(data.url);
    expect(await rawRequest(data, `TRACE / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 405 /,
    );
    expect(await rawRequest(data, `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toBe('');
    const upgrade = `GET /api/v2/events HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`;
    expect(await rawRequest(data, upgrade)).not.toMatch(/^HTTP\/1.1 101 /);
    expect((await data.get('/livez')).status).toBe(200);
  });
});

/** Sends bytes and gives everything that came back until the connection ended, or two lines of an endless answer. */
async function rawRequest(data: RunningServer, text: string): Promise<string> {
  const socket = connect(Number(new URL(data.url).port), '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1');
  socket.on('error', () => undefined);
  socket.on('data', (piece) => {
    answer += piece;
    if (/text\/event-stream/.test(answer)) socket.destroy();
  });
  socket.write(text);
  await once(socket, 'close');
  return answer;
}
