import { describe, expect, it } from 'vitest';
import { createSseReader } from '../sse.ts';
import { understandAnthropicMessage } from './message.ts';
import { createAnthropicStreamReader, understandAnthropicStream } from './stream.ts';

type Event = { readonly type: string; readonly [key: string]: unknown };

function streamOf(...events: readonly Event[]): Buffer {
  return Buffer.from(
    events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''),
  );
}

function understand(...events: readonly Event[]) {
  return understandAnthropicStream(createSseReader().feed(streamOf(...events)));
}

const start = (usage: object = {}): Event => ({
  type: 'message_start',
  message: {
    id: 'msg_a',
    type: 'message',
    role: 'assistant',
    model: 'claude-x',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage,
  },
});
const block = (index: number, contentBlock: object): Event => ({
  type: 'content_block_start',
  index,
  content_block: contentBlock,
});
const delta = (index: number, inner: object): Event => ({ type: 'content_block_delta', index, delta: inner });
const stop = (index: number): Event => ({ type: 'content_block_stop', index });
const messageDelta = (inner: object, usage?: object, more: object = {}): Event => ({
  type: 'message_delta',
  delta: inner,
  ...(usage === undefined ? {} : { usage }),
  ...more,
});
const messageStop: Event = { type: 'message_stop' };

describe('a Messages stream', () => {
  it('S2, S3: is put together to the message that would have come without streaming', () => {
    const blocks = [
      { type: 'thinking', thinking: 'First the stairs.', signature: 'c2ln' },
      { type: 'redacted_thinking', data: 'b3BhcXVl' },
      { type: 'text', text: 'There are 42.', citations: [{ type: 'page', page: 3 }] },
      { type: 'tool_use', id: 'toolu_1', name: 'Look', input: { where: 'north', deep: { n: [1, 2] } } },
      { type: 'server_tool_use', id: 'srv_1', name: 'web_search', input: { query: 'lamps' } },
      {
        type: 'web_search_tool_result',
        tool_use_id: 'srv_1',
        content: [{ type: 'web_search_result', url: 'u' }],
      },
      { type: 'tool_use', id: 'toolu_2', name: 'Rest', input: {} },
      { type: 'a_type_of_tomorrow', payload: { kept: true } },
    ];
    const usage = { input_tokens: 5, output_tokens: 9 };
    const facts = understand(
      start({ input_tokens: 5, output_tokens: 1 }),
      { type: 'ping' },
      block(0, { type: 'thinking', thinking: '', signature: '' }),
      delta(0, { type: 'thinking_delta', thinking: 'First ' }),
      delta(0, { type: 'thinking_delta', thinking: 'the stairs.' }),
      delta(0, { type: 'signature_delta', signature: 'c2ln' }),
      stop(0),
      block(1, { type: 'redacted_thinking', data: 'b3BhcXVl' }),
      stop(1),
      block(2, { type: 'text', text: '' }),
      delta(2, { type: 'text_delta', text: 'There ' }),
      delta(2, { type: 'citations_delta', citation: { type: 'page', page: 3 } }),
      delta(2, { type: 'text_delta', text: 'are 42.' }),
      stop(2),
      block(3, { type: 'tool_use', id: 'toolu_1', name: 'Look', input: {} }),
      delta(3, { type: 'input_json_delta', partial_json: '' }),
      delta(3, { type: 'input_json_delta', partial_json: '{"where":"nor' }),
      block(4, { type: 'server_tool_use', id: 'srv_1', name: 'web_search', input: {} }),
      delta(3, { type: 'input_json_delta', partial_json: 'th","deep":{"n":[1,2]}}' }),
      stop(3),
      delta(4, { type: 'input_json_delta', partial_json: '{"query":"lamps"}' }),
      stop(4),
      block(5, blocks[5]!),
      block(6, { type: 'tool_use', id: 'toolu_2', name: 'Rest', input: {} }),
      block(7, blocks[7]!),
      messageDelta({ stop_reason: 'tool_use', stop_sequence: null }, { output_tokens: 9 }),
      messageStop,
    );
    const whole = {
      id: 'msg_a',
      type: 'message',
      role: 'assistant',
      model: 'claude-x',
      content: blocks,
      stop_reason: 'tool_use',
      stop_sequence: null,
      usage,
    };
    expect(facts.assembledMessage).toEqual(whole);
    const twin = understandAnthropicMessage(JSON.stringify(whole));
    for (const key of [
      'answeredModel',
      'messageId',
      'stopReason',
      'usage',
      'toolsCalled',
      'isTerminated',
    ] as const) {
      expect(facts[key]).toEqual(twin[key]);
    }
    expect(facts.toolsCalled).toEqual(['Look', 'Rest']);
  });

  it('S1: takes the last value of each usage count, wherever it stands', () => {
    const cache = { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 4 };
    const facts = understand(
      start({
        input_tokens: 12,
        output_tokens: 1,
        cache_creation_input_tokens: 34,
        cache_read_input_tokens: 600,
        cache_creation: cache,
        service_tier: 'standard',
      }),
      messageDelta({}, { output_tokens: 50 }),
      messageDelta(
        { stop_reason: 'end_turn' },
        {
          output_tokens: 77,
          cache_read_input_tokens: null,
          server_tool_use: { web_search_requests: 2, web_fetch_requests: 1 },
          output_tokens_details: { thinking_tokens: 40 },
        },
      ),
      messageStop,
    );
    expect(facts.usage).toEqual({
      inputTokens: 12,
      outputTokens: 77,
      cacheReadTokens: 600,
      cacheWriteTokens: 34,
      cacheWrite5mTokens: 30,
      cacheWrite1hTokens: 4,
      thinkingTokens: 40,
      serverToolRequests: 3,
      serviceTier: 'standard',
    });
  });

  it('takes all usage from message_delta when message_start has zeros', () => {
    const facts = understand(
      start({ input_tokens: 0, output_tokens: 0 }),
      messageDelta(
        { stop_reason: 'end_turn' },
        { input_tokens: 9, output_tokens: 3, cache_read_input_tokens: 1 },
      ),
    );
    expect(facts.usage).toEqual({ inputTokens: 9, outputTokens: 3, cacheReadTokens: 1 });
  });

  it('leaves counts that are not counts unknown instead of zero', () => {
    expect(
      understand(start({ input_tokens: '12', output_tokens: -1, cache_read_input_tokens: 1.5 })).usage,
    ).toEqual({});
  });

  it('keeps unknown keys of message_delta', () => {
    const facts = understand(
      start(),
      messageDelta({ stop_reason: 'end_turn', safeguard_results: [{ type: 't' }] }, undefined, {
        context_management: { applied_edits: [] },
      }),
      messageStop,
    );
    expect(facts.assembledMessage).toMatchObject({
      safeguard_results: [{ type: 't' }],
      context_management: { applied_edits: [] },
    });
  });

  it('keeps what arrived of a stream that broke off in the middle of a tool call', () => {
    const facts = understand(
      start(),
      block(0, { type: 'text', text: '' }),
      delta(0, { type: 'text_delta', text: 'Half a ' }),
      block(1, { type: 'tool_use', id: 't', name: 'Look', input: {} }),
      delta(1, { type: 'input_json_delta', partial_json: '{"where":"no' }),
    );
    expect(facts.isTerminated).toBe(false);
    expect(facts.assembledMessage).toMatchObject({
      content: [
        { type: 'text', text: 'Half a ' },
        { type: 'tool_use', input: {}, partial_json: '{"where":"no' },
      ],
    });
  });

  it('STR-19: keeps the type and the words of an error in mid-stream', () => {
    const facts = understand(start(), {
      type: 'error',
      error: { type: 'overloaded_error', message: 'Overloaded' },
    });
    expect(facts).toMatchObject({
      errorType: 'overloaded_error',
      errorMessage: 'Overloaded',
      isTerminated: false,
    });
    expect(understand({ type: 'error', error: 'odd' }).errorType).toBe('error');
  });

  it('needs no event lines', () => {
    const lines = streamOf(start(), messageStop)
      .toString()
      .replaceAll(/event: .*\n/g, '');
    const facts = understandAnthropicStream(createSseReader().feed(Buffer.from(lines)));
    expect(facts).toMatchObject({ messageId: 'msg_a', isTerminated: true });
  });

  it('says where the first content is complete', () => {
    const head = streamOf(start(), block(0, { type: 'text', text: '' }));
    const first = streamOf(delta(0, { type: 'text_delta', text: 'x' }));
    const stream = Buffer.concat([head, first, streamOf(delta(0, { type: 'text_delta', text: 'y' }))]);
    const facts = understandAnthropicStream(createSseReader().feed(stream));
    expect(facts.firstTokenOffset).toBe(head.length + first.length);
  });

  it('counts events that are not JSON and goes on', () => {
    const stream = Buffer.concat([Buffer.from('data: {broken\n\n'), streamOf(start(), messageStop)]);
    const facts = understandAnthropicStream(createSseReader().feed(stream));
    expect(facts).toMatchObject({ brokenEvents: 1, isTerminated: true });
  });

  it('does not take a last event without its blank line for the end', () => {
    const events = createSseReader();
    const reader = createAnthropicStreamReader();
    for (const event of events.feed(streamOf(start(), messageStop).subarray(0, -1))) reader.feed(event);
    const last = events.finish();
    if (last !== undefined) reader.feed(last);
    expect(reader.finish().isTerminated).toBe(false);
  });

  it('gives the same facts for a cut at every byte', () => {
    const stream = streamOf(
      start({ input_tokens: 3 }),
      block(0, { type: 'text', text: '' }),
      delta(0, { type: 'text_delta', text: 'Ünï🜁' }),
      messageDelta({ stop_reason: 'end_turn' }, { output_tokens: 2 }),
      messageStop,
    );
    const whole = understandAnthropicStream(createSseReader().feed(stream));
    for (let cut = 0; cut <= stream.length; cut += 1) {
      const events = createSseReader();
      const both = [...events.feed(stream.subarray(0, cut)), ...events.feed(stream.subarray(cut))];
      expect(understandAnthropicStream(both)).toEqual(whole);
    }
  });
});

describe('a message in one piece', () => {
  it('tells its error', () => {
    const body =
      '{"type":"error","error":{"type":"rate_limit_error","message":"Slow down"},"request_id":"req_1"}';
    expect(understandAnthropicMessage(body)).toMatchObject({
      errorType: 'rate_limit_error',
      errorMessage: 'Slow down',
      isTerminated: true,
      usage: {},
    });
  });

  it.each(['', '[]', 'null', '"x"', '{"half":', '<html>502</html>'])(
    '%j says nothing and does not fail',
    (body) => {
      expect(understandAnthropicMessage(body)).toMatchObject({
        isTerminated: false,
        usage: {},
        toolsCalled: [],
      });
    },
  );
});
