import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAnthropicStreamReader, createSseReader } from '#formats';
import { type AnswerContext, OpenAiToAnthropicStream } from './index.ts';
import { providerStreams, streamContext } from './testing/provider-streams.ts';

/** Everything a stream becomes, fed in the given pieces and ended properly. */
function translate(pieces: Iterable<Uint8Array>, context: AnswerContext = streamContext): string {
  const stream = new OpenAiToAnthropicStream(context);
  const bytes = [...pieces].map((piece) => stream.feed(piece));
  return Buffer.concat([...bytes, stream.end()]).toString();
}

function slices(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

function chunk(delta: object, finish: string | null = null, more: object = {}): string {
  const choice = { index: 0, delta, finish_reason: finish };
  return `data: ${JSON.stringify({ id: 'chatcmpl-1', model: 'gpt-x', choices: [choice], ...more })}\n\n`;
}

const call = (index: number | undefined, fields: { id?: string; name?: string; args?: unknown }) =>
  chunk({
    tool_calls: [
      {
        ...(index === undefined ? {} : { index }),
        ...(fields.id === undefined ? {} : { id: fields.id }),
        function: {
          ...(fields.name === undefined ? {} : { name: fields.name }),
          ...(fields.args === undefined ? {} : { arguments: fields.args }),
        },
      },
    ],
  });

interface Event {
  readonly event: string;
  readonly data: { readonly [key: string]: unknown };
}

function eventsOf(text: string): Event[] {
  return createSseReader()
    .feed(Buffer.from(text))
    .map(({ event, data }) => ({ event, data: JSON.parse(data) }));
}

/** The message as a client puts it together. */
function messageOf(text: string) {
  const reader = createAnthropicStreamReader();
  for (const event of createSseReader().feed(Buffer.from(text))) reader.feed(event);
  return reader.finish();
}

function contentOf(...chunks: readonly string[]): unknown {
  return messageOf(translate([Buffer.from(chunks.join(''))])).assembledMessage?.content;
}

const end = chunk({}, 'stop');
const toolEnd = chunk({}, 'tool_calls');

describe('the stream of a provider', () => {
  it.each(providerStreams)('becomes the expected events: $name', async ({ bytes, expectedPath }) => {
    await expect(translate([bytes])).toMatchFileSnapshot(expectedPath);
  });

  it.each(providerStreams)('becomes the same events however it is cut: $name', ({ bytes }) => {
    const whole = translate([bytes]);
    expect(translate([...bytes].map((byte) => Uint8Array.of(byte)))).toBe(whole);
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 12 }), (cuts) => {
        expect(translate(slices(bytes, cuts))).toBe(whole);
      }),
      { numRuns: 30 },
    );
  });

  it.each(providerStreams)('has its blocks in order, one open at a time: $name', ({ bytes }) => {
    let open: unknown;
    let next = 0;
    for (const { event, data } of eventsOf(translate([bytes]))) {
      expect(data.type).toBe(event);
      if (event === 'content_block_start') {
        expect([open, data.index]).toEqual([undefined, next]);
        open = next;
        next += 1;
      } else if (event === 'content_block_delta') {
        expect(data.index).toBe(open);
      } else if (event === 'content_block_stop') {
        expect(data.index).toBe(open);
        open = undefined;
      } else if (event === 'message_stop') {
        expect(open).toBeUndefined();
      }
    }
  });
});

describe('calls of tools in a stream', () => {
  it('P1: reach the client with their arguments, and the answer ends with tool_use', () => {
    const text = translate([
      Buffer.from(
        chunk({ role: 'assistant', content: null }) +
          call(0, { id: 'call_a', name: 'look', args: '' }) +
          call(0, { args: '{"where":' }) +
          call(0, { args: '"north"}' }) +
          toolEnd,
      ),
    ]);
    expect(messageOf(text)).toMatchObject({
      stopReason: 'tool_use',
      isTerminated: true,
      assembledMessage: {
        content: [{ type: 'tool_use', id: 'call_a', name: 'look', input: { where: 'north' } }],
      },
    });
  });

  it('P1: have an input that comes in deltas only, because clients ignore one in the start of a block', () => {
    const events = eventsOf(
      translate([Buffer.from(call(0, { id: 'a', name: 'rest', args: '{}' }) + toolEnd)]),
    );
    const start = events.find(({ event }) => event === 'content_block_start');
    expect(start?.data.content_block).toEqual({ type: 'tool_use', id: 'a', name: 'rest', input: {} });
    expect(events.find(({ event }) => event === 'content_block_delta')?.data.delta).toEqual({
      type: 'input_json_delta',
      partial_json: '{}',
    });
  });

  it('without any arguments have an empty input', () => {
    expect(contentOf(call(0, { id: 'a', name: 'rest' }), toolEnd)).toMatchObject([
      { name: 'rest', input: {} },
    ]);
    expect(contentOf(call(0, { id: 'a', name: 'rest', args: null }), toolEnd)).toMatchObject([{ input: {} }]);
  });

  it('are closed when their arguments are whole, without waiting for what comes next', () => {
    const stream = new OpenAiToAnthropicStream(streamContext);
    stream.feed(Buffer.from(call(0, { id: 'a', name: 'look', args: '{"where":"nor' })));
    const bytes = stream.feed(Buffer.from(call(0, { args: 'th"}' })));
    expect(eventsOf(Buffer.from(bytes).toString()).map(({ event }) => event)).toEqual([
      'content_block_delta',
      'content_block_stop',
    ]);
  });

  it('may be mixed with each other by the provider, and still come one after the other', () => {
    expect(
      contentOf(
        call(0, { id: 'a', name: 'look', args: '{"where"' }),
        call(1, { id: 'b', name: 'measure', args: '{"depth"' }),
        call(2, { id: 'c', name: 'rest', args: '' }),
        call(1, { args: ':7}' }),
        call(0, { args: ':"north"}' }),
        call(2, { args: '{}' }),
        toolEnd,
      ),
    ).toMatchObject([
      { id: 'a', input: { where: 'north' } },
      { id: 'b', input: { depth: 7 } },
      { id: 'c', input: {} },
    ]);
  });

  it('may be followed by text, which gets a block of its own', () => {
    expect(
      contentOf(call(0, { id: 'a', name: 'rest', args: '{}' }), chunk({ content: 'Resting.' }), toolEnd),
    ).toMatchObject([{ type: 'tool_use' }, { type: 'text', text: 'Resting.' }]);
  });

  it('may repeat number, id and name with every piece', () => {
    const piece = (args: string) => call(0, { id: 'a', name: 'look', args });
    expect(contentOf(piece('{"where"'), piece(':"north"'), piece('}'), toolEnd)).toEqual([
      { type: 'tool_use', id: 'a', name: 'look', input: { where: 'north' } },
    ]);
  });

  it('may have an id on their first piece only, and no number', () => {
    expect(
      contentOf(
        call(undefined, { id: 'a', name: 'look', args: '' }),
        call(undefined, { args: '{"where":' }),
        call(undefined, { args: '"north"}' }),
        call(undefined, { id: 'b', name: 'rest', args: '{}' }),
        toolEnd,
      ),
    ).toMatchObject([
      { id: 'a', input: { where: 'north' } },
      { id: 'b', input: {} },
    ]);
  });

  it('get an id that is theirs alone when the provider gives none, or one that the conversation has already', () => {
    const calls = [
      call(0, { name: 'look', args: '{}' }),
      call(1, { id: 'known', name: 'look', args: '{}' }),
      call(2, { id: 'new', name: 'look', args: '{}' }),
      call(3, { id: 'new', name: 'rest', args: '{}' }),
      call(4, { id: 'functions.look:0', name: 'look', args: '{}' }),
    ];
    const context = { ...streamContext, usedToolIds: new Set(['known']) };
    const text = translate([Buffer.from([...calls, toolEnd].join(''))], context);
    const content = messageOf(text).assembledMessage?.content as { id: string }[];
    expect(content.map(({ id }) => id)).toEqual([
      'toolu_01Test_0',
      'toolu_01Test_1',
      'new',
      'toolu_01Test_3',
      'toolu_01Test_4',
    ]);
  });

  it('have the name that the client gave the tool', () => {
    const context = { ...streamContext, toolNames: new Map([['short_1', 'a name of the client']]) };
    const text = translate(
      [Buffer.from(call(0, { id: 'a', name: 'short_1', args: '{}' }) + toolEnd)],
      context,
    );
    expect(messageOf(text).toolsCalled).toEqual(['a name of the client']);
  });

  it('with arguments that are no object arrive whole, so that the client can say what is wrong', () => {
    expect(
      contentOf(call(0, { id: 'a', name: 'look', args: 'nor' }), call(0, { args: 'th' }), toolEnd),
    ).toEqual([{ type: 'tool_use', id: 'a', name: 'look', input: { _raw: 'north' } }]);
    const twice = JSON.stringify('{"where":"north"}');
    expect(contentOf(call(0, { id: 'a', name: 'look', args: twice }), toolEnd)).toMatchObject([
      { input: { where: 'north' } },
    ]);
  });

  it('whose arguments were cut off by the limit keep what there is, and end with max_tokens', () => {
    const text = translate([
      Buffer.from(call(0, { id: 'a', name: 'look', args: '{"where":"no' }) + chunk({}, 'length')),
    ]);
    expect(messageOf(text)).toMatchObject({
      stopReason: 'max_tokens',
      assembledMessage: { content: [{ type: 'tool_use', input: {}, partial_json: '{"where":"no' }] },
    });
  });

  it('that say everything once more at their end are not called twice and not spoiled', () => {
    const stream = new OpenAiToAnthropicStream(streamContext);
    const chunks = [
      call(0, { id: 'a', name: 'look', args: '{"where":"north"}' }),
      call(0, { id: 'a', name: 'look', args: '{"where":"north"}' }),
      toolEnd,
    ];
    const bytes = Buffer.concat([stream.feed(Buffer.from(chunks.join(''))), stream.end()]);
    expect(messageOf(bytes.toString()).assembledMessage?.content).toMatchObject([
      { input: { where: 'north' } },
    ]);
    expect(stream.dropped).toContain('arguments of a call that came after their end');
  });

  it('without a name are called something no client has', () => {
    expect(contentOf(call(0, { id: 'a', args: '{}' }), toolEnd)).toMatchObject([{ name: 'unnamed_tool' }]);
  });
});

describe('usage in a stream', () => {
  const usageOf = (...chunks: string[]) => {
    const stream = new OpenAiToAnthropicStream(streamContext);
    const text = Buffer.concat([stream.feed(Buffer.from(chunks.join(''))), stream.end()]).toString();
    const events = eventsOf(text);
    const start = events.find(({ event }) => event === 'message_start')?.data.message as { usage: unknown };
    return {
      start: start.usage,
      end: events.find(({ event }) => event === 'message_delta')?.data.usage,
      dropped: stream.dropped,
    };
  };
  const usage = (input: number, output: number) => ({ prompt_tokens: input, completion_tokens: output });

  it('P3: begins with an estimate and ends with what the provider counted, cached tokens apart', () => {
    const last = { ...usage(100, 7), prompt_tokens_details: { cached_tokens: 60 } };
    const found = usageOf(chunk({ content: 'Lit.' }), end, chunk({}, null, { choices: [], usage: last }));
    expect(found.start).toMatchObject({ input_tokens: 123, output_tokens: 0 });
    expect(found.end).toEqual({
      input_tokens: 40,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 60,
      output_tokens: 7,
    });
    expect(found.dropped).toEqual([]);
  });

  it('is the last one when every chunk has its own, growing', () => {
    const found = usageOf(
      chunk({ content: 'L' }, null, { usage: usage(50, 1) }),
      chunk({ content: 'it' }, null, { usage: usage(50, 2) }),
      chunk({}, 'stop', { usage: usage(50, 3) }),
    );
    expect(found.start).toMatchObject({ input_tokens: 50 });
    expect(found.end).toMatchObject({ input_tokens: 50, output_tokens: 3 });
  });

  it('is estimated, and said to be, when the provider never counts', () => {
    const found = usageOf(chunk({ content: 'a'.repeat(350) }), end);
    expect(found.end).toMatchObject({ input_tokens: 123, output_tokens: 100 });
    expect(found.dropped).toEqual(['usage: the provider reported none, the counts are estimates']);
  });
});

describe('the end of a stream', () => {
  it.each([
    ['stop', 'end_turn'],
    ['length', 'max_tokens'],
    ['content_filter', 'refusal'],
    ['tool_calls', 'end_turn'],
    ['eos', 'end_turn'],
    ['model_length', 'model_context_window_exceeded'],
    ['STOP', 'end_turn'],
    ['SAFETY', 'refusal'],
    ['a reason of tomorrow', 'end_turn'],
  ])('P1: finish_reason %s of a text is the stop reason %s', (finish, reason) => {
    const text = translate([Buffer.from(chunk({ content: 'Lit.' }) + chunk({}, finish))]);
    expect(messageOf(text)).toMatchObject({ stopReason: reason, isTerminated: true });
  });

  it('P1: is complete without [DONE] once a reason was named', () => {
    const text = translate([Buffer.from(chunk({ content: 'Lit.' }) + end)]);
    expect(text.endsWith('event: message_stop\ndata: {"type":"message_stop"}\n\n')).toBe(true);
  });

  it('is complete with [DONE] when no reason was named', () => {
    const text = translate([Buffer.from(`${chunk({ content: 'Lit.' })}data: [DONE]\n\n`)]);
    expect(messageOf(text)).toMatchObject({ stopReason: 'end_turn', isTerminated: true });
  });

  it('is complete when the last line has no line feed', () => {
    const text = translate([Buffer.from(`${chunk({ content: 'Lit.' })}${end.trimEnd()}`)]);
    expect(messageOf(text).isTerminated).toBe(true);
  });

  it('names the stop sequence where the provider does', () => {
    const choice = { index: 0, delta: {}, finish_reason: 'stop', stop_reason: 'ENDE' };
    const text = translate([
      Buffer.from(chunk({ content: 'Lit.' }) + chunk({}, null, { choices: [choice] })),
    ]);
    expect(eventsOf(text).find(({ event }) => event === 'message_delta')?.data.delta).toEqual({
      stop_reason: 'stop_sequence',
      stop_sequence: 'ENDE',
    });
  });

  it('is an error when nothing announced it: a broken answer never ends cleanly', () => {
    const events = eventsOf(translate([Buffer.from(chunk({ content: 'The lamp is' }))]));
    expect(events.at(-1)).toMatchObject({ event: 'error', data: { error: { type: 'api_error' } } });
    expect(events.map(({ event }) => event)).not.toContain('message_stop');
  });

  it('is an error when the last event was cut in its middle', () => {
    const cut = end.slice(0, 40);
    expect(eventsOf(translate([Buffer.from(chunk({ content: 'Lit.' }) + cut)])).at(-1)?.event).toBe('error');
  });

  it('is an error when there was no event at all, which says so', () => {
    const [page] = eventsOf(translate([Buffer.from('<html><body>Log in first.</body></html>')]));
    expect(page?.data).toMatchObject({
      error: { message: expect.stringContaining('no stream of an answer') },
    });
    expect(eventsOf(translate([])).map(({ event }) => event)).toEqual(['error']);
    expect(eventsOf(translate([Buffer.from('data: [DONE]\n\n')])).map(({ event }) => event)).toEqual([
      'error',
    ]);
  });
});

describe('a provider that breaks off', () => {
  it('makes the client see an error, as its own provider would send it', () => {
    const stream = new OpenAiToAnthropicStream(streamContext);
    stream.feed(Buffer.from(chunk({ content: 'The lamp is' })));
    const [event, ...others] = eventsOf(Buffer.from(stream.broken('connection reset')).toString());
    expect(event?.data).toEqual({
      type: 'error',
      error: {
        type: 'api_error',
        message: 'The provider broke off in the middle of its answer: connection reset',
      },
    });
    expect(others).toEqual([]);
    expect(stream.isOver).toBe(true);
    expect(stream.end()).toHaveLength(0);
  });

  it('before its first chunk leaves the choice of a status to the caller', () => {
    const stream = new OpenAiToAnthropicStream(streamContext);
    stream.feed(Buffer.from(': keep-alive\n\n'));
    expect(stream.hasBegun).toBe(false);
    expect(stream.broken('connection reset')).toHaveLength(0);
    expect(stream.failure?.status).toBe(502);
    expect(JSON.parse(Buffer.from(stream.failure!.body).toString())).toMatchObject({
      type: 'error',
      error: { type: 'api_error' },
    });
  });

  it('after a ping of ours can only be reported in the stream', () => {
    const stream = new OpenAiToAnthropicStream(streamContext);
    stream.ping();
    expect(eventsOf(Buffer.from(stream.broken('connection reset')).toString())).toMatchObject([
      { event: 'error' },
    ]);
  });

  it('after it named the reason to end has said everything', () => {
    const stream = new OpenAiToAnthropicStream(streamContext);
    const before = stream.feed(Buffer.from(chunk({ content: 'Lit.' }) + end));
    const text = Buffer.concat([before, stream.broken('connection reset')]).toString();
    expect(messageOf(text)).toMatchObject({ stopReason: 'end_turn', isTerminated: true });
  });
});

describe('an error in a stream', () => {
  it.each([
    ['an error object', { error: { message: 'Too many', type: 'rate_limit_exceeded' } }, 'rate_limit_error'],
    ['an error with a status', { error: { message: 'Busy', code: 503 } }, 'overloaded_error'],
    ['an error that is a text', { error: 'model stopped' }, 'api_error'],
    [
      'an error in the shape of vLLM',
      { object: 'error', message: 'Bad', type: 'BadRequestError' },
      'invalid_request_error',
    ],
  ])('reaches the client as an error event: %s', (_, error, type) => {
    const text = translate([
      Buffer.from(`${chunk({ content: 'L' })}data: ${JSON.stringify(error)}\n\n${end}`),
    ]);
    expect(eventsOf(text).at(-1)).toMatchObject({ event: 'error', data: { error: { type } } });
  });

  it('before the first chunk can still be answered with a status', () => {
    const stream = new OpenAiToAnthropicStream(streamContext);
    stream.feed(Buffer.from('data: {"error":{"message":"Too many requests","code":429}}\n\n'));
    expect(stream.hasBegun).toBe(false);
    expect(stream.failure?.status).toBe(429);
  });

  it('is one as well when the reason to end says so', () => {
    const text = translate([Buffer.from(chunk({ content: 'L' }) + chunk({}, 'error'))]);
    expect(eventsOf(text).at(-1)?.event).toBe('error');
  });

  it('that is no JSON is still an error', () => {
    const text = translate([Buffer.from(`${chunk({ content: 'L' })}event: error\ndata: out of memory\n\n`)]);
    expect(eventsOf(text).at(-1)).toMatchObject({ data: { error: { message: 'out of memory' } } });
  });
});

describe('what a stream says', () => {
  it('keeps spaces in front of a text, and makes no block of spaces alone', () => {
    expect(contentOf(chunk({ content: '  ' }), chunk({ content: 'Lit.' }), end)).toMatchObject([
      { text: '  Lit.' },
    ]);
    expect(
      contentOf(chunk({ content: '\n\n' }), call(0, { id: 'a', name: 'rest', args: '{}' }), toolEnd),
    ).toMatchObject([{ type: 'tool_use' }]);
  });

  it('shows reasoning as thinking only to a client that asked for it', () => {
    const chunks = Buffer.from(chunk({ reasoning_content: 'Hm.' }) + chunk({ content: 'Lit.' }) + end);
    expect(messageOf(translate([chunks])).assembledMessage?.content).toEqual([
      { type: 'thinking', thinking: 'Hm.', signature: '' },
      { type: 'text', text: 'Lit.' },
    ]);
    const stream = new OpenAiToAnthropicStream({ ...streamContext, showsThinking: false });
    const text = Buffer.concat([stream.feed(chunks), stream.end()]).toString();
    expect(messageOf(text).assembledMessage?.content).toEqual([{ type: 'text', text: 'Lit.' }]);
    expect(stream.dropped).toContain('reasoning of the model: the client asked for none');
  });

  it('names the model that the provider says, or else the one that was asked for', () => {
    expect(messageOf(translate([Buffer.from(chunk({ content: 'L' }) + end)])).answeredModel).toBe('gpt-x');
    const unnamed = chunk({ content: 'L' }, 'stop', { model: '' });
    expect(messageOf(translate([Buffer.from(unnamed)])).answeredModel).toBe('claude-asked');
  });

  it('has the id that the caller made', () => {
    expect(messageOf(translate([Buffer.from(chunk({ content: 'L' }) + end)])).messageId).toBe('msg_01Test');
  });

  it('lists what it cannot carry', () => {
    const stream = new OpenAiToAnthropicStream(streamContext);
    stream.feed(
      Buffer.from(
        chunk({ content: 'Lit.', annotations: [{ type: 'url_citation' }], audio: { id: 'a' } }) +
          chunk({}, null, { choices: [{ index: 1, delta: { content: 'Or not.' } }] }) +
          'data: {"half\n\n',
      ),
    );
    expect(stream.dropped).toEqual([
      '"annotations" of the answer',
      '"audio" of the answer',
      'further choices of the answer',
      'an event of the stream that is not JSON',
    ]);
  });

  it('may be one JSON text, from servers that do not stream', () => {
    const completion = {
      id: 'chatcmpl-2',
      model: 'gpt-x',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Lit.' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 3, completion_tokens: 2 },
    };
    const bytes = Buffer.from(`\n ${JSON.stringify(completion, null, 2)}`);
    const text = translate([bytes.subarray(0, 20), bytes.subarray(20)]);
    expect(messageOf(text)).toMatchObject({
      isTerminated: true,
      usage: { inputTokens: 3, outputTokens: 2 },
      assembledMessage: { content: [{ type: 'text', text: 'Lit.' }] },
    });
  });
});

describe('a ping', () => {
  it('fits between any two pieces, because events are written whole', () => {
    const { bytes } = providerStreams[0]!;
    const stream = new OpenAiToAnthropicStream(streamContext);
    const pieces = [...bytes].flatMap((byte) => [stream.feed(Uint8Array.of(byte)), stream.ping()]);
    const events = eventsOf(Buffer.concat([...pieces, stream.end()]).toString());
    const others = events.filter(({ event }) => event !== 'ping');
    expect(others).toEqual(eventsOf(translate([bytes])));
    expect(events.length).toBeGreaterThan(others.length);
  });

  it('is not written after the end', () => {
    const stream = new OpenAiToAnthropicStream(streamContext);
    stream.feed(Buffer.from(`${chunk({ content: 'L' }, 'stop')}data: [DONE]\n\n`));
    expect(stream.isOver).toBe(true);
    expect(stream.ping()).toHaveLength(0);
    expect(stream.feed(Buffer.from(chunk({ content: 'late' })))).toHaveLength(0);
  });
});
