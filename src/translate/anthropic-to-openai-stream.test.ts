import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { type AnswerContext, AnthropicToOpenAiStream, OpenAiToAnthropicStream } from './index.ts';
import { providerStreams, streamContext } from './testing/provider-streams.ts';

const context: AnswerContext = {
  ...streamContext,
  clientFormat: 'openai',
  askedModel: 'gpt-asked',
  messageId: 'chatcmpl-1',
  createdS: 1_700_000_000,
  includesUsage: true,
};

/** Messages streams, as Anthropic would send them: what the recorded ones have become. */
const recorded = providerStreams.map(({ name, expectedPath }) => ({
  name,
  bytes: readFileSync(expectedPath),
}));
const whole = recorded.filter(({ name }) => !name.includes('error'));
const failing = recorded.filter(({ name }) => name.includes('error'));

function slices(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, at) => bytes.subarray(places[at], end));
}

function translate(pieces: readonly Uint8Array[], more: Partial<AnswerContext> = {}): string {
  const stream = new AnthropicToOpenAiStream({ ...context, ...more });
  return Buffer.concat([...pieces.map((piece) => stream.feed(piece)), stream.end()]).toString();
}

const event = (type: string, fields: object = {}) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const start = event('message_start', { message: { model: 'claude-x', usage: { input_tokens: 5 } } });
const text = (said: string) =>
  event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }) +
  event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: said } }) +
  event('content_block_stop', { index: 0 });
const end = (stop_reason: string | null, more: object = {}) =>
  event('message_delta', { delta: { stop_reason, ...more }, usage: { output_tokens: 3 } }) +
  event('message_stop');
const chunks = (said: string) =>
  said
    .split('\n\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => JSON.parse(line.slice(6)));
const run = (source: string, more: Partial<AnswerContext> = {}) =>
  chunks(translate([Buffer.from(source)], more));

/** The official client, whose requests are answered without a network, in pieces of a few bytes. */
function clientOf(said: string): OpenAI {
  const bytes = Buffer.from(said);
  const pieces = ReadableStream.from(
    (function* () {
      for (let at = 0; at < bytes.length; at += 97) yield bytes.subarray(at, at + 97);
    })(),
  );
  const answer = new Response(pieces as ReadableStream<Uint8Array>, {
    headers: { 'content-type': 'text/event-stream' },
  });
  return new OpenAI({
    apiKey: 'none',
    baseURL: 'http://127.0.0.1:9',
    maxRetries: 0,
    fetch: async () => answer,
  });
}
const request = { model: 'gpt-asked', messages: [{ role: 'user' as const, content: 'Light the lamp.' }] };

describe('a Messages stream, said as a streamed chat completion', () => {
  it.each(recorded)('becomes the same chunks however it is cut: $name', ({ bytes }) => {
    const all = translate([bytes]);
    expect(all).toMatch(/^data: \{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,/);
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 12 }), (cuts) => {
        expect(translate(slices(bytes, cuts))).toBe(all);
      }),
      { numRuns: 25 },
    );
    expect(translate(slices(bytes, [...bytes.keys()]))).toBe(all);
  });

  it.each(whole)('is read to its end by the official client: $name', async ({ bytes }) => {
    const completion = await clientOf(translate([bytes]))
      .chat.completions.stream(request)
      .finalChatCompletion();
    expect(completion).toMatchObject({ id: 'chatcmpl-1', object: 'chat.completion' });
    const choice = completion.choices[0]!;
    const calls = choice.message.tool_calls ?? [];
    expect(choice.finish_reason === 'tool_calls').toBe(calls.length > 0);
    for (const call of calls) if (call.type === 'function') JSON.parse(call.function.arguments);
    expect(completion.usage!.completion_tokens).toBeGreaterThan(0);
    expect((choice.message.content ?? '') + calls.length).not.toBe('0');
  });

  it.each(failing)('makes the official client report an error in its middle: $name', async ({ bytes }) => {
    const stream = clientOf(translate([bytes])).chat.completions.stream(request);
    await expect(stream.finalChatCompletion()).rejects.toThrow(OpenAI.APIError);
  });

  it.each(whole)('says the same when it goes back into the other format: $name', ({ bytes }) => {
    const back = new OpenAiToAnthropicStream(streamContext);
    const said = Buffer.concat([back.feed(Buffer.from(translate([bytes]))), back.end()]);
    expect(meaningOf(said)).toEqual(meaningOf(bytes));
  });

  it('has the usage at its end only where the client asked for it, cached tokens as part of the prompt', () => {
    const usage = { input_tokens: 5, cache_read_input_tokens: 20, cache_creation_input_tokens: 3 };
    const source = event('message_start', { message: { usage } }) + text('Lit.') + end('end_turn');
    expect(run(source).at(-1)).toMatchObject({
      choices: [],
      usage: {
        prompt_tokens: 28,
        completion_tokens: 3,
        total_tokens: 31,
        prompt_tokens_details: { cached_tokens: 20, cache_write_tokens: 3 },
      },
    });
    for (const chunk of run(source, { includesUsage: false })) expect(chunk).not.toHaveProperty('usage');
    expect(translate([Buffer.from(source)]).endsWith('data: [DONE]\n\n')).toBe(true);
  });

  it.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['refusal', 'content_filter'],
    ['tool_use', 'tool_calls'],
    ['pause_turn', 'stop'],
  ])('ends with %s as %s', (stopReason, finishReason) => {
    expect(
      run(start + text('a') + end(stopReason), { includesUsage: false }).at(-1).choices[0],
    ).toMatchObject({
      delta: {},
      finish_reason: finishReason,
    });
  });

  it('tells why the model refuses', () => {
    const details = { stop_details: { type: 'refusal', explanation: 'No lamps.' } };
    const last = run(start + end('refusal', details), { includesUsage: false }).at(-1);
    expect(last.choices[0].delta).toEqual({ refusal: 'No lamps.' });
  });

  it('has the arguments of calls in any pieces, also when they came at once, or there are none', () => {
    const call = (index: number, input: object, ...pieces: string[]) =>
      event('content_block_start', {
        index,
        content_block: { type: 'tool_use', id: `c${index}`, name: 'lamp_1', input },
      }) +
      pieces
        .map((partial_json) =>
          event('content_block_delta', { index, delta: { type: 'input_json_delta', partial_json } }),
        )
        .join('') +
      event('content_block_stop', { index });
    const source = start + call(0, {}, '{"a', '":1}') + call(1, { b: 2 }) + call(2, {}) + end('tool_use');
    const said = new Map<number, { name: string; args: string }>();
    for (const { choices } of run(source, { toolNames: new Map([['lamp_1', 'lamp']]) })) {
      for (const { index, function: called } of choices[0]?.delta.tool_calls ?? []) {
        const known = said.get(index) ?? { name: called.name, args: '' };
        said.set(index, { ...known, args: known.args + called.arguments });
      }
    }
    expect([...said.values()]).toEqual([
      { name: 'lamp', args: '{"a":1}' },
      { name: 'lamp', args: '{"b":2}' },
      { name: 'lamp', args: '{}' },
    ]);
  });

  it('shows thinking where it is to be shown, and says so where it is left out', () => {
    const thinking =
      event('content_block_start', { index: 0, content_block: { type: 'thinking', thinking: '' } }) +
      event('content_block_delta', { index: 0, delta: { type: 'thinking_delta', thinking: 'Hm.' } }) +
      event('content_block_delta', { index: 0, delta: { type: 'signature_delta', signature: 'x' } });
    const source = start + thinking + text('a') + end('end_turn');
    expect(run(source)[1].choices[0].delta).toEqual({ reasoning_content: 'Hm.' });
    const stream = new AnthropicToOpenAiStream({ ...context, showsThinking: false });
    expect(Buffer.from(stream.feed(Buffer.from(source))).toString()).not.toContain('Hm.');
    expect(stream.dropped.join()).toContain('reasoning');
  });

  it('is an error when nothing announced its end, and a whole answer when something did', () => {
    expect(run(start + text('a')).at(-1).error).toMatchObject({ type: 'server_error' });
    const announced = start + text('a') + end('end_turn').split('event: message_stop')[0]!;
    expect(translate([Buffer.from(announced)])).toMatch(/\[DONE\]\n\n$/);
    const stream = new AnthropicToOpenAiStream(context);
    stream.feed(Buffer.from(start));
    expect(Buffer.from(stream.broken('reset')).toString()).toContain('reset');
  });

  it('leaves the choice of a status to the caller when it fails before it began, unless it was pinged', () => {
    const overloaded = event('error', { error: { type: 'overloaded_error', message: 'Overloaded' } });
    const stream = new AnthropicToOpenAiStream(context);
    stream.feed(Buffer.from(overloaded));
    expect(stream).toMatchObject({ hasBegun: false, isOver: true, failure: { status: 503 } });
    const silent = new AnthropicToOpenAiStream(context);
    expect(silent.broken('reset').length).toBe(0);
    const pinged = new AnthropicToOpenAiStream(context);
    expect(Buffer.from(pinged.ping()).toString()).toBe(': ping\n\n');
    expect(pinged.hasBegun).toBe(true);
    expect(Buffer.from(pinged.broken('reset')).toString()).toContain('"error"');
  });

  it('may be one whole message in place of a stream', () => {
    const message = {
      type: 'message',
      content: [
        { type: 'text', text: 'Yes.' },
        { type: 'tool_use', id: 'a', name: 'lamp', input: { on: 1 } },
      ],
      stop_reason: 'tool_use',
      usage: { input_tokens: 1, output_tokens: 2 },
    };
    const said = translate([Buffer.from(JSON.stringify(message))]);
    expect(said).toContain('"content":"Yes."');
    expect(said).toContain('"arguments":"{\\"on\\":1}"');
    expect(said).toMatch(/"finish_reason":"tool_calls"[\s\S]*\[DONE\]\n\n$/);
  });
});

/** Texts, calls, the reason to end and what was counted of a Messages stream; ids of the message aside. */
function meaningOf(stream: Buffer): unknown {
  const blocks = new Map<number, { type: string; said: string }>();
  let ending: unknown;
  for (const line of stream.toString().split('\n')) {
    if (!line.startsWith('data: ')) continue;
    const { type, index, content_block: block, delta, usage } = JSON.parse(line.slice(6));
    if (type === 'content_block_start')
      blocks.set(index, { type: `${block.type} ${block.id} ${block.name}`, said: '' });
    if (type === 'content_block_delta') {
      blocks.get(index)!.said += delta.text ?? delta.thinking ?? delta.partial_json;
    }
    if (type === 'message_delta')
      ending = { reason: delta.stop_reason.replace('stop_sequence', 'end_turn'), usage };
  }
  return { blocks: [...blocks.values()], ending };
}
