import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { ExchangeClosed, HeaderList, ResponseOpened } from '#exchange';
import type { AssembledExchange, BodyFrame } from './assemble.ts';
import { anExchangeId, answerEvents, anthropicRoute, askBody, closing, opened } from './recorder-fixture.ts';
import { understandExchange } from './understand.ts';

interface Told {
  readonly request?: Buffer;
  readonly response?: Buffer;
  readonly target?: string;
  readonly tag?: string;
  readonly requestHeaders?: HeaderList;
  readonly responseHeaders?: HeaderList;
  readonly source?: ResponseOpened['source'];
  readonly status?: number;
  readonly closed?: Partial<ExchangeClosed> | null;
  /** Cuts the response into pieces that arrive a millisecond apart. */
  readonly pieceBytes?: number;
  readonly gapBytes?: number;
}

function understand(told: Told = {}) {
  const request = told.request ?? askBody();
  const response = told.response ?? answerEvents('Forty-two.');
  const frames: BodyFrame[] = [];
  const pieceBytes = told.pieceBytes ?? response.length;
  for (let at = 0; at < response.length; at += pieceBytes) {
    const length = Math.min(pieceBytes, response.length - at);
    const atUs = 10_000 + frames.length * 1_000;
    frames.push({
      sequence: frames.length,
      segmentNumber: 1,
      startOffset: 0,
      endOffset: 0,
      length,
      atUs,
      bytes: undefined,
    });
  }
  const assembled: AssembledExchange = {
    id: anExchangeId(),
    coreId: 'core',
    first: { segmentNumber: 1, offset: 0 },
    openedAtUs: 5_000,
    lastAtUs: 90_000,
    opened: opened({
      ...(told.target === undefined ? {} : { target: told.target }),
      ...(told.tag === undefined ? {} : { tag: told.tag }),
      headers: told.requestHeaders ?? [],
    }),
    route: { ...anthropicRoute, ...(told.target === undefined ? {} : { upstreamTarget: told.target }) },
    attempts: [],
    responseOpened: {
      source: told.source ?? 'provider',
      status: told.status ?? 200,
      statusText: 'OK',
      httpVersion: '1.1',
      headers: told.responseHeaders ?? ['Content-Type', 'text/event-stream'],
    },
    ...(told.closed === null
      ? {}
      : {
          closedAtUs: 80_000,
          closed: {
            ...closing(request, response),
            requestBytesDropped: 0,
            responseBytesDropped: 0,
            ...told.closed,
          },
        }),
    request: { frames: [], bytes: request.length, gapBytes: 0 },
    response: { frames, bytes: response.length, gapBytes: told.gapBytes ?? 0 },
  };
  return understandExchange(assembled, {
    request: { bytes: request, frames: [] },
    response: { bytes: response, frames },
  });
}

describe('understanding an exchange', () => {
  it('takes session, agent, class and prompt from the headers', () => {
    const { exchange } = understand({
      requestHeaders: [
        ['User-Agent', 'claude-cli/2.1.330 (external, cli)'],
        ['X-Claude-Code-Session-Id', 's1'],
        ['x-claude-code-agent-id', 'a1'],
        ['x-claude-code-parent-agent-id', 'a0'],
        ['x-claude-code-agent-type', 'Explore'],
        ['x-claude-code-request-class', 'subagent'],
        ['x-claude-code-prompt-id', 'p1'],
        ['x-client-request-id', 'c1'],
      ].flat(),
      responseHeaders: ['request-id', 'req_1', 'content-type', 'text/event-stream'],
    });
    expect(exchange).toMatchObject({
      sessionId: 's1',
      agentId: 'a1',
      parentAgentId: 'a0',
      agentName: 'Explore',
      requestClass: 'subagent',
      promptId: 'p1',
      clientRequestId: 'c1',
      clientVersion: 'claude-cli/2.1.330',
      requestIdHeader: 'req_1',
    });
  });

  it('takes the session from metadata when no header tells it', () => {
    const metadata = { user_id: JSON.stringify({ session_id: 's2' }) };
    expect(understand({ request: askBody({ metadata }) }).exchange.sessionId).toBe('s2');
  });

  it.each([
    [['session-id', 'thread-7'], 'thread-7'],
    [['x-session-id', 'ses_1'], 'ses_1'],
  ])('knows the session of other agents by %j', (requestHeaders, sessionId) => {
    expect(understand({ requestHeaders }).exchange.sessionId).toBe(sessionId);
  });

  it('separates path, query and tag', () => {
    expect(understand({ target: '/p/blue/v1/messages?beta=true&x=?', tag: 'blue' }).exchange).toMatchObject({
      path: '/v1/messages',
      query: 'beta=true&x=?',
      tag: 'blue',
    });
    expect(understand({ target: '/v1/models' }).exchange).toMatchObject({ path: '/v1/models', query: '' });
  });

  it('takes a hang-up after message_stop for success and before it for an abort', () => {
    const response = answerEvents('x');
    expect(understand({ response, closed: { end: 'client-gone' } }).exchange.outcome).toBe('complete');
    const cut = response.subarray(0, -10);
    expect(understand({ response: cut, closed: { end: 'client-gone' } }).exchange.outcome).toBe(
      'client-aborted',
    );
  });

  it('takes a hang-up after response.completed and [DONE] for success', () => {
    const completed = Buffer.from('data: {"type":"response.completed","response":{"id":"resp_1"}}\n\n');
    const responses = {
      target: '/v1/responses',
      response: completed,
      closed: { end: 'client-gone' },
    } as const;
    expect(understand(responses).exchange).toMatchObject({ outcome: 'complete', messageId: 'resp_1' });
    const done = Buffer.from('data: {"id":"c","choices":[]}\n\ndata: [DONE]\n\n');
    const chat = { target: '/v1/chat/completions', response: done, closed: { end: 'client-gone' } } as const;
    expect(understand(chat).exchange).toMatchObject({ outcome: 'complete', messageId: 'c' });
  });

  it('takes a hang-up after the last byte of a body with a length for success', () => {
    const response = Buffer.from('plain words');
    const told = { target: '/v1/files', response, closed: { end: 'client-gone' as const } };
    const headers = (length: number) => ['content-type', 'text/plain', 'content-length', String(length)];
    expect(understand({ ...told, responseHeaders: headers(11) }).exchange.outcome).toBe('complete');
    expect(understand({ ...told, responseHeaders: headers(12) }).exchange.outcome).toBe('client-aborted');
  });

  it('says so when a stream ends cleanly without its last event', () => {
    const response = answerEvents('x');
    const early = response.subarray(0, response.indexOf('event: message_delta'));
    expect(understand({ response: early }).exchange).toMatchObject({
      outcome: 'complete',
      cause: 'the stream ended without its last event',
    });
  });

  it('keeps the error of an answer that is not 200', () => {
    const response = Buffer.from(
      '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
    );
    const responseHeaders = ['content-type', 'application/json'];
    expect(understand({ response, responseHeaders, status: 529 }).exchange).toMatchObject({
      status: 529,
      outcome: 'complete',
      errorType: 'overloaded_error',
      errorMessage: 'Overloaded',
      isStreaming: true,
    });
  });

  it('does not count what count_tokens estimates', () => {
    const { exchange } = understand({
      target: '/v1/messages/count_tokens',
      response: Buffer.from('{"input_tokens":100}'),
      responseHeaders: ['content-type', 'application/json'],
    });
    expect(exchange).toMatchObject({ usage: {}, askedModel: 'claude-asked' });
  });

  it('finds the first token in the arrivals, plain or compressed', () => {
    const response = answerEvents('Forty-two.');
    const first = response.indexOf('event: content_block_delta');
    const end = response.indexOf('\n\n', first) + 2;
    expect(understand({ response, pieceBytes: 50 }).exchange.firstTokenUs).toBe(
      5_000 + (Math.ceil(end / 50) - 1) * 1_000,
    );
    const responseHeaders = ['content-type', 'text/event-stream', 'content-encoding', 'gzip'];
    const { exchange } = understand({ response: gzipSync(response), pieceBytes: 10, responseHeaders });
    expect(exchange).toMatchObject({ stopReason: 'end_turn', responseUnaltered: true });
    expect(exchange.firstTokenUs).toBeGreaterThan(5_000);
    expect(exchange.firstTokenUs).toBeLessThan(75_000);
  });

  it('STR-20: keeps an undecodable answer and says so', () => {
    const response = Buffer.from('not gzip at all');
    const responseHeaders = ['content-type', 'application/json', 'content-encoding', 'gzip'];
    const { exchange } = understand({ response, responseHeaders });
    expect(exchange).toMatchObject({
      outcome: 'complete',
      responseBytes: 15,
      responseUnaltered: true,
      usage: {},
    });
    expect(exchange.cause).toBe('response body undecodable: not valid gzip');
  });

  it('stores an exchange whose core died as interrupted with what exists', () => {
    const { exchange } = understand({
      closed: null,
      response: answerEvents('x').subarray(0, 300),
      gapBytes: 9,
    });
    expect(exchange).toMatchObject({
      outcome: 'interrupted',
      requestUnaltered: false,
      responseBytesMissing: 9,
      responseBytes: 309,
      answeredModel: 'claude-answered',
    });
    expect(exchange.closedUs).toBeUndefined();
  });

  it('leaves absent what is unknown', () => {
    const { exchange } = understand({
      request: Buffer.alloc(0),
      response: Buffer.alloc(0),
      target: '/v1/models',
    });
    expect(Object.values(exchange)).not.toContain(undefined);
    expect(exchange.usage).toEqual({});
    expect('askedModel' in exchange).toBe(false);
  });
});

describe('the proof that nothing was altered', () => {
  const response = answerEvents('x');

  it('holds when all checksums agree', () => {
    expect(understand()).toMatchObject({
      exchange: { requestUnaltered: true, responseUnaltered: true },
      mismatches: [],
    });
  });

  it('holds for what went as it came to a provider of another format, and not for what was said in other words', () => {
    const target = '/v1/chat/completions';
    expect(understand({ target }).exchange).toMatchObject({
      requestUnaltered: true,
      responseUnaltered: true,
    });
    const providerRequest = closing(Buffer.from('{}'), response).requestReceived;
    expect(understand({ target, closed: { providerRequest } }).exchange).toMatchObject({
      requestUnaltered: false,
      responseUnaltered: false,
    });
  });

  it('fails loudly when other bytes were sent than received', () => {
    const altered = closing(askBody(), Buffer.from(response.toString().replace('claude', 'CLAUDE')));
    const { exchange, mismatches } = understand({ response, closed: { responseSent: altered.responseSent } });
    expect(exchange.responseUnaltered).toBe(false);
    expect(mismatches).toEqual(['the response was sent with other bytes than received']);
  });

  it('fails loudly when the journal holds other bytes than passed', () => {
    const other = closing(Buffer.from('other'), Buffer.from('bytes'.padEnd(response.length)));
    const closed = { responseReceived: other.responseReceived, responseSent: other.responseSent };
    expect(understand({ response, closed }).mismatches).toEqual([
      'the journal holds other response bytes than passed',
    ]);
  });

  it('is not refuted by a client that left before the last bytes', () => {
    const sent = closing(response, response.subarray(0, 40)).responseSent;
    const { exchange, mismatches } = understand({
      response,
      closed: { end: 'client-gone', responseSent: sent },
    });
    expect([exchange.responseUnaltered, mismatches]).toEqual([true, []]);
  });

  it('cannot be had when bytes are missing', () => {
    const whole = closing(askBody(), Buffer.concat([response, response]));
    const closed = { responseReceived: whole.responseReceived, responseSent: whole.responseSent };
    const { exchange, mismatches } = understand({ response, closed });
    expect(exchange).toMatchObject({ responseUnaltered: false, responseBytesMissing: response.length });
    expect(mismatches).toEqual([]);
  });

  it('of an answer of our own is that the journal holds what was sent', () => {
    const body = Buffer.from('{"type":"error","error":{"type":"api_error","message":"unreachable"}}');
    const nothing = { bytes: 0, crc32: 0 };
    const { exchange } = understand({
      source: 'throughline',
      response: body,
      responseHeaders: ['content-type', 'application/json'],
      status: 502,
      closed: { end: 'answered-by-us', problem: 'upstream-unreachable', responseReceived: nothing },
    });
    expect(exchange).toMatchObject({
      outcome: 'upstream-failed',
      problem: 'upstream-unreachable',
      errorType: 'api_error',
      responseUnaltered: true,
      responseBytesMissing: 0,
    });
  });
});
