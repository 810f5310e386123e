import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  anthropicToOpenAiAnswer,
  anthropicToOpenAiRequest,
  capabilitiesOf,
  claudeCapabilitiesOf,
  openAiToAnthropicAnswer,
  openAiToAnthropicRequest,
} from './index.ts';
import { streamContext } from './testing/provider-streams.ts';

interface Block {
  readonly type: string;
  readonly text?: string;
  readonly id?: string;
  readonly name?: string;
  readonly input?: unknown;
  readonly tool_use_id?: string;
  readonly content?: string | readonly Block[];
  readonly is_error?: boolean;
  readonly source?: unknown;
}

interface Message {
  readonly role: string;
  readonly content: string | readonly Block[];
}

interface Request {
  readonly system?: string;
  readonly messages: readonly Message[];
  readonly tools?: readonly { readonly name: string }[];
  readonly [key: string]: unknown;
}

const toolNames = ['Read', 'mcp__a-server__a_tool', `mcp__${'a_very_long_name_'.repeat(5)}`, 'größe'];
const tools = toolNames.map((name, n) => ({
  name,
  description: `Tool ${n}`,
  input_schema: {
    type: 'object',
    properties: { a: { anyOf: [{ type: 'string' }, { $ref: '#/$defs/b' }] } },
    $defs: { b: { type: 'array', items: { type: 'integer' } } },
  },
}));

/** Words that translations use themselves cannot come up by chance. */
const text = fc.stringMatching(/^[a-zäß✓"\\\n<>{} ]{0,12}x$/).map((said) => said.trim());
const image = fc.oneof(
  fc.base64String({ minLength: 4, maxLength: 16 }).map((data) => ({
    type: 'image',
    source: { type: 'base64', media_type: 'image/png', data },
  })),
  fc.webUrl({ validSchemes: ['https'] }).map((url) => ({ type: 'image', source: { type: 'url', url } })),
);
const textBlock = text.map((said) => ({ type: 'text', text: said }));
const resultContent = fc.oneof(text, fc.array(fc.oneof(textBlock, image), { maxLength: 3 }));
const call = fc.record({
  name: fc.constantFrom(...toolNames),
  input: fc.dictionary(
    fc.string({ maxLength: 5 }).filter((key) => key !== '__proto__'),
    fc.jsonValue({ maxDepth: 2 }),
    {
      maxKeys: 3,
    },
  ),
  result: resultContent,
  isError: fc.boolean(),
});
const round = fc.record({
  said: fc.array(fc.oneof(textBlock, image), { minLength: 1, maxLength: 3 }),
  answer: fc.option(text),
  calls: fc.array(call, { maxLength: 3 }),
});

/** Ids repeat in no conversation of Anthropic's; some are longer than OpenAI takes. */
function conversation(
  rounds: readonly (typeof round extends fc.Arbitrary<infer T> ? T : never)[],
): Message[] {
  let count = 0;
  const messages: { role: string; content: Block[] }[] = [];
  let results: Block[] = [];
  for (const { said, answer, calls } of rounds) {
    messages.push({ role: 'user', content: [...results, ...said] });
    results = [];
    const blocks: Block[] = answer === null ? [] : [{ type: 'text', text: answer }];
    for (const { name, input, result, isError } of calls) {
      count += 1;
      const id = count % 2 === 0 ? `toolu_${count}` : `toolu_${'long'.repeat(12)}_${count}`;
      blocks.push({ type: 'tool_use', id, name, input });
      results.push({ type: 'tool_result', tool_use_id: id, content: result, is_error: isError });
    }
    messages.push({
      role: 'assistant',
      content: blocks.length === 0 ? [{ type: 'text', text: 'Yes.' }] : blocks,
    });
  }
  messages.push({ role: 'user', content: [...results, { type: 'text', text: 'Go on with it.' }] });
  return messages;
}

const request = fc.record(
  {
    model: fc.constant('claude-asked'),
    max_tokens: fc.integer({ min: 1, max: 32_000 }),
    messages: fc.array(round, { minLength: 1, maxLength: 4 }).map(conversation),
    tools: fc.constant(tools),
    system: text,
    temperature: fc.constantFrom(0, 0.5, 1),
    stop_sequences: fc.array(text, { minLength: 1, maxLength: 4 }),
    stream: fc.constant(true),
    tool_choice: fc.oneof(
      fc.record({ type: fc.constantFrom('auto', 'any'), disable_parallel_tool_use: fc.constant(true) }),
      fc.record({ type: fc.constantFrom('auto', 'any', 'none') }),
      fc.record({ type: fc.constant('tool'), name: fc.constantFrom(...toolNames) }),
    ),
  },
  { requiredKeys: ['model', 'max_tokens', 'messages', 'tools'] },
);

/** There and back: what an Anthropic provider receives at the end, with the client's names of tools. */
function thereAndBack(asked: object): Request {
  const there = anthropicToOpenAiRequest(Buffer.from(JSON.stringify(asked)), {
    model: 'some-model',
    capabilities: capabilitiesOf('some-model'),
    thinking: 'drop',
  });
  if (there.kind === 'refused') throw new Error(there.sentence);
  expect(there.dropped).toEqual([]);
  const back = openAiToAnthropicRequest(there.body, {
    model: 'claude-asked',
    capabilities: claudeCapabilitiesOf('claude-sonnet-4-0'),
    thinking: 'drop',
  });
  if (back.kind === 'refused') throw new Error(back.sentence);
  expect(back.dropped).toEqual([]);
  const said = Buffer.from(back.body).toString();
  const named = [...there.context.toolNames].reduce(
    (all, [short, name]) => all.replaceAll(`"${short}"`, `"${name}"`),
    said,
  );
  return JSON.parse(named);
}

interface Meaning {
  readonly role: string;
  readonly text: string;
  readonly images: readonly string[];
  readonly calls: readonly unknown[];
  /** What came back for each call, in the order of the calls. */
  readonly results: readonly { readonly call: string; readonly text: string; readonly isError: boolean }[];
}

const blocksOf = (content: Message['content'] | undefined): readonly Block[] =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : (content ?? []);
const textOf = (blocks: readonly Block[]) =>
  blocks.flatMap(({ type, text: said }) => (type === 'text' && said !== '' ? [said] : [])).join('\n\n');
const imagesOf = (blocks: readonly Block[]) =>
  blocks.flatMap(({ type, source }) => (type === 'image' ? [JSON.stringify(source)] : []));

/** Everything a model can learn from a conversation. Calls are numbered, because their ids may be others. */
function meaningOf(messages: readonly Message[]): Meaning[] {
  const numbers = new Map<string, string>();
  return messages.map(({ role, content }) => {
    const blocks = blocksOf(content);
    const calls = blocks.filter(({ type }) => type === 'tool_use');
    for (const { id } of calls) {
      expect(numbers.has(id!)).toBe(false);
      numbers.set(id!, `call ${numbers.size}`);
    }
    const results = blocks.filter(({ type }) => type === 'tool_result');
    return {
      role,
      text: textOf(blocks),
      images: [...results.flatMap((result) => imagesOf(blocksOf(result.content))), ...imagesOf(blocks)],
      calls: calls.map(({ id, name, input }) => ({ call: numbers.get(id!), name, input })),
      results: results.map((result) => ({
        call: numbers.get(result.tool_use_id!) ?? 'a call that was never made',
        text: textOf(blocksOf(result.content)),
        isError: result.is_error === true,
      })),
    };
  });
}

describe('a conversation that goes from Anthropic to OpenAI and back', () => {
  it('keeps its meaning: text, images, calls, and their results with errors and images', () => {
    fc.assert(
      fc.property(request, (asked) => {
        const before = meaningOf(asked.messages);
        const after = meaningOf(thereAndBack(asked).messages);
        expect(after.map(({ role, calls, images }) => ({ role, calls, images }))).toEqual(
          before.map(({ role, calls, images }) => ({ role, calls, images })),
        );
        for (const [place, { text: said, results }] of before.entries()) {
          const now = after[place]!;
          // Images of results are introduced with a sentence; nothing else is added, and nothing is lost.
          expect(now.text.replace(/This belongs to the result of [^\n]*:(?:\n\n)?/g, '').trim()).toBe(
            said.trim(),
          );
          expect(now.results.map((result) => result.call)).toEqual(results.map((result) => result.call));
          for (const [n, result] of results.entries()) {
            expect(now.results[n]!.text).toContain(result.text);
            expect(now.results[n]!.text.startsWith('The call failed:')).toBe(result.isError);
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it('keeps its tools with their schemas, the choice among them, the system prompt, limits and sampling', () => {
    fc.assert(
      fc.property(request, (asked) => {
        const { messages: _messages, ...before } = asked;
        const { messages: _others, ...after } = thereAndBack(asked);
        expect(after).toEqual(JSON.parse(JSON.stringify(before)));
      }),
      { numRuns: 100 },
    );
  });

  it.each(['low', 'medium', 'high'])('keeps the effort %s', (effort) => {
    const budget = { low: 4096, medium: 16_384, high: 32_000 }[effort];
    const asked = {
      model: 'claude-asked',
      max_tokens: 64_000,
      thinking: { type: 'enabled', budget_tokens: budget },
      messages: [{ role: 'user', content: 'Light the lamp.' }],
    };
    const there = anthropicToOpenAiRequest(Buffer.from(JSON.stringify(asked)), {
      model: 'gpt-5',
      capabilities: capabilitiesOf('gpt-5', { maxOutputTokens: 128_000 }),
      thinking: 'drop',
    });
    if (there.kind === 'refused') throw new Error(there.sentence);
    const back = openAiToAnthropicRequest(there.body, {
      model: 'claude-asked',
      capabilities: claudeCapabilitiesOf('claude-sonnet-4-5'),
      thinking: 'drop',
    });
    if (back.kind === 'refused') throw new Error(back.sentence);
    expect(JSON.parse(Buffer.from(back.body).toString()).thinking).toEqual(asked.thinking);
  });
});

describe('an answer that goes from Anthropic to OpenAI and back', () => {
  it('keeps text, thinking, calls, the reason to end and what was counted', () => {
    const answer = fc.record({
      thinking: fc.option(text),
      said: fc.option(text),
      calls: fc.array(call, { maxLength: 3 }),
      stop: fc.constantFrom('end_turn', 'max_tokens', 'refusal'),
      usage: fc.record({
        input_tokens: fc.nat(),
        cache_creation_input_tokens: fc.nat(),
        cache_read_input_tokens: fc.nat(),
        output_tokens: fc.nat(),
      }),
    });
    fc.assert(
      fc.property(answer, ({ thinking, said, calls, stop, usage }) => {
        const content = [
          ...(thinking === null ? [] : [{ type: 'thinking', thinking, signature: '' }]),
          ...(said === null ? [] : [{ type: 'text', text: said }]),
          ...calls.map(({ name, input }, n) => ({ type: 'tool_use', id: `toolu_${n}`, name, input })),
        ];
        const stop_reason = calls.length > 0 && stop === 'end_turn' ? 'tool_use' : stop;
        const message = { id: 'msg_01Test', type: 'message', model: 'claude-x', content, stop_reason, usage };
        const there = anthropicToOpenAiAnswer(Buffer.from(JSON.stringify(message)), {
          ...streamContext,
          clientFormat: 'openai',
        });
        if (there.kind === 'unreadable') throw new Error(there.sentence);
        const back = openAiToAnthropicAnswer(there.body, streamContext);
        if (back.kind === 'unreadable') throw new Error(back.sentence);
        expect(JSON.parse(Buffer.from(back.body).toString())).toMatchObject(
          JSON.parse(JSON.stringify(message)),
        );
      }),
      { numRuns: 150 },
    );
  });
});
