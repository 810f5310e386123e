import { agentTraffic, type FakeBlock, messageEvents, type SeededRandom, seededRandom } from '#test-support';
import type { BodyPiece, ExchangeToStore } from '../store.ts';
import { chunk, exchangeToStore, literal } from './exchange-to-store.ts';

/**
 * The exchanges of one agent's session as the recorder hands them over: requests cut at the elements of their arrays,
 * each answered with a stream of about 4 kB that says what the next request repeats.
 */
export function* agentSession({
  turns,
  seed = 1,
}: {
  turns: number;
  seed?: number;
}): Generator<ExchangeToStore> {
  const random = seededRandom(seed + 1000);
  const requests = [...agentTraffic({ turns: turns + 1, seed, subagentEvery: 0 })];
  for (const [index, request] of requests.slice(0, turns).entries()) {
    const events = answerEvents(requests[index + 1]!.body, random);
    yield exchangeToStore(seed * 1_000_000 + index, {
      request: sliced(request.body),
      response: [literal(events.join(''))],
      arrivals: events.map((event, at) => ({
        afterUs: 900_000 + at * 41_000 + random.integer(0, 20_000),
        bytes: Buffer.byteLength(event),
      })),
      facts: factsOf(request.sessionId, request.headers, index, random),
    });
  }
}

/** Cuts a request where the elements of `messages`, `system` and `tools` begin and end. */
function sliced(body: Buffer): BodyPiece[] {
  const parsed = JSON.parse(body.toString()) as Record<string, unknown>;
  const pieces: BodyPiece[] = [];
  let at = 0;
  for (const element of [parsed.messages, parsed.system, parsed.tools].flat()) {
    const bytes = Buffer.from(JSON.stringify(element));
    const start = body.indexOf(bytes, at);
    pieces.push(literal(body.subarray(at, start)), chunk(bytes));
    at = start + bytes.length;
  }
  return [...pieces, literal(body.subarray(at))];
}

function answerEvents(nextRequest: Buffer, random: SeededRandom): string[] {
  const { messages } = JSON.parse(nextRequest.toString()) as { messages: { content: FakeBlock[] }[] };
  return messageEvents({
    id: `msg_01${random.hex(22)}`,
    type: 'message',
    role: 'assistant',
    model: 'claude-fake-large',
    content: messages.at(-2)!.content,
    stop_reason: 'tool_use',
    stop_sequence: null,
    usage: { input_tokens: random.integer(3, 60), cache_read_input_tokens: random.integer(9_000, 99_000) },
  });
}

function factsOf(
  sessionId: string,
  headers: readonly (readonly string[])[],
  turn: number,
  random: SeededRandom,
): Partial<ExchangeToStore['exchange']> {
  const requestIdHeader = `req_011${random.hex(20)}`;
  return {
    receivedAtMs: 1_700_000_000_000 + turn * 9_000 + random.integer(0, 4_000),
    provider: 'anthropic',
    format: 'anthropic',
    routeReason: 'No rule applies, the default provider answers.',
    upstreamTarget: '/v1/messages?beta=true',
    askedModel: 'claude-fake-large',
    answeredModel: 'claude-fake-large',
    sessionId,
    clientVersion: '9.9.9',
    status: 200,
    stopReason: 'tool_use',
    requestIdHeader,
    messageId: `msg_01${random.hex(22)}`,
    usage: {
      inputTokens: 12,
      outputTokens: random.integer(50, 900),
      cacheReadTokens: random.integer(9_000, 99_000),
    },
    toolsDeclared: [
      'Agent',
      'Bash',
      'Edit',
      'ListAgents',
      'Read',
      'Report',
      'Schedule',
      'Skill',
      'ToolSearch',
    ],
    toolsCalled: ['Read'],
    forwardedUs: random.integer(100, 400),
    firstByteUs: random.integer(400_000, 2_000_000),
    firstTokenUs: random.integer(400_000, 2_000_000),
    lastByteUs: random.integer(2_000_000, 20_000_000),
    closedUs: random.integer(2_000_000, 20_000_000),
    addedUs: random.integer(100, 400),
    requestHeaders: headers.flat(),
    responseHeaders: answerHeaders(requestIdHeader, random),
    attempts: [
      {
        attempt: 1,
        provider: 'anthropic',
        origin: 'https://api.anthropic.com',
        result: 'answered',
        status: 200,
        startedUs: random.integer(100, 400),
        endedUs: random.integer(2_000_000, 20_000_000),
      },
    ],
    coreId: 'core-4711-0198c0ffee',
  };
}

function answerHeaders(requestId: string, random: SeededRandom): string[] {
  const utilization = () => `0.${random.integer(10, 99)}`;
  return [
    ['Date', new Date(1_700_000_000_000 + random.integer(0, 1e9)).toUTCString()],
    ['Content-Type', 'text/event-stream; charset=utf-8'],
    ['Transfer-Encoding', 'chunked'],
    ['Connection', 'keep-alive'],
    ['Cache-Control', 'no-cache'],
    ['anthropic-ratelimit-unified-status', 'allowed'],
    ['anthropic-ratelimit-unified-5h-utilization', utilization()],
    ['anthropic-ratelimit-unified-7d-utilization', utilization()],
    ['anthropic-ratelimit-unified-reset', String(1_700_000_000 + random.integer(0, 99_999))],
    ['request-id', requestId],
    ['anthropic-organization-id', '00000000-1111-4222-8333-444444444444'],
    ['Server', 'cloudflare'],
    ['CF-RAY', `${random.hex(16)}-FRA`],
  ].flat();
}
