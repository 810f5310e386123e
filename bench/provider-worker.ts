import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { agentTraffic, answerAsProvider } from '#test-support';
import { serveJobs } from './worker.ts';

// A provider that costs little. What it does depends on the path:
// /v1/fixed/<bytes>                 an answer of that size with Content-Length
// /v1/events/<per second>/<count>   a stream of events that carry the time they were sent (nanoseconds)
// /v1/open                          one event, then silence
// /v1/agent/v1/…                    the same streamed answer in the format of the path, in one piece
// anything else                     a small streamed message
const server = createServer({ keepAliveTimeout: 600_000, requestTimeout: 0 }, (request, response) => {
  const [, , kind, first, second] = (request.url ?? '').split('/');
  request.resume();
  if (kind === 'fixed') return whenRead(request, () => fixed(response, Number(first)));
  if (kind === 'events') return whenRead(request, () => events(response, Number(first), Number(second)));
  if (kind === 'open') return whenRead(request, () => open(response));
  if (kind === 'agent')
    return whenRead(request, () => agent(response, request.url!.endsWith('/completions')));
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

const words = 'The lamp is lit, the windows are clean and the fog horn waits for its evening.'.split(' ');

/** Some 2 kB to 4 kB in either format: one event for each word. */
function agent(response: ServerResponse, isChat: boolean): void {
  const events = isChat ? chatEvents : messageEvents;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'content-length': events.length });
  response.end(events);
}

const chatEvents = Buffer.from(
  `${[
    ...words.map((content) => ({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })),
    { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
    { choices: [], usage: { prompt_tokens: 9_000, completion_tokens: words.length } },
  ]
    .map((chunk) => `data: ${JSON.stringify({ id: 'chatcmpl-bench', model: 'bench', ...chunk })}\n\n`)
    .join('')}data: [DONE]\n\n`,
);

const usage = { input_tokens: 9_000, output_tokens: words.length };
const messageEvents = Buffer.from(
  [
    {
      type: 'message_start',
      message: { id: 'msg_bench', type: 'message', role: 'assistant', model: 'bench', content: [], usage },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    ...words.map((text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage },
    { type: 'message_stop' },
  ]
    .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
    .join(''),
);

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
