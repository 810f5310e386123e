import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { agentTraffic } from './agent-traffic.ts';
import type { RawHeaders } from './http-wire.ts';
import { sseEvent } from './plausible-answers.ts';
import type { ScriptedAnswer } from './scripted-answer.ts';

/** One exchange to play again: what the client sent and what the provider answered. */
export interface RecordedExchange {
  readonly method: string;
  readonly target: string;
  readonly headers: RawHeaders;
  readonly body: Buffer;
  readonly answer: ScriptedAnswer;
}

export interface Recording {
  readonly name: string;
  readonly exchanges: readonly RecordedExchange[];
}

/**
 * Exchanges of real clients from the directory in `THROUGHLINE_RECORDINGS`, one recording per JSON file, found
 * wherever an object has a method, a URL, request headers and a response. Without that directory a generated
 * session stands in.
 */
export function recordings(directory = process.env.THROUGHLINE_RECORDINGS): Recording[] {
  if (directory === undefined || !existsSync(directory)) return [generatedRecording()];
  return readdirSync(directory, { recursive: true })
    .map((name) => join(directory, String(name)))
    .filter((path) => path.endsWith('.json'))
    .sort()
    .map((path) => ({
      name: relative(directory, path),
      exchanges: exchangesIn(JSON.parse(readFileSync(path, 'utf8'))),
    }))
    .filter(({ exchanges }) => exchanges.length > 0);
}

function generatedRecording(): Recording {
  const body = [
    sseEvent('message_start', { message: { id: 'msg_1', usage: {} } }),
    sseEvent('message_stop', {}),
  ];
  const answer: ScriptedAnswer = {
    headers: [['content-type', 'text/event-stream']],
    framing: 'chunked',
    body,
  };
  const exchanges = [...agentTraffic({ turns: 6 })].map((request) => ({ ...request, answer }));
  return { name: 'a generated session', exchanges };
}

function exchangesIn(value: unknown): RecordedExchange[] {
  if (Array.isArray(value)) return value.flatMap(exchangesIn);
  if (!isObject(value)) return [];
  const exchange = asExchange(value);
  return exchange === undefined ? Object.values(value).flatMap(exchangesIn) : [exchange];
}

function asExchange(value: Record<string, unknown>): RecordedExchange | undefined {
  const { method, url, request_headers: headers, response } = value;
  if (typeof method !== 'string' || typeof url !== 'string' || !Array.isArray(headers) || !isObject(response))
    return undefined;
  // Status 0 stands for a connection that broke before an answer.
  if (typeof response.status !== 'number' || response.status < 200) return undefined;
  // Connection warm-ups (`HEAD /`) are answered by core itself.
  if (!url.startsWith('/v1/')) return undefined;
  const body = requestBody(value);
  return {
    method,
    target: url,
    headers: withLength(headers as [string, string][], body),
    body,
    answer: {
      status: response.status,
      headers: answerHeaders(response.headers),
      body: [typeof response.body === 'string' ? response.body : JSON.stringify(response.body ?? '')],
      framing: method === 'HEAD' ? 'none' : 'chunked',
    },
  };
}

/** The recorded text; when it was kept as JSON, its serialisation, which has the recorded hash if nothing was elided. */
function requestBody(value: Record<string, unknown>): Buffer {
  const { request_body: body, request_body_sha256: sha256 } = value;
  if (body === undefined || body === null) return Buffer.alloc(0);
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const bytes = Buffer.from(text);
  const spaced = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body, null, 2));
  return createHash('sha256').update(spaced).digest('hex') === sha256 ? spaced : bytes;
}

function withLength(headers: readonly [string, string][], body: Buffer): RawHeaders {
  return headers
    .filter(([name]) => !/^(host|transfer-encoding)$/i.test(name))
    .map(([name, value]) => (/^content-length$/i.test(name) ? [name, String(body.length)] : [name, value]));
}

function answerHeaders(headers: unknown): RawHeaders {
  const pairs = Array.isArray(headers)
    ? (headers as [string, string][])
    : Object.entries(isObject(headers) ? headers : {});
  // Recorded bodies are decoded, and the framing is ours.
  return pairs
    .filter(
      ([name]) => !/^(content-length|transfer-encoding|content-encoding|connection|keep-alive)$/i.test(name),
    )
    .map(([name, value]) => [name, String(value)]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
