import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeContent } from './content-encoding.ts';

const text = Buffer.from('data: the lamp turns once in ten seconds\n\n'.repeat(200));

function decoded(bytes: Uint8Array, encoding: string | undefined): string {
  const result = decodeContent(bytes, encoding);
  if (!result.ok) throw new Error(result.reason);
  return Buffer.from(result.bytes).toString();
}

describe('content encodings', () => {
  it.each([
    ['gzip', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['br', brotliCompressSync(text)],
    ['zstd', zstdCompressSync(text)],
    ['identity', text],
    ['GZIP ', gzipSync(text)],
    ['gzip, br', brotliCompressSync(gzipSync(text))],
  ])('%s is undone', (encoding, bytes) => {
    expect(decoded(bytes, encoding)).toBe(text.toString());
  });

  it('no encoding leaves the bytes as they are', () => {
    expect(decoded(text, undefined)).toBe(text.toString());
    expect(decoded(Buffer.alloc(0), 'gzip')).toBe('');
  });

  it.each([
    ['gzip', gzipSync(text, { level: 1 })],
    ['deflate', deflateSync(text)],
  ])('a body in %s that was cut off is read as far as it goes', (encoding, bytes) => {
    const half = decoded(bytes.subarray(0, bytes.length - 12), encoding);
    expect(half.length).toBeGreaterThan(0);
    expect(text.toString().startsWith(half)).toBe(true);
  });

  it.each(['br', 'zstd'])('a body in %s that was cut off never fails', (encoding) => {
    const bytes = encoding === 'br' ? brotliCompressSync(text) : zstdCompressSync(text);
    for (let cut = 0; cut < bytes.length; cut += 1) {
      const result = decodeContent(bytes.subarray(0, cut), encoding);
      if (result.ok) expect(text.toString().startsWith(Buffer.from(result.bytes).toString())).toBe(true);
    }
  });

  it('STR-20: a bomb is undecodable, whatever compressed it, and costs little memory', () => {
    const zeros = Buffer.alloc(24 * 1024 * 1024);
    for (const [encoding, bomb] of [
      ['gzip', gzipSync(zeros)],
      ['br', brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })],
      ['zstd', zstdCompressSync(zeros)],
    ] as const) {
      const before = process.memoryUsage().rss;
      expect(decodeContent(bomb, encoding)).toEqual({
        ok: false,
        reason: `${encoding} expands beyond the limit`,
      });
      expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
    }
  });

  it('STR-20: a bomb inside a bomb is undecodable', () => {
    const inner = gzipSync(Buffer.alloc(60 * 1024 * 1024));
    expect(decodeContent(gzipSync(inner), 'gzip, gzip').ok).toBe(false);
  });

  it('STR-20: more than two layers and unknown names are undecodable', () => {
    const many = Array.from({ length: 50 }, () => 'gzip').join(',');
    expect(decodeContent(text, many)).toEqual({ ok: false, reason: 'more than 2 content encodings' });
    expect(decodeContent(text, 'compress')).toEqual({
      ok: false,
      reason: 'unknown content encoding compress',
    });
  });

  it('STR-20: bytes that are not what the header says are undecodable', () => {
    for (const encoding of ['gzip', 'br', 'zstd']) expect(decodeContent(text, encoding).ok).toBe(false);
  });
});
