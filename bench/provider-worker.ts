import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { agentTraffic, answerAsProvider } from '#test-support';
import { serveJobs } from './worker.ts';

// A provider that costs little. What it does depends on the path:
// /v1/fixed/<bytes>                 an answer of that size with Content-Length
// /v1/events/<per second>/<count>   a stream of events that carry the time they were sent (nanoseconds)
// /v1/open                          one event, then silence
// anything else                     a small streamed message
const server = createServer({ keepAliveTimeout: 600_000, requestTimeout: 0 }, (request, response) => {
  const [, , kind, first, second] = (request.url ?? '').split('/');
  request.resume();
  if (kind === 'fixed') return whenRead(request, () => fixed(response, Number(first)));
  if (kind === 'events') return whenRead(request, () => events(response, Number(first), Number(second)));
  if (kind === 'open') return whenRead(request, () => open(response));
  whenRead(request, () => message(response));
});
server.on('clientError', (_error, socket) => socket.destroy());

function whenRead(request: IncomingMessage, then: () => void): void {
  request.once('end', then);
}

const bodies = new Map<number, Buffer>();

function fixed(response: ServerResponse, bytes: number): void {
  const body =
    bodies.get(bytes) ??
    Buffer.from(JSON.stringify({ type: 'message', text: 'x'.repeat(bytes) }).slice(0, bytes));
  bodies.set(bytes, body);
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': body.length,
    'request-id': 'req_bench',
  });
  response.end(body);
}

function events(response: ServerResponse, perSecond: number, count: number): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  let sent = 0;
  const timer = setInterval(() => {
    response.write(`event: ping\ndata: {"sentNs":${process.hrtime.bigint()}}\n\n`);
    if (++sent < count) return;
    clearInterval(timer);
    response.end();
  }, 1000 / perSecond);
  response.once('close', () => clearInterval(timer));
}

function open(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write('event: ping\ndata: {"type":"ping"}\n\n');
}

let answered = 0;
const small = [...agentTraffic({ turns: 1 })][0]!.body;

function message(response: ServerResponse): void {
  const request = {
    completed: Promise.resolve(),
    target: '/v1/messages',
    body: small,
    bodyBytes: small.length,
    header: () => undefined,
  };
  // The plausible answer needs only these fields of a received request.
  void answerAsProvider(request as unknown as Parameters<typeof answerAsProvider>[0], {
    seed: ++answered,
  }).then((answer) => {
    for (const [name, value] of answer.headers ?? []) response.setHeader(name, value);
    for (const piece of answer.body ?? []) response.write(piece);
    response.end();
  });
}

serveJobs(async () => {
  if (!server.listening) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4096, resolve));
  return { port: (server.address() as AddressInfo).port };
});
