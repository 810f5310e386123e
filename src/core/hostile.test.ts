import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CoreAlone,
  type FakeProvider,
  makeTempDir,
  openRaw,
  type RawConnection,
  startCoreAlone,
  startFakeProvider,
  waitFor,
} from '#test-support';

let provider: FakeProvider;
/** Where nothing may ever arrive. */
let evil: FakeProvider;
let core: CoreAlone;

beforeAll(async () => {
  provider = await startFakeProvider();
  evil = await startFakeProvider();
  core = await startCoreAlone({ providerOrigin: provider.origin });
});
afterAll(async () => {
  await core.stop();
  await provider.close();
  await evil.close();
});

async function withClient<T>(work: (client: RawConnection) => Promise<T>, url = core.url): Promise<T> {
  const client = await openRaw(url);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** Sends raw bytes and gives the status of the first answer; 0 when the connection ended without one. */
function statusOf(bytes: string, method = 'POST'): Promise<number> {
  return withClient(async (client) => {
    client.send(bytes, method);
    return waitFor(() => client.answers[0]?.status ?? (client.ended === undefined ? undefined : -1)).then(
      (status) => Math.max(0, status),
    );
  });
}

const host = (): string => `Host: 127.0.0.1:${core.port}\r\n`;

describe('STR-09: framing that two readers could read differently', () => {
  const corpus: [string, string][] = [
    ['a length and chunks', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['chunks and a length', 'Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
    ['the same length twice', 'Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc'],
    ['a list of lengths', 'Content-Length: 4, 4\r\n\r\nabcd'],
    ['a signed length', 'Content-Length: +4\r\n\r\nabcd'],
    ['a negative length', 'Content-Length: -4\r\n\r\nabcd'],
    ['a hexadecimal length', 'Content-Length: 0x4\r\n\r\nabcd'],
    ['a length beyond all numbers', 'Content-Length: 99999999999999999999\r\n\r\nabcd'],
    ['an unknown coding', 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
    ['identity after chunked', 'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n'],
    ['gzip before chunked', 'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a space before the colon', 'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n'],
    ['a folded line', 'Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n'],
    ['a bare line feed', 'X: 1\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a bare carriage return', 'X: 1\rY: 2\r\nContent-Length: 0\r\n\r\n'],
    ['a NUL in a value', 'X: a\0b\r\nContent-Length: 0\r\n\r\n'],
    ['a chunk size that is none', 'Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n'],
    ['a chunk without its end', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n'],
  ];

  it.each(corpus)('%s: refused or cut, and no second request reaches the provider', async (_name, rest) => {
    const before = provider.requests.length;
    const smuggled = 'GET /v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
    const status = await statusOf(`POST /v1/messages HTTP/1.1\r\n${host()}${rest}${smuggled}`);
    expect([0, 400, 413]).toContain(status);
    const arrived = provider.requests.slice(before);
    expect(arrived.filter(({ target }) => target.includes('smuggled'))).toEqual([]);
    expect(arrived.filter(({ isComplete }) => isComplete)).toEqual([]);
  });
});

describe('STR-10, SEC-08: nobody but the configuration chooses the provider', () => {
  const targets = (): string[] => [
    `http://127.0.0.1:${evil.port}/v1/x`,
    `//127.0.0.1:${evil.port}/v1/x`,
    `/\\127.0.0.1:${evil.port}/v1/x`,
    `@127.0.0.1:${evil.port}/v1/x`,
    `/v1/../../x`,
    '/v1/%2e%2e/x',
    '/v1/%2E%2e/x',
    '/v1/..%2fx',
    '/v1/%5c..',
    '/v1/x#y',
    '/v1//x',
    '*',
    '/v1/a\u00e9',
  ];

  it('refuses every target that is not a plain path, before anything is sent', async () => {
    const before = provider.requests.length;
    for (const target of targets()) {
      const status = await statusOf(`POST ${target} HTTP/1.1\r\n${host()}Content-Length: 0\r\n\r\n`);
      expect(`${target} ${status}`).toBe(`${target} 400`);
    }
    expect(await statusOf(`POST /v1/a\tb HTTP/1.1\r\n${host()}Content-Length: 0\r\n\r\n`)).toBe(400);
    expect(provider.requests.length).toBe(before);
    expect(evil.connections.length).toBe(0);
  });

  it('SEC-01: refuses a Host that is not ours, and two of them', async () => {
    const before = provider.requests.length;
    for (const line of [
      'Host: evil.example\r\n',
      `${host()}Host: evil.example\r\n`,
      `Host: 127.0.0.1:${evil.port}\r\n`,
      '',
    ]) {
      expect(await statusOf(`GET /v1/models HTTP/1.1\r\n${line}\r\n`, 'GET')).toBe(403);
      expect(await statusOf(`GET /health HTTP/1.1\r\n${line}\r\n`, 'GET')).toBe(403);
    }
    expect(provider.requests.length).toBe(before);
  });

  it('takes no part of the address from a header or the body', async () => {
    await withClient((client) =>
      client.ask({
        method: 'POST',
        target: '/v1/messages',
        headers: [
          ['X-Forwarded-Host', `127.0.0.1:${evil.port}`],
          ['X-Target-Url', evil.origin],
          ['x-throughline-provider', evil.origin],
          ['Forwarded', `host=127.0.0.1:${evil.port}`],
        ],
        body: JSON.stringify({ model: `${evil.origin}/model`, base_url: evil.origin }),
      }),
    );
    expect(evil.connections.length).toBe(0);
    expect(provider.requests.at(-1)!.header('x-throughline-provider')).toBeUndefined();
  });

  it('passes a redirect on and does not follow it', async () => {
    provider.respondOnceWith({ status: 307, headers: [['location', `${evil.origin}/latest/meta-data`]] });
    const answer = await withClient((client) =>
      client.ask({ method: 'POST', target: '/v1/messages', body: '{}' }),
    );
    expect(answer.status).toBe(307);
    expect(answer.header('location')).toBe(`${evil.origin}/latest/meta-data`);
    expect(evil.connections.length).toBe(0);
  });
});

describe('SEC-22: what is not a plain request', () => {
  it('answers a WebSocket with 426 and a clean close', async () => {
    for (const protocol of ['websocket', 'WebSocket', 'h2c, websocket', 'websocket/13']) {
      await withClient(async (client) => {
        client.send(
          `GET /v1/responses HTTP/1.1\r\n${host()}Connection: Upgrade\r\nUpgrade: ${protocol}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
          'GET',
        );
        expect((await client.answer()).status).toBe(426);
        expect(await client.waitForEnd()).toBe('fin');
      });
    }
  });

  it('declines every other protocol by serving the request, and passes no offer on', async () => {
    for (const protocol of ['h2c', 'TLS/1.0', 'HTTP/2.0', 'websockets', '']) {
      const before = provider.requests.length;
      const answer = await withClient((client) =>
        client.ask({
          method: 'POST',
          target: '/v1/messages',
          headers: [
            ['Connection', 'Upgrade, HTTP2-Settings'],
            ['Upgrade', protocol],
            ['HTTP2-Settings', 'AAMAAABkAAQAAP__'],
          ],
          body: '{"n":1}',
        }),
      );
      expect([protocol, answer.status]).toEqual([protocol, 200]);
      const received = provider.requests[before]!;
      expect(String(received.body)).toBe('{"n":1}');
      expect(received.rawHeaders.filter((field) => /upgrade|http2/i.test(field.join(' ')))).toEqual([]);
    }
  });

  it('refuses CONNECT, TRACE and methods nobody knows', async () => {
    const before = provider.requests.length;
    expect(await statusOf(`CONNECT 127.0.0.1:${evil.port} HTTP/1.1\r\n${host()}\r\n`, 'GET')).toBe(426);
    expect(await statusOf(`TRACE /v1/x HTTP/1.1\r\n${host()}\r\n`, 'GET')).toBe(405);
    expect(await statusOf(`PROPFIND /v1/x HTTP/1.1\r\n${host()}\r\n`, 'GET')).toBe(405);
    expect(await statusOf(`BREW /v1/x HTTP/1.1\r\n${host()}\r\n`, 'GET')).toBe(400);
    expect(await statusOf('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'GET')).toBe(400);
    expect(provider.requests.length).toBe(before);
    expect(evil.connections.length).toBe(0);
  });

  it('lets go of a client that asked for a tunnel, however that client leaves', async () => {
    const client = connect({ port: core.port, host: '127.0.0.1', allowHalfOpen: true });
    let isClosed = false;
    client.on('data', () => undefined).on('error', () => undefined);
    client.on('close', () => {
      isClosed = true;
    });
    client.write(`CONNECT a:1 HTTP/1.1\r\n${host()}\r\n`);
    // It never ends its side; a write meets a reset once core has let go.
    await waitFor(() => {
      client.write('x');
      return isClosed;
    });
    for (let i = 0; i < 20; i += 1) {
      const rude = await openRaw(core.url);
      rude.send(`CONNECT a:1 HTTP/1.1\r\n${host()}\r\nand more`, 'CONNECT');
      rude.reset();
    }
    const metrics = await withClient((other) => other.ask({ target: '/metrics' }));
    expect(metrics.body.toString()).toContain('throughline_uncaught_errors_total 0');
  });

  it('is not upset by names that mean something to JavaScript', async () => {
    const odd: [string, string][] = [
      ['__proto__', 'x'],
      ['constructor', 'y'],
      ['toString', 'z'],
    ];
    const answer = await withClient((client) => client.ask({ target: '/v1/models', headers: odd }));
    expect(answer.status).toBe(200);
    const sent = provider.requests.at(-1)!.rawHeaders;
    for (const [name, value] of odd) expect(sent).toContainEqual([name, value]);
  });

  it('keeps a request with an Origin away from the provider', async () => {
    const before = provider.requests.length;
    for (const origin of ['null', 'https://evil.example']) {
      const answer = await withClient((client) =>
        client.ask({ method: 'POST', target: '/v1/messages', headers: [['Origin', origin]], body: '{}' }),
      );
      expect(answer.status).toBe(403);
    }
    expect(provider.requests.length).toBe(before);
  });
});

describe('CR-04: more exchanges than descriptors', () => {
  it('answers the surplus with 503, goes on, and recovers', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    provider.respondWith({ body: ['begin', { until: gate }, 'end'], framing: 'chunked' });
    const temp = makeTempDir('limited-core');
    const small = await startCoreAlone({
      providerOrigin: provider.origin,
      program: limitedCore(temp.path, 296),
    });
    const clients = await Promise.all(Array.from({ length: 60 }, () => openRaw(small.url)));
    for (const client of clients) client.sendRequest({ method: 'POST', target: '/v1/messages', body: '{}' });
    await waitFor(() => clients.every((client) => client.answers.length > 0), {
      what: 'every client to be told',
    });
    const refused = clients.filter((client) => client.answers[0]!.status === 503);
    expect(refused.length).toBe(60 - 20);
    expect(refused[0]!.answers[0]!.header('retry-after')).toBe('1');
    expect(refused[0]!.answers[0]!.header('x-throughline-problem')).toBe('too-busy');
    release();
    await Promise.all(clients.map((client) => client.answer()));
    const served = clients.filter((client) => client.answers[0]!.status === 200);
    expect(served.every((client) => client.answers[0]!.body.toString() === 'beginend')).toBe(true);
    provider.respondWith(undefined);
    const after = await withClient((client) => client.ask({ target: '/v1/models' }), small.url);
    expect(after.status).toBe(200);
    for (const client of clients) client.close();
    await small.stop();
    temp.remove();
  });

  it('survives more connections than it may have', async () => {
    const temp = makeTempDir('limited-core');
    const small = await startCoreAlone({
      providerOrigin: provider.origin,
      program: limitedCore(temp.path, 120),
    });
    const clients = await Promise.allSettled(Array.from({ length: 200 }, () => openRaw(small.url)));
    for (const client of clients) if (client.status === 'fulfilled') client.value.close();
    const answer = await waitFor(
      () =>
        withClient((client) => client.ask({ target: '/v1/models' }, 2_000), small.url).catch(() => undefined),
      { what: 'an answer after the flood' },
    );
    expect(answer.status).toBe(200);
    expect(small.process.exit()).toBeUndefined();
    await small.stop();
    temp.remove();
  });
});

/** The program of core under a limit of open files that is set before it looks. */
function limitedCore(directory: string, descriptorsMax: number): string {
  const path = join(directory, 'limited-core.mjs');
  const main = pathToFileURL(join(import.meta.dirname, 'main.ts')).href;
  writeFileSync(
    path,
    `import { execFileSync } from 'node:child_process';
execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=${descriptorsMax}:${descriptorsMax}']);
await import(${JSON.stringify(main)});
`,
  );
  return path;
}
