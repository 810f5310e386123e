import type { IncomingMessage, ServerResponse } from 'node:http';
import { headerValue } from '#exchange';
import { askTokenField, pipedField, pipedRefusal, pipedValue } from '#guard';
import type { CoreContext } from './core-context.ts';
import { pipedHeadersFor, responseHeadersFor } from './headers.ts';
import { http } from './node-http.ts';
import { refuse } from './refuse.ts';
import { sendHead } from './send-head.ts';

/**
 * Hands one request over to proxy-data.
 * @param asksToken the guard wants the token for it, which proxy-data cannot see by itself
 */
export type Pipe = (request: IncomingMessage, response: ServerResponse, asksToken: boolean) => void;

/** Event streams stay open as long as a dashboard does, so they have a bound of their own. */
const eventStreamsMax = 64;

/**
 * The way from the front to proxy-data: bytes both ways, nothing parsed, nothing recorded, a few at a time. When
 * proxy-data is down a person gets a small page and a program a JSON 503, both from memory.
 */
export function createPipe(
  core: CoreContext,
  address: { readonly host: string; readonly port: number },
): Pipe {
  return (request, response, asksToken) => {
    const lane = asksForEvents(request) ? 'eventStreams' : 'piped';
    const laneMax = lane === 'eventStreams' ? eventStreamsMax : core.config.limits.pipedRequestsMax;
    if (core.metrics[lane] >= laneMax) {
      refuseData(core, request, response);
      return;
    }
    let isOver = false;
    const over = (): void => {
      if (isOver) return;
      isOver = true;
      core.metrics[lane] -= 1;
      core.eventStreamEnds.delete(endEarly);
      request.socket.off('close', left);
      upstream.destroy();
    };
    const left = (): void => over();
    const endEarly = (): void => {
      // A stream that has not begun is ended when it has: its listener comes back only to one that was.
      if (!response.headersSent) return;
      over();
      response.end();
    };
    const headers = pipedHeadersFor(request.rawHeaders);
    if (asksToken) headers.push(askTokenField, '1');
    // Otherwise Node announces a body in chunks, and a change with a body of unknown type is refused.
    if (isWithoutBody(request)) headers.push('content-length', '0');
    // Other workers pipe as well: proxy-data sees what all of them have open.
    headers.push(
      pipedField,
      pipedValue({ kind: lane === 'eventStreams' ? 'events' : 'requests', max: laneMax }),
    );
    const upstream = http.request({
      host: address.host,
      port: address.port,
      method: request.method!,
      path: request.url!,
      headers,
      agent: false,
      setHost: false,
    });
    core.metrics[lane] += 1;
    if (lane === 'eventStreams') core.eventStreamEnds.add(endEarly);
    request.socket.on('close', left);
    response.once('close', over);
    response.on('error', over);
    request.on('error', over);
    upstream.on('error', () => {
      if (isOver) return;
      over();
      if (response.headersSent) request.socket.destroy();
      else refuseData(core, request, response);
    });
    const expectsContinue = headerValue(request.rawHeaders, 'expect') !== undefined;
    if (expectsContinue && request.httpVersion !== '1.0') response.writeContinue();
    upstream.once('response', (answer) => {
      if (answer.headers[pipedField] === pipedRefusal) {
        over();
        refuseData(core, request, response);
        return;
      }
      relayPiped(core, request, response, answer);
      if (core.isDraining && lane === 'eventStreams') endEarly();
    });
    request.on('data', (chunk: Buffer) => {
      if (!isOver && !upstream.write(chunk)) request.pause();
    });
    upstream.on('drain', () => request.resume());
    request.once('end', () => upstream.end());
  };
}

/** A POST, PUT or PATCH that announces none. */
function isWithoutBody({ method, rawHeaders }: IncomingMessage): boolean {
  if (method !== 'POST' && method !== 'PUT' && method !== 'PATCH') return false;
  return !['content-length', 'transfer-encoding'].some((name) => headerValue(rawHeaders, name) !== undefined);
}

function asksForEvents({ headers }: IncomingMessage): boolean {
  return headers.accept?.toLowerCase().includes('text/event-stream') === true;
}

function relayPiped(
  core: CoreContext,
  request: IncomingMessage,
  response: ServerResponse,
  answer: IncomingMessage,
): void {
  const { headers } = responseHeadersFor(answer.rawHeaders);
  if (core.isDraining) headers.push('Connection', 'close');
  response.writeHead(answer.statusCode!, answer.statusMessage ?? '', headers);
  sendHead(response);
  answer.on('data', (chunk: Buffer) => {
    if (!response.writableEnded && !response.write(chunk)) answer.pause();
  });
  response.on('drain', () => answer.resume());
  answer.once('end', () => response.end());
  answer.once('error', () => {
    if (!response.writableEnded) request.socket.destroy();
  });
}

/** proxy-data is down, or has enough to do. */
function refuseData(core: CoreContext, request: IncomingMessage, response: ServerResponse): void {
  const { accept } = request.headers;
  if (request.method !== 'GET' || !accept?.includes('text/html')) {
    refuse(core, request, response, { code: 'data-unavailable' });
    return;
  }
  core.metrics.refused('data-unavailable');
  response.writeHead(503, [
    'content-type',
    'text/html; charset=utf-8',
    'content-length',
    String(page.length),
    'retry-after',
    '1',
    'cache-control',
    'no-store',
    'content-security-policy',
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'x-content-type-options',
    'nosniff',
    'x-throughline-problem',
    'data-unavailable',
  ]);
  response.end(page);
}

const page = Buffer.from(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="2">
<title>Throughline</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:36em;margin:15vh auto;padding:0 1em;color-scheme:light dark}</style>
<h1>The dashboard is away for a moment</h1>
<p>proxy-data is not running or is being restarted. Requests to providers under <code>/v1</code> are not affected and
go on being recorded. This page tries again every two seconds.</p>
</html>
`);
