import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CoreAlone,
  type FakeProvider,
  openRaw,
  type RawConnection,
  startCoreAlone,
  startFakeProvider,
} from '#test-support';

let provider: FakeProvider;
let core: CoreAlone;

beforeAll(async () => {
  provider = await startFakeProvider();
  core = await startCoreAlone({ providerOrigin: provider.origin });
});
afterAll(async () => {
  await core.stop();
  await provider.close();
});

/** What the last request looked like to the provider. */
const lastReceived = () => provider.requests.at(-1)!;
const endToEnd = (fields: readonly (readonly [string, string])[]) =>
  fields
    .filter(([name]) => !/^(connection|keep-alive|transfer-encoding|host|content-length)$/i.test(name))
    .map(([n, v]) => [n, v]);

async function withClient<T>(work: (client: RawConnection) => Promise<T>): Promise<T> {
  const client = await openRaw(core.url);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

// Bytes above 127 stand for themselves: one character per byte.
const fieldName = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,24}$/).map((text) => `Q${text}`);
const fieldValue = fc
  .array(fc.constantFrom(...'abcXYZ 0123=;,"/\t'.split(''), '\u00e9', '\u00ff', '\u0080'), { maxLength: 40 })
  .map((characters) => characters.join('').trim());
const fields = fc.array(fc.tuple(fieldName, fieldValue), { maxLength: 40 });
const slicing = fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 12 });

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let offset = 0, i = 0; offset < bytes.length; i += 1) {
    const size = sizes[i % sizes.length]!;
    pieces.push(bytes.subarray(offset, offset + size));
    offset += size;
  }
  return pieces;
}

describe('bytes pass unchanged', () => {
  it('STR-01: any header list and any body, in any slicing, with a length or chunked, arrives as it was sent', async () => {
    const exchange = fc.record({
      sent: fields,
      answered: fields,
      upload: fc.uint8Array({ maxLength: 20_000 }),
      download: fc.uint8Array({ maxLength: 20_000 }),
      uploadCuts: slicing,
      downloadCuts: slicing,
      isChunkedUp: fc.boolean(),
      framing: fc.constantFrom('length' as const, 'chunked' as const, 'close' as const),
      status: fc.constantFrom(200, 201, 400, 404, 429, 500, 529, 299),
    });
    await fc.assert(
      fc.asyncProperty(exchange, async (given) => {
        const body = Buffer.from(given.download);
        provider.respondOnceWith({
          status: given.status,
          headers: given.answered,
          body: cut(body, given.downloadCuts),
          framing: given.framing,
        });
        await withClient(async (client) => {
          const upload = Buffer.from(given.upload);
          const framing = given.isChunkedUp
            ? 'Transfer-Encoding: chunked'
            : `Content-Length: ${upload.length}`;
          const lines = given.sent.map(([name, value]) => `${name}: ${value}\r\n`).join('');
          client.send(
            `POST /v1/x?a=%20b&&=c HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\n${lines}${framing}\r\n\r\n`,
            'POST',
          );
          for (const piece of cut(upload, given.uploadCuts)) {
            client.send(
              given.isChunkedUp
                ? Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
                : piece,
            );
          }
          if (given.isChunkedUp) client.send('0\r\n\r\n');
          const answer = await client.answer();
          expect(answer.status).toBe(given.status);
          expect(answer.isComplete).toBe(true);
          expect(answer.body.equals(body)).toBe(true);
          expect(endToEnd(answer.rawHeaders)).toEqual(given.answered);
          const received = lastReceived();
          expect(received.target).toBe('/v1/x?a=%20b&&=c');
          expect(received.body.equals(upload)).toBe(true);
          expect(endToEnd(received.rawHeaders)).toEqual(given.sent);
          expect(received.header('transfer-encoding')).toBe(given.isChunkedUp ? 'chunked' : undefined);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('STR-01: compressed and binary answers are not touched, whatever their encoding', async () => {
    for (const encoding of ['gzip', 'br', 'zstd'] as const) {
      const text = 'event: ping\ndata: {"type": "ping"}\n\n'.repeat(200);
      provider.respondOnceWith({ encoding, body: [text], headers: [['content-type', 'text/event-stream']] });
      const answer = await withClient((client) =>
        client.ask({ target: '/v1/messages', method: 'POST', body: '{}' }),
      );
      expect(answer.header('content-encoding')).toBe(encoding);
      expect(answer.body.length).toBe(Number(answer.header('content-length')));
    }
  });

  it('STR-20: a compressed bomb and broken or nested encodings are forwarded untouched', async () => {
    const bomb = gzipSync(Buffer.alloc(20_000_000));
    for (const [encoding, body] of [
      ['gzip', bomb],
      ['gzip', Buffer.from('not gzip at all')],
      [Array(50).fill('gzip').join(', '), randomBytes(2_000)],
    ] as const) {
      provider.respondOnceWith({ headers: [['content-encoding', encoding]], body: [body] });
      const answer = await withClient((client) => client.ask({ target: '/v1/x' }));
      expect(answer.header('content-encoding')).toBe(encoding);
      expect(answer.body.equals(body)).toBe(true);
    }
  });

  it('STR-08: trailers pass both ways', async () => {
    provider.respondOnceWith({
      body: ['abc'],
      trailers: [
        ['X-Sum', '1'],
        ['x-sum', '2'],
      ],
    });
    const answer = await withClient(async (client) => {
      client.send(
        `POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\nTransfer-Encoding: chunked\r\nTrailer: X-Up\r\n\r\n3\r\nabc\r\n0\r\nX-Up: yes\r\n\r\n`,
        'POST',
      );
      return client.answer();
    });
    expect(answer.trailers).toEqual([
      ['X-Sum', '1'],
      ['x-sum', '2'],
    ]);
    expect(lastReceived().trailers).toEqual([['X-Up', 'yes']]);
  });

  it('STR-08: 200 fields of up to 60 KB pass; more fields or a larger head are refused with 431', async () => {
    const many = Array.from({ length: 198 }, (_, i): [string, string] => [`x-${i}`, 'v'.repeat(250)]);
    provider.respondOnceWith({ headers: many, body: ['ok'] });
    const whole = await withClient((client) => client.ask({ target: '/v1/x', headers: many }));
    expect(endToEnd(whole.rawHeaders).slice(0, 198)).toEqual(many);
    expect(endToEnd(lastReceived().rawHeaders)).toEqual(many);
    const tooMany = Array.from({ length: 300 }, (_, i): [string, string] => [`x-${i}`, 'v']);
    expect((await withClient((client) => client.ask({ target: '/v1/x', headers: tooMany }))).status).toBe(
      431,
    );
    const tooLarge: [string, string][] = [['x-large', 'v'.repeat(70_000)]];
    expect((await withClient((client) => client.ask({ target: '/v1/x', headers: tooLarge }))).status).toBe(
      431,
    );
  });

  it('STR-08: 300 fields from the provider pass; a head beyond 64 KB is a 502 of ours', async () => {
    const many = Array.from({ length: 300 }, (_, i): [string, string] => [`x-${i}`, 'v']);
    provider.respondOnceWith({ headers: many, body: ['ok'] });
    const whole = await withClient((client) => client.ask({ target: '/v1/x' }));
    expect(endToEnd(whole.rawHeaders).slice(0, 300)).toEqual(many);
    provider.respondOnceWith({ headers: [['x-large', 'v'.repeat(70_000)]], body: ['ok'] });
    const refused = await withClient((client) => client.ask({ target: '/v1/x' }));
    expect(refused.status).toBe(502);
    expect(refused.header('x-throughline-problem')).toBe('upstream-invalid');
  });

  it('reuses the connection of the client and the one to the provider for exchange after exchange', async () => {
    provider.respondWith({ body: ['ok'] });
    const before = provider.connections.length;
    await withClient(async (client) => {
      for (let i = 0; i < 20; i += 1) {
        expect((await client.ask({ method: 'POST', target: '/v1/x', body: 'x' })).status).toBe(200);
      }
    });
    provider.respondWith(undefined);
    expect(provider.connections.length - before).toBeLessThanOrEqual(1);
  });
});
