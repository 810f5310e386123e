import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pipedHeadersFor, requestHeadersFor, responseHeadersFor } from './headers.ts';

const provider = { format: 'anthropic' } as const;
const toProvider = (raw: string[], options: object = {}, method = 'POST') =>
  requestHeadersFor(raw, method, { hostHeader: 'api.example:8443', provider: { ...provider, ...options } });

describe('what the provider receives of the header', () => {
  it('keeps order, case and repeats, and puts the host of the provider where the client had its own', () => {
    const raw = ['Accept', 'a', 'HOST', 'localhost:3000', 'x-a', '1', 'X-A', '2', 'Content-Length', '3'];
    expect(toProvider(raw).headers).toEqual([
      ...['Accept', 'a', 'HOST', 'api.example:8443', 'x-a', '1', 'X-A', '2', 'Content-Length', '3'],
    ]);
  });

  it('leaves out what is between the client and us', () => {
    const raw = [
      ...['Host', 'h', 'Connection', 'keep-alive, X-Hop', 'Keep-Alive', 'timeout=5', 'X-Hop', '1'],
      ...[
        'Proxy-Connection',
        'x',
        'Proxy-Authorization',
        'x',
        'TE',
        'trailers',
        'Upgrade',
        'x',
        'Expect',
        'x',
      ],
      ...['x-throughline-token', 'secret', 'X-Throughline-Anything', '1', 'Trailer', 'x-sum'],
      ...['Transfer-Encoding', 'chunked'],
    ];
    expect(toProvider(raw).headers).toEqual([
      ...['Host', 'api.example:8443', 'Trailer', 'x-sum', 'Transfer-Encoding', 'chunked'],
    ]);
  });

  it('keeps credentials and content fields even when Connection names them', () => {
    const kept = ['authorization', 'b', 'x-api-key', 'k', 'anthropic-beta', 'b', 'content-type', 't'];
    const raw = [
      ...['Host', 'h', 'Connection', 'authorization, x-api-key, anthropic-beta, content-type, host', ...kept],
      ...['content-length', '0'],
    ];
    expect(toProvider(raw).headers).toEqual(['Host', 'api.example:8443', ...kept, 'content-length', '0']);
  });

  it('drops Trailer from a request that cannot have trailers', () => {
    const raw = ['Host', 'h', 'Trailer', 'x-sum', 'Content-Length', '3'];
    expect(toProvider(raw).headers).toEqual(['Host', 'api.example:8443', 'Content-Length', '3']);
  });

  it('adds the configured anthropic-version only when the client named none', () => {
    const version = { anthropicVersion: '2023-06-01' };
    expect(toProvider(['Host', 'h'], version, 'GET').headers).toContain('2023-06-01');
    expect(toProvider(['Host', 'h', 'Anthropic-Version', 'x'], version, 'GET').headers).not.toContain(
      '2023-06-01',
    );
  });

  it('frames a POST without any body as empty instead of chunked', () => {
    expect(toProvider(['Host', 'h']).headers).toEqual(['Host', 'api.example:8443', 'Content-Length', '0']);
    expect(toProvider(['Host', 'h'], {}, 'GET').headers).toEqual(['Host', 'api.example:8443']);
  });

  it('passes any end-to-end field unchanged', () => {
    const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,20}$/).map((text) => `q-${text}`);
    const value = fc.stringMatching(/^[!-~]{0,30}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 40 }), (fields) => {
        const raw = ['Host', 'h', 'content-length', '0', ...fields.flat()];
        expect(toProvider(raw).headers.slice(2)).toEqual(raw.slice(2));
        expect(responseHeadersFor(raw.slice(2)).headers).toEqual(raw.slice(2));
      }),
    );
  });
});

describe('what the client receives of the header', () => {
  it('keeps everything but the fields between the provider and us', () => {
    const raw = [
      'Date',
      'd',
      'Set-Cookie',
      'a',
      'set-cookie',
      'b',
      'Retry-After',
      '2',
      'x-should-retry',
      'false',
    ];
    const hop = [
      'Connection',
      'X-Hop',
      'X-Hop',
      '1',
      'Keep-Alive',
      'timeout=7',
      'Transfer-Encoding',
      'chunked',
    ];
    const head = responseHeadersFor([...raw, ...hop]);
    expect(head.headers).toEqual(raw);
    expect(head.keepAliveMs).toBe(7_000);
    expect(head.strangeCoding).toBeUndefined();
  });

  it('reads the length and notices a transfer coding that cannot be passed on', () => {
    expect(responseHeadersFor(['CONTENT-LENGTH', '12']).contentLength).toBe(12);
    expect(responseHeadersFor(['transfer-encoding', 'gzip, chunked']).strangeCoding).toBe('gzip, chunked');
  });
});

describe('what proxy-data receives of the header', () => {
  it('keeps Host, which it judges itself', () => {
    const headers = pipedHeadersFor(['Host', 'localhost:3000', 'Connection', 'keep-alive', 'Cookie', 'a=b']);
    expect(headers).toEqual(['Host', 'localhost:3000', 'Cookie', 'a=b', 'Connection', 'close']);
  });
});
