import { createHash } from 'node:crypto';
import { type Exchange, newExchangeId } from '#exchange';
import type { ExchangeToStore } from '#store';

export const exampleStartMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

const streamText = [
  'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_example","type":"message","role":"assistant","model":"claude-large-1-dated","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"cache_read_input_tokens":34,"output_tokens":1}}}\n\n',
  'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
  'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Good morning"}}\n\n',
  'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
  'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}}\n\n',
  'event: message_stop\ndata: {"type":"message_stop"}\n\n',
].join('');

/** What an example differs in from the usual one. */
export interface ExampleOptions {
  /** Its place among the examples: one second later for each. */
  readonly number?: number;
  readonly facts?: Partial<Exchange>;
  readonly request?: Uint8Array | string;
  readonly response?: Uint8Array | string;
}

/** A finished exchange of a coding agent: a streamed greeting. */
export function exampleExchange({
  number = 0,
  facts = {},
  request,
  response,
}: ExampleOptions = {}): ExchangeToStore {
  const requestBytes = bytesOf(request ?? JSON.stringify({ model: 'claude-large-1', stream: true, number }));
  const responseBytes = bytesOf(response ?? streamText);
  const receivedAtMs = facts.receivedAtMs ?? exampleStartMs + number * 1000;
  const exchange: Exchange = {
    id: newExchangeId(receivedAtMs, createHash('sha256').update(`example ${number}`).digest()),
    receivedAtMs,
    method: 'POST',
    path: '/v1/messages',
    query: 'beta=true',
    provider: 'anthropic',
    format: 'anthropic',
    routeReason: 'The default provider.',
    upstreamTarget: '/v1/messages?beta=true',
    askedModel: 'claude-large-1',
    answeredModel: 'claude-large-1-dated',
    isStreaming: true,
    sessionId: 'session-one',
    agentId: 'agent-one',
    agentName: 'reviewer',
    clientVersion: '2.1.0',
    status: 200,
    outcome: 'complete',
    stopReason: 'end_turn',
    messageId: 'msg_example',
    usage: { inputTokens: 12, outputTokens: 5, cacheReadTokens: 34 },
    toolsDeclared: ['Read', 'Write'],
    toolsCalled: ['Read'],
    forwardedUs: 400,
    firstByteUs: 25_400,
    firstTokenUs: 30_000,
    lastByteUs: 80_600,
    closedUs: 81_000,
    addedUs: 400,
    requestHeaders: [
      'User-Agent',
      'example-agent/1',
      'content-type',
      'application/json',
      'x-api-key',
      'fp:0123',
    ],
    responseHeaders: [
      'content-type',
      'text/event-stream',
      'request-id',
      'req_1',
      'x-twice',
      'a',
      'X-Twice',
      'b',
    ],
    requestBytes: requestBytes.length,
    responseBytes: responseBytes.length,
    requestSha256: sha256(requestBytes),
    responseSha256: sha256(responseBytes),
    requestUnaltered: true,
    responseUnaltered: true,
    requestBytesMissing: 0,
    responseBytesMissing: 0,
    attempts: [
      {
        attempt: 1,
        provider: 'anthropic',
        origin: 'http://127.0.0.1:9',
        result: 'answered',
        status: 200,
        startedUs: 300,
      },
    ],
    dropped: [],
    coreId: 'core-example',
    coreVersion: '0.0.0',
    ...facts,
  };
  return {
    exchange,
    request: { pieces: [{ kind: 'literal', bytes: requestBytes }] },
    response: { pieces: piecesOf(responseBytes) },
    responseArrivals: [{ afterUs: 25_400, bytes: responseBytes.length }],
  };
}

/** The facts of an exchange whose answer is one JSON text. */
export const plainAnswer = {
  isStreaming: false,
  responseHeaders: ['content-type', 'application/json'],
} as const satisfies Partial<Exchange>;

/** In pieces of a mebibyte, like a real body. */
function piecesOf(bytes: Uint8Array) {
  const pieces = [];
  for (let at = 0; at < bytes.length; at += 1024 * 1024) {
    const piece = bytes.subarray(at, at + 1024 * 1024);
    pieces.push({
      kind: 'chunk' as const,
      sha256: createHash('sha256').update(piece).digest(),
      bytes: piece,
    });
  }
  return pieces;
}

function bytesOf(body: Uint8Array | string): Uint8Array {
  return typeof body === 'string' ? Buffer.from(body) : body;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
