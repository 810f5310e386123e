import { openaiAnswer } from './openai-answers.ts';
import type { ReceivedRequest } from './received-request.ts';
import type { AnswerPiece, ScriptedAnswer } from './scripted-answer.ts';
import { type SeededRandom, seededRandom } from './seeded-random.ts';

export interface PlausibleOptions {
  readonly seed: number;
  /** Between the events of a streamed answer; 0 sends each event in a write of its own without waiting. */
  readonly eventPauseMs?: number;
}

/** What a provider would answer: Messages API, Chat Completions, Responses, models and token counts. */
export async function answerAsProvider(
  request: ReceivedRequest,
  options: PlausibleOptions,
): Promise<ScriptedAnswer> {
  await request.completed;
  const random = seededRandom(options.seed);
  const path = request.target.split('?')[0] ?? '';
  if (/\/(chat\/completions|responses)$/.test(path)) return openaiAnswer(request, path, random, options);
  if (path.endsWith('/messages/count_tokens')) return json(random, { input_tokens: tokens(request) });
  if (path.endsWith('/messages')) return messagesAnswer(request, random, options);
  if (path.endsWith('/models'))
    return json(random, modelList(request.header('anthropic-version') !== undefined));
  return json(random, { type: 'fake', method: request.method, path });
}

export interface AskedBody {
  readonly model: string;
  readonly stream: boolean;
  readonly hasTools: boolean;
}

/** The little that an answer depends on; a body that is not JSON counts as empty. */
export function askedBody(request: ReceivedRequest): AskedBody {
  try {
    const body: unknown = JSON.parse(request.body.toString());
    const fields = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
    return {
      model: typeof fields.model === 'string' ? fields.model : 'fake-model',
      stream: fields.stream === true,
      hasTools: Array.isArray(fields.tools) && fields.tools.length > 0,
    };
  } catch {
    return { model: 'fake-model', stream: false, hasTools: false };
  }
}

function messagesAnswer(
  request: ReceivedRequest,
  random: SeededRandom,
  options: PlausibleOptions,
): ScriptedAnswer {
  const asked = askedBody(request);
  const message = plausibleMessage(asked, random, request.bodyBytes);
  if (!asked.stream) return json(random, message);
  return {
    headers: [
      ['content-type', 'text/event-stream; charset=utf-8'],
      ['cache-control', 'no-cache'],
      ...providerHeaders(random),
    ],
    framing: 'chunked',
    body: paced(messageEvents(message), options.eventPauseMs ?? 0),
  };
}

/** A message as the Messages API words it. */
export interface FakeMessage {
  readonly id: string;
  readonly type: 'message';
  readonly role: 'assistant';
  readonly model: string;
  readonly content: readonly FakeBlock[];
  readonly stop_reason: 'end_turn' | 'tool_use';
  readonly stop_sequence: null;
  readonly usage: Readonly<Record<string, unknown>>;
}

export type FakeBlock =
  | { readonly type: 'thinking'; readonly thinking: string; readonly signature: string }
  | { readonly type: 'text'; readonly text: string }
  | {
      readonly type: 'tool_use';
      readonly id: string;
      readonly name: string;
      readonly input: Readonly<Record<string, unknown>>;
    };

function plausibleMessage(asked: AskedBody, random: SeededRandom, requestBytes: number): FakeMessage {
  const content: FakeBlock[] = [
    {
      type: 'thinking',
      thinking: 'The directory should be listed before anything is changed.',
      signature: random.bytes(24).toString('base64'),
    },
    {
      type: 'text',
      text: `Looking around first – step ${random.integer(1, 1000)} of a longer plan. größe ✓`,
    },
  ];
  if (asked.hasTools) {
    const input = { command: `ls -la ./part-${random.hex(4)}`, description: 'List what is there' };
    content.push({ type: 'tool_use', id: `toolu_01${random.hex(22)}`, name: 'Bash', input });
  }
  const write5m = random.integer(100, 900);
  const write1h = random.integer(0, 90);
  return {
    id: `msg_01${random.hex(22)}`,
    type: 'message',
    role: 'assistant',
    model: asked.model,
    content,
    stop_reason: asked.hasTools ? 'tool_use' : 'end_turn',
    stop_sequence: null,
    usage: {
      input_tokens: random.integer(3, 60),
      cache_creation_input_tokens: write5m + write1h,
      cache_read_input_tokens: Math.round(requestBytes / 4),
      cache_creation: { ephemeral_5m_input_tokens: write5m, ephemeral_1h_input_tokens: write1h },
      output_tokens: random.integer(20, 400),
      service_tier: 'standard',
    },
  };
}

/** The events of a streamed message, each with its `event:` and `data:` line and the empty line. */
export function messageEvents(message: FakeMessage): string[] {
  const { content, stop_reason, stop_sequence, usage, ...rest } = message;
  const started = {
    ...rest,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...usage, output_tokens: 1 },
  };
  const events = [sseEvent('message_start', { message: started }), sseEvent('ping', {})];
  for (const [index, block] of content.entries()) events.push(...blockEvents(index, block));
  events.push(
    sseEvent('message_delta', {
      delta: { stop_reason, stop_sequence },
      usage: { output_tokens: usage.output_tokens },
    }),
    sseEvent('message_stop', {}),
  );
  return events;
}

function blockEvents(index: number, block: FakeBlock): string[] {
  const delta = (value: Record<string, unknown>): string =>
    sseEvent('content_block_delta', { index, delta: value });
  const start = (empty: Record<string, unknown>): string =>
    sseEvent('content_block_start', { index, content_block: empty });
  const stop = sseEvent('content_block_stop', { index });
  switch (block.type) {
    case 'thinking':
      return [
        start({ type: 'thinking', thinking: '', signature: '' }),
        ...parts(block.thinking, 20).map((thinking) => delta({ type: 'thinking_delta', thinking })),
        delta({ type: 'signature_delta', signature: block.signature }),
        stop,
      ];
    case 'text':
      return [
        start({ type: 'text', text: '' }),
        ...parts(block.text, 12).map((text) => delta({ type: 'text_delta', text })),
        stop,
      ];
    case 'tool_use':
      return [
        start({ type: 'tool_use', id: block.id, name: block.name, input: {} }),
        ...['', ...parts(JSON.stringify(block.input), 16)].map((partial_json) =>
          delta({ type: 'input_json_delta', partial_json }),
        ),
        stop,
      ];
  }
}

export function sseEvent(type: string, fields: Readonly<Record<string, unknown>>): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

/** Cuts text by code points, as a tokenizer never cuts inside one. */
export function parts(text: string, size: number): string[] {
  const points = [...text];
  const out: string[] = [];
  for (let index = 0; index < points.length; index += size)
    out.push(points.slice(index, index + size).join(''));
  return out;
}

export function paced(events: readonly string[], pauseMs: number): AnswerPiece[] {
  return pauseMs === 0 ? [...events] : events.flatMap((event): AnswerPiece[] => [event, { pauseMs }]);
}

export function json(random: SeededRandom, value: unknown, status = 200): ScriptedAnswer {
  return {
    status,
    headers: [['content-type', 'application/json'], ...providerHeaders(random)],
    body: [JSON.stringify(value)],
  };
}

/** An error in the provider's own words. */
export function anthropicError(status: number, type: string, message: string): ScriptedAnswer {
  const body = JSON.stringify({ type: 'error', error: { type, message }, request_id: 'req_011FakeError' });
  return {
    status,
    headers: [
      ['content-type', 'application/json'],
      ['request-id', 'req_011FakeError'],
    ],
    body: [body],
  };
}

function providerHeaders(random: SeededRandom): [string, string][] {
  return [
    ['request-id', `req_01${random.hex(22)}`],
    ['anthropic-organization-id', '00000000-0000-4000-8000-000000000001'],
    ['anthropic-ratelimit-requests-limit', '4000'],
    ['anthropic-ratelimit-requests-remaining', String(random.integer(1, 4000))],
    ['x-unknown-field', random.hex(8)],
  ];
}

function tokens(request: ReceivedRequest): number {
  return Math.max(1, Math.round(request.bodyBytes / 4));
}

function modelList(isAnthropic: boolean): unknown {
  const ids = ['claude-fake-large', 'claude-fake-small'];
  if (!isAnthropic)
    return {
      object: 'list',
      data: ids.map((id) => ({ id, object: 'model', created: 1_700_000_000, owned_by: 'fake' })),
    };
  const data = ids.map((id) => ({ type: 'model', id, display_name: id, created_at: '2026-01-01T00:00:00Z' }));
  return { data, has_more: false, first_id: ids[0], last_id: ids[1] };
}
