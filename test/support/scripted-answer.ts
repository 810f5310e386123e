import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { RawHeaders } from './http-wire.ts';

/**
 * What a fake provider does with one request, step by step. Everything has a default, so that a test writes
 * down only the fault it is about.
 */
export interface ScriptedAnswer {
  /** Default 200. */
  readonly status?: number;
  readonly statusText?: string;
  readonly httpVersion?: '1.0' | '1.1';
  /** Sent as they stand, in this order; framing fields are added after them. */
  readonly headers?: RawHeaders;
  /** Pieces in order; each is one write, and one chunk when chunked. */
  readonly body?: readonly AnswerPiece[];
  /**
   * `length`: Content-Length of all byte pieces. `chunked`. `close`: neither, the end of the connection ends the
   * body. `none`: no framing field and no body, for 204, 304 and answers to HEAD. `length-and-close`: both.
   * Default `length`, or `chunked` when trailers are given or a piece is not bytes.
   */
  readonly framing?: 'length' | 'chunked' | 'close' | 'none' | 'length-and-close';
  /** Content-Length to claim instead of the true one. */
  readonly claimedLength?: number;
  /** Compresses all byte pieces as one stream and adds `Content-Encoding`. */
  readonly encoding?: 'gzip' | 'br' | 'zstd';
  readonly trailers?: RawHeaders;
  /** Sent before the head, for example `[103, [['link', '</x>']]]`. */
  readonly informational?: readonly (readonly [status: number, headers: RawHeaders])[];
  /** Begin as soon as the request's head is there, while its body may still be coming. */
  readonly early?: boolean;
  /**
   * `end`: properly, the connection stays. `fin`: the connection ends after the last piece, without the end of
   * the body. `reset`: the same with RST. `stall`: nothing more is sent. Default `end`.
   */
  readonly ending?: 'end' | 'fin' | 'reset' | 'stall';
  /** Bytes that nobody asked for, sent right after a proper end. */
  readonly unasked?: Uint8Array | string;
  /** Sent instead of everything above except `ending`. */
  readonly raw?: readonly AnswerPiece[];
}

/** Bytes to send, a pause, or something to wait for before the next piece. */
export type AnswerPiece =
  | Uint8Array
  | string
  | { readonly pauseMs: number }
  | { readonly until: Promise<unknown> };

export function isBytes(piece: AnswerPiece): piece is Uint8Array | string {
  return typeof piece === 'string' || piece instanceof Uint8Array;
}

/** Cuts bytes at every `size`, so that each piece travels in a write of its own. */
export function slices(bytes: Uint8Array | string, size: number): Uint8Array[] {
  const all = Buffer.from(bytes as Uint8Array);
  const pieces: Uint8Array[] = [];
  for (let offset = 0; offset < all.length; offset += size) pieces.push(all.subarray(offset, offset + size));
  return pieces;
}

/** One byte (or a few) at a time with a pause after each. */
export function drip(bytes: Uint8Array | string, size: number, pauseMs: number): AnswerPiece[] {
  return slices(bytes, size).flatMap((piece) => [piece, { pauseMs }]);
}

/** The answer with its body compressed, its framing chosen and its head as bytes. */
export interface LaidOutAnswer {
  readonly head: Buffer;
  readonly body: readonly AnswerPiece[];
  readonly isChunked: boolean;
  readonly endsConnection: boolean;
}

export function layOutAnswer(answer: ScriptedAnswer): LaidOutAnswer {
  const body = encoded(answer);
  const framing = answer.framing ?? defaultFraming(answer, body);
  const status = answer.status ?? 200;
  const lines = (answer.informational ?? []).flatMap(([code, headers]) => [
    `HTTP/1.1 ${code} ${reasonPhrase(code)}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    '',
  ]);
  lines.push(`HTTP/${answer.httpVersion ?? '1.1'} ${status} ${answer.statusText ?? reasonPhrase(status)}`);
  for (const [name, value] of answer.headers ?? []) lines.push(`${name}: ${value}`);
  if (answer.encoding !== undefined) lines.push(`content-encoding: ${answer.encoding}`);
  if (framing === 'length' || framing === 'length-and-close') {
    lines.push(`content-length: ${answer.claimedLength ?? byteLength(body)}`);
  }
  if (framing === 'chunked') lines.push('transfer-encoding: chunked');
  if (framing === 'close' || framing === 'length-and-close') lines.push('connection: close');
  return {
    head: Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'),
    body: framing === 'none' ? [] : body,
    isChunked: framing === 'chunked',
    endsConnection: framing === 'close' || framing === 'length-and-close',
  };
}

export function chunkFrame(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

export function lastChunk(trailers: RawHeaders = []): Buffer {
  const fields = trailers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.from(`0\r\n${fields}\r\n`, 'latin1');
}

function encoded(answer: ScriptedAnswer): readonly AnswerPiece[] {
  const body = answer.body ?? [];
  if (answer.encoding === undefined) return body;
  const plain = Buffer.concat(body.filter(isBytes).map((piece) => Buffer.from(piece as Uint8Array)));
  const packed = { gzip: gzipSync, br: brotliCompressSync, zstd: zstdCompressSync }[answer.encoding](plain);
  // Cut in the middle, so that a reader that expects whole frames shows itself.
  return slices(packed, Math.max(1, Math.ceil(packed.length / 3)));
}

function defaultFraming(answer: ScriptedAnswer, body: readonly AnswerPiece[]): 'length' | 'chunked' {
  return answer.trailers !== undefined || !body.every(isBytes) ? 'chunked' : 'length';
}

function byteLength(body: readonly AnswerPiece[]): number {
  return body.reduce((sum, piece) => sum + (isBytes(piece) ? Buffer.byteLength(piece) : 0), 0);
}

function reasonPhrase(status: number): string {
  const phrases: Record<number, string> = {
    100: 'Continue',
    103: 'Early Hints',
    200: 'OK',
    204: 'No Content',
    302: 'Found',
    304: 'Not Modified',
    400: 'Bad Request',
    401: 'Unauthorized',
    403: 'Forbidden',
    404: 'Not Found',
    413: 'Payload Too Large',
    429: 'Too Many Requests',
    500: 'Internal Server Error',
    502: 'Bad Gateway',
    503: 'Service Unavailable',
    529: 'Overloaded',
  };
  return phrases[status] ?? 'Status';
}
