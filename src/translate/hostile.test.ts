import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  anthropicToOpenAiRequest,
  capabilitiesOf,
  estimateTokens,
  OpenAiToAnthropicStream,
  openAiToAnthropicAnswer,
  openAiToAnthropicError,
  patchModel,
} from './index.ts';
import { streamContext } from './testing/provider-streams.ts';

const models = ['gpt-5', 'gemini-3-pro', 'mistral-large', 'glm-4.6', 'some-model'];

/** Everything this module does with bytes from outside. */
function useAll(bytes: Uint8Array): void {
  for (const model of models) {
    const capabilities = capabilitiesOf(model, { toolDescriptionMax: 8 });
    const request = anthropicToOpenAiRequest(bytes, { model, capabilities, thinking: 'keep-as-reasoning' });
    if (request.kind === 'refused') expect(request.sentence).toMatch(/\.$/);
    else expect(JSON.parse(Buffer.from(request.body).toString()).model).toBe(model);
    for (const words of request.dropped) expect(words.length).toBeLessThanOrEqual(260);
  }
  const answer = openAiToAnthropicAnswer(bytes, streamContext);
  if (answer.kind !== 'unreadable')
    expect(JSON.parse(Buffer.from(answer.body).toString()).type).toBe('message');
  const error = openAiToAnthropicError(500, bytes, ['retry-after-ms', 'x']);
  expect(JSON.parse(Buffer.from(error.body).toString()).error.message).not.toBe('');
  expect(estimateTokens(bytes)).toBeGreaterThanOrEqual(1);
  patchModel(bytes, 'x');
  for (const body of [bytes, Buffer.concat([Buffer.from('data: '), bytes, Buffer.from('\n\n')])]) {
    const stream = new OpenAiToAnthropicStream(streamContext);
    const said = Buffer.concat([stream.feed(body), stream.ping(), stream.end()]).toString();
    expect(said).toMatch(/^event: /);
    expect(said.endsWith('\n\n')).toBe(true);
    expect(stream.isOver).toBe(true);
  }
}

/** Words of both formats and of the language: what a parser may stumble over. */
const keys = [
  'role content type text messages system tools tool_choice name input_schema input id tool_use_id is_error source',
  'media_type data url properties items anyOf oneOf const $ref $defs definitions required additionalProperties',
  'choices delta message tool_calls function arguments index finish_reason usage prompt_tokens completion_tokens',
  'prompt_tokens_details cached_tokens error code detail details metadata raw x_groq reasoning_content reasoning',
  'thinking budget_tokens output_config effort format schema stop_sequences max_tokens stream model tool definition',
  'toString valueOf toJSON __proto__ constructor hasOwnProperty length',
]
  .join(' ')
  .split(' ');
const values = [
  'user assistant system tool text image document tool_use tool_result thinking tool_reference tool_addition',
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

  it('SEC-21: an endless line ends in an error instead of filling the memory', () => {
    const stream = new OpenAiToAnthropicStream(streamContext);
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
    ];
    for (const unit of units) {
      const [small, large] = [cost(unit(4_000)), cost(unit(32_000))];
      // Eight times the input; a square would cost sixty-four times as much. Generous, because the machine is shared.
      expect(large).toBeLessThan(small * 8 * 4 + 80);
    }
  });
});

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
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1000);
  }
  return best;
}
