import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AnswerStream,
  AnthropicToOpenAiStream,
  anthropicToOpenAiAnswer,
  anthropicToOpenAiError,
  anthropicToOpenAiRequest,
  capabilitiesOf,
  claudeCapabilitiesOf,
  estimateTokens,
  OpenAiToAnthropicStream,
  openAiToAnthropicAnswer,
  openAiToAnthropicError,
  openAiToAnthropicRequest,
  patchModel,
} from './index.ts';
import { streamContext } from './testing/provider-streams.ts';

const claudes = ['claude-3-haiku', 'claude-sonnet-4-5', 'claude-opus-4-8'];
const models = ['gpt-5', 'gemini-3-pro', 'mistral-large', 'glm-4.6', 'some-model'];

/** Everything this module does with bytes from outside. */
function useAll(bytes: Uint8Array): void {
  useRequests(bytes);
  useAnswers(bytes);
  expect(estimateTokens(bytes)).toBeGreaterThanOrEqual(1);
  patchModel(bytes, 'x');
}

function useRequests(bytes: Uint8Array): void {
  const requests = [
    ...models.map((model) => {
      const capabilities = capabilitiesOf(model, { toolDescriptionMax: 8 });
      return {
        model,
        said: anthropicToOpenAiRequest(bytes, { model, capabilities, thinking: 'keep-as-reasoning' }),
      };
    }),
    ...claudes.map((model) => {
      const capabilities = claudeCapabilitiesOf(model);
      return { model, said: openAiToAnthropicRequest(bytes, { model, capabilities, thinking: 'drop' }) };
    }),
  ];
  for (const { model, said } of requests) {
    if (said.kind === 'refused') expect(said.sentence).toMatch(/\.$/);
    else expect(JSON.parse(Buffer.from(said.body).toString()).model).toBe(model);
    for (const words of said.dropped) expect(words.length).toBeLessThanOrEqual(260);
  }
}

const chatContext = { ...streamContext, clientFormat: 'openai', includesUsage: true } as const;

function useAnswers(bytes: Uint8Array): void {
  const message = openAiToAnthropicAnswer(bytes, streamContext);
  if (message.kind !== 'unreadable')
    expect(JSON.parse(Buffer.from(message.body).toString()).type).toBe('message');
  const completion = anthropicToOpenAiAnswer(bytes, chatContext);
  if (completion.kind !== 'unreadable')
    expect(JSON.parse(Buffer.from(completion.body).toString()).choices).toHaveLength(1);
  for (const toError of [openAiToAnthropicError, anthropicToOpenAiError]) {
    const error = toError(500, bytes, ['retry-after-ms', 'x']);
    expect(JSON.parse(Buffer.from(error.body).toString()).error.message).not.toBe('');
  }
  for (const body of [bytes, Buffer.concat([Buffer.from('data: '), bytes, Buffer.from('\n\n')])]) {
    useStream(new OpenAiToAnthropicStream(streamContext), body, /^event: /);
    useStream(new AnthropicToOpenAiStream(chatContext), body, /^(?:data|): /);
  }
}

function useStream(stream: AnswerStream, body: Uint8Array, beginning: RegExp): void {
  const said = Buffer.concat([stream.feed(body), stream.ping(), stream.end()]).toString();
  expect(said).toMatch(beginning);
  expect(said.endsWith('\n\n')).toBe(true);
  expect(stream.isOver).toBe(true);
}

/** Words of both formats and of the language: what a parser may stumble over. */
const keys = [
  'role content type text messages system tools tool_choice name input_schema input id tool_use_id is_error source',
  'media_type data url properties items anyOf oneOf const $ref $defs definitions required additionalProperties',
  'choices delta message tool_calls function arguments index finish_reason usage prompt_tokens completion_tokens',
  'prompt_tokens_details cached_tokens error code detail details metadata raw x_groq reasoning_content reasoning',
  'functions response_format json_schema reasoning_effort stop max_completion_tokens parallel_tool_calls tool_call_id',
  'image_url file file_data input_audio custom content_block partial_json stop_reason stop_details explanation',
  'thinking budget_tokens output_config effort format schema stop_sequences max_tokens stream model tool definition',
  'toString valueOf toJSON __proto__ constructor hasOwnProperty length',
]
  .join(' ')
  .split(' ');
const values = [
  'user assistant system tool text image document tool_use tool_result thinking tool_reference tool_addition',
  'developer image_url file function custom allowed_tools required refusal data:image/png;base64,AA low high',
  'message message_start content_block_start content_block_delta message_delta message_stop text_delta end_turn',
  'tool_removal content base64 json_schema enabled any none tool_calls stop error image/png object array #/$defs/a',
]
  .join(' ')
  .split(' ');

function anyValue(maxDepth: number): fc.Arbitrary<unknown> {
  return fc.letrec<{ value: unknown; scalar: unknown; object: unknown }>((tie) => ({
    scalar: fc.oneof(
      fc.constantFrom(...values),
      fc.string({ maxLength: 8 }),
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
    ),
    object: fc
      .array(fc.tuple(fc.constantFrom(...keys), tie('value')), { maxLength: 6 })
      .map((entries) => Object.fromEntries(entries)),
    value: fc.oneof({ maxDepth }, tie('scalar'), tie('object'), fc.array(tie('value'), { maxLength: 4 })),
  })).value;
}

const value = anyValue(6);
const part = anyValue(2);

describe('whatever comes in', () => {
  it('STR-21: bytes never make the translation fail', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), useAll), { numRuns: 60 });
  });

  it('STR-21: JSON of any shape never does', () => {
    const request = fc.record({ messages: fc.array(value), tools: value, system: value, tool_choice: value });
    const chunk = fc.record({
      choices: fc.array(fc.record({ delta: value, message: value })),
      usage: value,
      error: value,
    });
    fc.assert(
      fc.property(fc.oneof(value, fc.jsonValue(), request, chunk), (json) =>
        useAll(Buffer.from(JSON.stringify(json))),
      ),
      { numRuns: 200, examples: [[{ choices: [], usage: [], error: '' }]] },
    );
    expect(({} as { role?: unknown }).role).toBeUndefined();
  });

  it('STR-21: messages that look right except for their parts never do', () => {
    const block = fc.record({
      type: fc.constantFrom(...values),
      text: part,
      content: part,
      source: part,
      input: part,
      id: part,
      name: part,
    });
    const message = fc.record({
      role: fc.constantFrom('user', 'assistant', 'system'),
      content: fc.array(block),
    });
    const tool = fc.record({
      name: fc.constantFrom(...values),
      input_schema: part,
      defer_loading: fc.boolean(),
    });
    const request = fc.record({
      messages: fc.array(message),
      tools: fc.array(tool),
      output_config: part,
      thinking: part,
    });
    fc.assert(
      fc.property(request, (json) => useAll(Buffer.from(JSON.stringify(json)))),
      { numRuns: 150 },
    );
  });

  it('STR-21: deltas that look right except for their parts never do', () => {
    const call = fc.record({
      index: fc.oneof(fc.nat(3), part),
      id: part,
      function: fc.record({ name: part, arguments: part }),
    });
    const delta = fc.record({
      content: part,
      reasoning: part,
      tool_calls: fc.array(call, { maxLength: 3 }),
    });
    const chunk = delta.map((said) => `data: ${JSON.stringify({ choices: [{ delta: said }] })}\n\n`);
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 8 }), (chunks) => {
        const stream = new OpenAiToAnthropicStream(streamContext);
        const said = Buffer.concat([
          stream.feed(Buffer.from(chunks.join(''))),
          stream.broken('reset'),
        ]).toString();
        const starts = said.match(/^event: content_block_start$/gm)?.length ?? 0;
        const stops = said.match(/^event: content_block_stop$/gm)?.length ?? 0;
        expect(starts - stops).toBeGreaterThanOrEqual(0);
        expect(starts - stops).toBeLessThanOrEqual(1);
      }),
      { numRuns: 150 },
    );
  });

  it('STR-21: messages of chat completions that look right except for their parts never do', () => {
    const call = fc.record({ id: part, type: part, function: fc.record({ name: part, arguments: part }) });
    const message = fc.record({
      role: fc.constantFrom('user', 'assistant', 'system', 'tool'),
      content: fc.oneof(
        part,
        fc.array(fc.record({ type: fc.constantFrom(...values), text: part, image_url: part, file: part })),
      ),
      tool_calls: fc.oneof(part, fc.array(call, { maxLength: 3 })),
      tool_call_id: part,
    });
    const tool = fc.record({
      type: part,
      function: fc.record({ name: fc.constantFrom(...values), parameters: part }),
    });
    const request = fc.record({
      messages: fc.array(message, { minLength: 1 }),
      tools: fc.array(tool),
      tool_choice: part,
      response_format: part,
      reasoning_effort: fc.oneof(part, fc.constantFrom('none', 'low', 'high')),
      stop: part,
      max_tokens: part,
    });
    fc.assert(
      fc.property(request, (json) => useRequests(Buffer.from(JSON.stringify(json)))),
      { numRuns: 150 },
    );
  });

  it('STR-21: events of a Messages stream that look right except for their parts never do', () => {
    const event = fc.record({
      type: fc.constantFrom(
        ...[
          'message_start',
          'content_block_start',
          'content_block_delta',
          'content_block_stop',
          'message_delta',
          'ping',
        ],
      ),
      index: fc.oneof(fc.nat(3), part),
      message: part,
      content_block: fc.record({
        type: fc.constantFrom('text', 'tool_use', 'thinking'),
        id: part,
        name: part,
        input: part,
      }),
      delta: fc.record({
        type: fc.constantFrom('text_delta', 'input_json_delta'),
        text: part,
        partial_json: part,
      }),
      usage: part,
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 8 }), (events) => {
        const stream = new AnthropicToOpenAiStream(chatContext);
        const body = events.map((said) => `data: ${JSON.stringify(said)}\n\n`).join('');
        const said = Buffer.concat([stream.feed(Buffer.from(body)), stream.end()]).toString();
        for (const line of said.split('\n\n')) if (line.startsWith('data: {')) JSON.parse(line.slice(6));
        expect(stream.isOver).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    ['arrays', '['.repeat(20_000) + ']'.repeat(20_000)],
    ['objects', `${'{"content":'.repeat(20_000)}1${'}'.repeat(20_000)}`],
    [
      'documents',
      '{"type":"document","source":{"type":"content","content":['.repeat(20_000) + ']}}'.repeat(20_000),
    ],
    ['schemas', `${'{"type":"object","properties":{"a":'.repeat(20_000)}1${'}}'.repeat(20_000)}`],
  ])('STR-21: nesting of 20,000 %s never does', (_, nested) => {
    useAll(Buffer.from(nested));
    useAll(
      Buffer.from(
        `{"messages":[{"role":"user","content":[${nested}]}],"tools":[{"name":"a","input_schema":${nested}}]}`,
      ),
    );
    useAll(Buffer.from(`{"choices":[{"delta":{"content":${nested}}}],"error":${nested}}`));
    useAll(
      Buffer.from(
        `{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"b","input":${nested}}]}]}`,
      ),
    );
  });

  it.each([
    ['OpenAI', () => new OpenAiToAnthropicStream(streamContext)],
    ['Anthropic', () => new AnthropicToOpenAiStream(chatContext)],
  ])('SEC-21: an endless line of %s ends in an error instead of filling the memory', (_, open) => {
    const stream: AnswerStream = open();
    const piece = Buffer.alloc(1024 * 1024, 'a');
    let fed = 0;
    for (; fed < 64 && !stream.isOver; fed += 1) stream.feed(piece);
    expect(fed).toBeLessThanOrEqual(33);
    expect(stream.failure?.status).toBe(502);
  });

  it('SEC-21: endless calls that wait for each other end in an error', () => {
    const stream = new OpenAiToAnthropicStream(streamContext);
    const call = (index: number) =>
      `data: {"choices":[{"delta":{"tool_calls":[{"index":${index},"function":{"name":"a","arguments":"{"}}]}}]}\n\n`;
    for (let index = 0; index < 20_000 && !stream.isOver; index += 1) stream.feed(Buffer.from(call(index)));
    expect(stream.failure?.status).toBe(502);
  });

  it('SEC-21: work grows with the size of the input, not with its square', () => {
    const units: readonly ((n: number) => string)[] = [
      (n) => `{"messages":[${'{"role":"user","content":"a"},'.repeat(n)}{"role":"user","content":"a"}]}`,
      (n) =>
        `{"messages":[{"role":"user","content":[${'{"type":"text","text":"a"},'.repeat(n)}{"type":"text"}]}]}`,
      (n) =>
        `{"messages":[{"role":"assistant","content":[${'{"type":"tool_use","id":"a","name":"größe"},'.repeat(n)}{}]}]}`,
      (n) =>
        `{"messages":[{"role":"user","content":"a"}],"tools":[${'{"name":"größe"},'.repeat(n)}{"name":"a"}]}`,
      (n) =>
        `{"messages":[{"role":"assistant","tool_calls":[${chatCall.repeat(n / 4)}${chatCall.slice(0, -1)}]}]}`,
      (n) =>
        `{"messages":[{"role":"assistant","tool_calls":[${chatCall.repeat(n / 4)}${chatCall.slice(0, -1)}]},${chatResult.repeat(n / 4)}${chatResult.slice(0, -1)}]}`,
    ];
    for (const unit of units) {
      const [small, large] = [cost(unit(4_000)), cost(unit(32_000))];
      // Eight times the input; a square would cost sixty-four times as much. Generous, because the machine is shared.
      expect(large).toBeLessThan(small * 8 * 4 + 80);
    }
  });
});

const chatCall = '{"id":"a","function":{"name":"größe","arguments":"{}"}},';
const chatResult = '{"role":"tool","tool_call_id":"a","content":"b"},';

/** Processor time of the best of a few runs, in milliseconds: what others do on the machine hardly shows in it. */
function cost(text: string): number {
  const bytes = Buffer.from(text);
  const options = {
    model: 'some-model',
    capabilities: capabilitiesOf('some-model'),
    thinking: 'drop' as const,
  };
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 4; run += 1) {
    const before = process.cpuUsage();
    anthropicToOpenAiRequest(bytes, options);
    openAiToAnthropicRequest(bytes, { ...options, capabilities: claudeCapabilitiesOf('some-model') });
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1000);
  }
  return best;
}
