import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { both, type Pair, rawOutcome, type ScriptedAnswer, slices, sseEvent, startPair } from '#test-support';

// One row for each thing that an upstream can do to a coding agent. Clients decide by status, fields, wording and
// by how the connection ends, so all of it must arrive as it would without us.
let pair: Pair;
beforeAll(async () => {
  pair = await startPair();
});
afterAll(() => pair?.close());

const json = (status: number, type: string, extra: [string, string][] = []): ScriptedAnswer => ({
  status,
  headers: [
    ['Content-Type', 'application/json'],
    ['request-id', 'req_row'],
    ['anthropic-ratelimit-unified-status', 'allowed'],
    ...extra,
  ],
  body: [`{"type": "error",  "error": {"type": "${type}", "message": "exact wording, größe"}}`],
});

const start = sseEvent('message_start', {
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [],
    usage: { input_tokens: 1, output_tokens: 1 },
  },
});
const block = [
  sseEvent('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
  sseEvent('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'größe' } }),
  sseEvent('content_block_stop', { index: 0 }),
];
const delta = sseEvent('message_delta', {
  delta: { stop_reason: 'end_turn', safeguard_results: [{ unknown: true }] },
  usage: { output_tokens: 3 },
});
const stop = sseEvent('message_stop', {});
const whole = [start, ...block, delta, stop];
const stream = (body: ScriptedAnswer['body'], more: Partial<ScriptedAnswer> = {}): ScriptedAnswer => ({
  headers: [
    ['content-type', 'text/event-stream; charset=utf-8'],
    ['request-id', 'req_row'],
  ],
  framing: 'chunked',
  ...(body === undefined ? {} : { body }),
  ...more,
});

const rows: Record<string, ScriptedAnswer> = {
  '429 with retry-after 2': json(429, 'rate_limit_error', [['retry-after', '2']]),
  '429 with retry-after 90': json(429, 'rate_limit_error', [['Retry-After', '90']]),
  '429 without retry-after': json(429, 'rate_limit_error'),
  '500': json(500, 'api_error'),
  '502 with an HTML body': {
    status: 502,
    headers: [['content-type', 'text/html']],
    body: ['<html>\r\n<h1>Bad Gateway</h1></html>'],
  },
  '529': json(529, 'overloaded_error'),
  '401': json(401, 'authentication_error', [['www-authenticate', 'Bearer realm="x"']]),
  '403': json(403, 'permission_error'),
  '413': json(413, 'request_too_large'),
  '404': json(404, 'not_found_error'),
  '400': json(400, 'invalid_request_error'),
  'x-should-retry: false': json(529, 'overloaded_error', [['x-should-retry', 'false']]),
  'x-should-retry: true': json(400, 'invalid_request_error', [['X-Should-Retry', 'true']]),
  'a whole stream': stream(whole),
  'reset in mid-stream before a block is finished': stream([start], { ending: 'reset' }),
  'reset in mid-stream after a finished block': stream([start, ...block], { ending: 'reset' }),
  'connection ended in mid-stream without the last chunk': stream([start, ...block], { ending: 'fin' }),
  'clean end without message_stop and without stop_reason': stream([start, ...block]),
  'clean end after message_delta, message_stop missing': stream([start, ...block, delta]),
  'error event in the stream': stream([
    start,
    sseEvent('error', { error: { type: 'overloaded_error', message: 'Overloaded' } }),
  ]),
  '200 with JSON although a stream was asked for': { ...json(200, 'none'), body: ['{"type":"message"}'] },
  'events without event lines': stream(whole.map((event) => event.replace(/^event: .*\n/, ''))),
  'content_block_stop missing': stream([start, ...block.slice(0, 2), delta, stop]),
  'tool input whole in content_block_start': stream([
    start,
    sseEvent('content_block_start', {
      index: 0,
      content_block: { type: 'tool_use', id: 't', name: 'Bash', input: { a: 1 } },
    }),
    sseEvent('content_block_stop', { index: 0 }),
    delta,
    stop,
  ]),
  'unknown events, comments and CRLF': stream([
    ': hello\r\n\r\n',
    'event: future\r\ndata: {"type":"future"}\r\n\r\n',
    ...whole,
  ]),
  'the wrong content type': { ...stream(whole), headers: [['content-type', 'text/plain']] },
  'bytes split anywhere': stream(slices(whole.join(''), 7)),
  'everything in one chunk': stream([whole.join('')]),
  'a stream with Content-Length': stream(whole, { framing: 'length' }),
  'a stream that only the end of the connection ends': stream(whole, { framing: 'close' }),
  gzip: stream(whole, { encoding: 'gzip' }),
  br: stream(whole, { encoding: 'br' }),
  zstd: stream(whole, { encoding: 'zstd' }),
  'less than Content-Length promised': {
    ...json(200, 'none'),
    body: ['{"half'],
    claimedLength: 500,
    ending: 'fin',
  },
  'no body': { status: 204, framing: 'none', headers: [['request-id', 'req_row']] },
  'an empty body': { status: 200, headers: [['request-id', 'req_row']] },
  trailers: stream(whole, { trailers: [['X-Checksum', 'abc']] }),
  'repeated and oddly spelled fields': json(200, 'none', [
    ['Set-Cookie', 'a=1'],
    ['set-cookie', 'b=2'],
    ['X-ODD-case', 'Kept As Is'],
    ['x-empty', ''],
  ]),
  'an unknown status with words of its own': { ...json(499, 'none'), statusText: 'Because I Said So' },
};

const request = {
  method: 'POST',
  target: '/v1/messages?beta=true',
  headers: [
    ['Content-Type', 'application/json'],
    ['x-api-key', 'sk-ant-test'],
    ['anthropic-version', '2023-06-01'],
    ['Accept-Encoding', 'gzip, deflate, br, zstd'],
  ] as [string, string][],
  body: '{"model":"m",  "stream":true, "messages":[]}',
};

describe('what the provider does reaches the client as it is', () => {
  it.each(Object.entries(rows))('%s', async (_name, answer) => {
    const { direct, through } = await both(pair, [answer], (url) => rawOutcome(url, request));
    expect(direct.result).toBeDefined();
    expect(through.result).toEqual(direct.result);
    expect(through.requests).toEqual(direct.requests);
  });
});

describe('when the provider gives no answer at all', () => {
  it.each([
    ['resets before the head', { raw: [], ending: 'reset' }, 502],
    ['closes before the head', { raw: [], ending: 'fin' }, 502],
    ['sends what is not HTTP', { raw: ['certainly not HTTP\r\n\r\n'], ending: 'fin' }, 502],
    ['breaks off in the head', { raw: ['HTTP/1.1 200 OK\r\ncontent-ty'], ending: 'reset' }, 502],
  ] as [string, ScriptedAnswer, number][])(
    '%s: the client gets a retryable error in the shape it knows',
    async (_name, answer, status) => {
      const { through } = await both(pair, [answer], (url) => rawOutcome(url, request));
      const { result } = through;
      expect(result?.statusLine).toContain(` ${status} `);
      expect(JSON.parse(result?.body ?? '')).toMatchObject({ type: 'error', error: { type: 'api_error' } });
      const names = result?.headers.map(([name]) => name.toLowerCase());
      expect(names).toContain('request-id');
      expect(names).toContain('x-throughline-problem');
      expect(through.requests).toHaveLength(1);
    },
  );

  it('refuses the connection: the same, and the next request works when it is back', async () => {
    await pair.provider.stopListening();
    for (const connection of pair.provider.connections) connection.end();
    const refused = await rawOutcome(pair.core.url, request);
    await pair.provider.listenAgain();
    const { through } = await both(pair, [rows['529']!], (url) => rawOutcome(url, request));
    expect(refused?.statusLine).toContain(' 502 ');
    expect(through.result?.statusLine).toContain(' 529 ');
  });
});
