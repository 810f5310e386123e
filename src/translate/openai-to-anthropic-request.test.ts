import { describe, expect, it } from 'vitest';
import { type ChatRequestOptions, claudeCapabilitiesOf, openAiToAnthropicRequest } from './index.ts';

const user = { role: 'user', content: 'Light the lamp.' };

function translate(request: object, options: Partial<ChatRequestOptions> = {}) {
  const model = options.model ?? 'claude-sonnet-4-5';
  const capabilities = claudeCapabilitiesOf(model);
  const all = { model, capabilities, thinking: 'drop', ...options } as const;
  return openAiToAnthropicRequest(Buffer.from(JSON.stringify({ model: 'gpt-5', ...request })), all);
}

/** What the provider receives, parsed. */
function said(request: object, model?: string) {
  const translated = translate({ messages: [user], ...request }, model === undefined ? {} : { model });
  if (translated.kind === 'refused') throw new Error(translated.sentence);
  return { ...translated, sent: JSON.parse(Buffer.from(translated.body).toString()) };
}

const call = (id: string, name: string, args: string) => ({
  id,
  type: 'function',
  function: { name, arguments: args },
});
const lamp = {
  type: 'function',
  function: { name: 'lamp', description: 'A lamp', parameters: { type: 'object', properties: {} } },
};

describe('a request for a chat completion, said to a provider of the Messages API', () => {
  it('has its first system and developer messages as the system prompt, later ones where they stood', () => {
    const { sent } = said({
      messages: [
        { role: 'system', content: 'Be kind.' },
        { role: 'developer', content: [{ type: 'text', text: 'Be short.' }] },
        user,
        { role: 'assistant', content: 'Done.' },
        { role: 'system', content: 'It is night.' },
        { role: 'user', content: 'And now?' },
      ],
    });
    expect(sent.system).toBe('Be kind.\n\nBe short.');
    expect(sent.messages).toEqual([
      user,
      { role: 'assistant', content: 'Done.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: '<system>\nIt is night.\n</system>' },
          { type: 'text', text: 'And now?' },
        ],
      },
    ]);
  });

  it('shows images from data URLs and https addresses, and leaves a note for all others', () => {
    const image = (url: string) => ({ type: 'image_url', image_url: { url } });
    const { sent, dropped } = said({
      messages: [
        {
          role: 'user',
          content: [
            image('data:image/png;base64,iVBORw0KGgo='),
            image('https://example.org/a.png'),
            image('http://example.org/a.png'),
            image('data:image/bmp;base64,AAAA'),
          ],
        },
      ],
    });
    const [first, second, third, fourth] = sent.messages[0].content;
    expect(first.source).toEqual({ type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' });
    expect(second.source).toEqual({ type: 'url', url: 'https://example.org/a.png' });
    expect([third.text, fourth.text].join()).toMatch(/could not be passed on.*could not be passed on/);
    expect(dropped.join()).toMatch(/image .*\(2 times\)/);
  });

  it('has PDF and text files as documents', () => {
    const file = (file_data: string) => ({ type: 'file', file: { filename: 'a', file_data } });
    const { sent } = said({
      messages: [
        {
          role: 'user',
          content: [file('data:application/pdf;base64,JVBERi0='), file('data:text/plain;base64,aGk=')],
        },
      ],
    });
    expect(sent.messages[0].content).toMatchObject([
      { type: 'document', title: 'a', source: { media_type: 'application/pdf', data: 'JVBERi0=' } },
      { type: 'document', title: 'a', source: { type: 'text', data: 'hi' } },
    ]);
  });

  it('groups the results of parallel calls in the next turn, in the order of the calls, and what was said after them', () => {
    const { sent, dropped } = said({
      tools: [lamp],
      messages: [
        user,
        {
          role: 'assistant',
          content: 'Yes.',
          tool_calls: [call('a', 'lamp', '{"on":1}'), call('b', 'lamp', '')],
        },
        { role: 'user', content: 'Hurry.' },
        { role: 'tool', tool_call_id: 'b', content: [{ type: 'text', text: 'B' }] },
        { role: 'tool', tool_call_id: 'a', content: 'A' },
      ],
    });
    expect(sent.messages.slice(1)).toEqual([
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Yes.' },
          { type: 'tool_use', id: 'a', name: 'lamp', input: { on: 1 } },
          { type: 'tool_use', id: 'b', name: 'lamp', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'a', content: 'A' },
          { type: 'tool_result', tool_use_id: 'b', content: 'B' },
          { type: 'text', text: 'Hurry.' },
        ],
      },
    ]);
    expect(dropped).toEqual([]);
  });

  it('gives every call an id of its own that Anthropic takes, and a result', () => {
    const turn = [
      { role: 'assistant', content: null, tool_calls: [call('call:0', 'lamp', '{}')] },
      { role: 'tool', tool_call_id: 'call:0', content: 'lit' },
    ];
    const lost = { role: 'assistant', tool_calls: [call('x', 'lamp', '[1]')] };
    const { sent, dropped } = said({ tools: [lamp], messages: [user, ...turn, ...turn, lost, user] });
    const blocks = sent.messages.flatMap(({ content }: { content: unknown }) =>
      Array.isArray(content) ? content : [],
    );
    const ids = blocks.flatMap((block: { id?: string }) => block.id ?? []);
    const answered = blocks.flatMap((block: { tool_use_id?: string }) => block.tool_use_id ?? []);
    expect(new Set(ids).size).toBe(3);
    expect(answered).toEqual(ids);
    for (const id of ids) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(blocks.find((block: { id?: string }) => block.id === 'x').input).toEqual({ _raw: '[1]' });
    expect(dropped.join()).toContain('without a result');
  });

  it('says the result of a call that is not there in words, and declares tools that only the past has called', () => {
    const { sent } = said({
      messages: [
        user,
        { role: 'tool', tool_call_id: 'z', content: 'lit' },
        { role: 'assistant', tool_calls: [call('a', 'old', '{}')] },
        { role: 'tool', tool_call_id: 'a', content: '' },
      ],
    });
    expect(JSON.stringify(sent.messages[0])).toContain('Result of an earlier call');
    expect(sent.messages[2].content[0].content).toBe('(no output)');
    expect(sent.tools).toEqual([{ name: 'old', input_schema: { type: 'object', properties: {} } }]);
    expect(sent.tool_choice).toEqual({ type: 'none' });
  });

  it('begins with the user, and ends with the user where the model does not go on with its own words', () => {
    const messages = [{ role: 'assistant', content: 'Hello. ' }];
    expect(said({ messages }).sent.messages).toEqual([
      { role: 'user', content: 'Go on.' },
      { role: 'assistant', content: 'Hello.' },
    ]);
    expect(said({ messages }, 'claude-opus-4-6').sent.messages.at(-1)).toEqual({
      role: 'user',
      content: 'Go on.',
    });
  });

  it('has tools with their whole schema, an object at the top', () => {
    const parameters = {
      type: 'object',
      properties: { a: { $ref: '#/$defs/x' } },
      $defs: { x: { type: 'string' } },
    };
    const tool = (name: string, more: object) => ({ type: 'function', function: { name, ...more } });
    const { sent, dropped } = said({
      tools: [
        tool('a', { parameters }),
        tool('b', {}),
        tool('größe', { parameters: { anyOf: [{}], properties: {} } }),
        { type: 'custom', custom: { name: 'free' } },
      ],
    });
    expect(sent.tools[0].input_schema).toEqual(parameters);
    expect(sent.tools[1].input_schema).toEqual({ type: 'object', properties: {} });
    expect(sent.tools[2].name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(sent.tools[2].input_schema).toEqual({ type: 'object', properties: {} });
    expect(dropped.join()).toMatch(/anyOf.*/);
    expect(dropped.join()).toContain('"free"');
  });

  it.each([
    ['auto', { type: 'auto' }],
    ['none', { type: 'none' }],
    ['required', { type: 'any' }],
    [
      { type: 'function', function: { name: 'lamp' } },
      { type: 'tool', name: 'lamp' },
    ],
    [
      { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [{ function: { name: 'lamp' } }] } },
      { type: 'any' },
    ],
  ])('knows the choice of tools %j', (tool_choice, expected) => {
    expect(said({ tools: [lamp], tool_choice }).sent.tool_choice).toEqual(expected);
  });

  it('says that tools may not be called in parallel', () => {
    expect(said({ tools: [lamp], parallel_tool_calls: false }).sent.tool_choice).toEqual({
      type: 'auto',
      disable_parallel_tool_use: true,
    });
  });

  it('always has a limit for the answer: the asked one, the longest of the model, or the usual', () => {
    expect(said({ max_completion_tokens: 7, max_tokens: 9 }).sent.max_tokens).toBe(7);
    expect(said({ max_tokens: 9 }).sent.max_tokens).toBe(9);
    expect(said({}).sent.max_tokens).toBe(32_000);
    expect(said({}, 'claude-3-haiku-20240307').sent.max_tokens).toBe(4096);
    const long = said({ max_tokens: 1_000_000 });
    expect(long.sent.max_tokens).toBe(64_000);
    expect(long.dropped.join()).toContain('1000000');
  });

  it('samples only as the model allows', () => {
    const asked = { temperature: 1.5, top_p: 0.5, stop: ['END', ' '] };
    const plain = said(asked, 'claude-sonnet-4-0');
    expect(plain.sent).toMatchObject({ temperature: 1, top_p: 0.5, stop_sequences: ['END'] });
    const one = said(asked, 'claude-sonnet-4-5');
    expect(one.sent).toMatchObject({ temperature: 1 });
    expect(one.sent.top_p).toBeUndefined();
    expect(one.dropped.join()).toMatch(/top_p.*/);
    expect(said({ temperature: 0.2 }, 'claude-opus-4-8').sent.temperature).toBeUndefined();
  });

  it('thinks as hard as it is asked to, where it can', () => {
    const effort = (reasoning_effort: string, more: object = {}, model?: string) =>
      said({ reasoning_effort, ...more }, model).sent;
    expect(effort('low').thinking).toEqual({ type: 'enabled', budget_tokens: 4096 });
    expect(effort('high', { max_tokens: 10_000 }).thinking).toEqual({ type: 'enabled', budget_tokens: 5000 });
    expect(effort('high', { max_tokens: 1000 }).thinking).toBeUndefined();
    expect(effort('none').thinking).toEqual({ type: 'disabled' });
    expect(effort('high', {}, 'claude-opus-4-6')).toMatchObject({
      thinking: { type: 'adaptive' },
      output_config: { effort: 'high' },
    });
    expect(effort('high', { tools: [lamp], tool_choice: 'required' }).thinking).toBeUndefined();
    expect(effort('high', { temperature: 0.2 }).temperature).toBeUndefined();
    const inLoop = [
      user,
      { role: 'assistant', tool_calls: [call('a', 'lamp', '{}')] },
      { role: 'tool', tool_call_id: 'a', content: 'lit' },
    ];
    const { sent, dropped } = said({ reasoning_effort: 'high', tools: [lamp], messages: inLoop });
    expect(sent.thinking).toBeUndefined();
    expect(dropped.join()).toContain('reasoning_effort');
  });

  it('has the schema of the answer in its own field or in the prompt, and says when nothing enforces it', () => {
    const schema = { type: 'object', properties: {}, additionalProperties: false };
    const response_format = { type: 'json_schema', json_schema: { name: 'a', schema } };
    expect(said({ response_format }).sent.output_config).toEqual({ format: { type: 'json_schema', schema } });
    const old = said({ response_format }, 'claude-3-5-haiku-latest');
    expect(old.sent.system).toContain(JSON.stringify(schema));
    expect(old.dropped.join()).toContain('response_format');
    expect(said({ response_format: { type: 'json_object' } }).sent.system).toContain('JSON object');
  });

  it('names everything that is left behind, and nothing that asks for nothing', () => {
    const { dropped } = said({ n: 1, logprobs: false, store: false, frequency_penalty: 0, user: null });
    expect(dropped).toEqual([]);
    const left = said({
      n: 2,
      seed: 5,
      user: 'u',
      tomorrow: 1,
      messages: [{ ...user, name: 'Ada' }],
    }).dropped;
    for (const word of ['n:', 'seed:', 'user:', '"tomorrow"', 'name of a participant']) {
      expect(left.join()).toContain(word);
    }
  });

  it.each([
    ['[]', /not a JSON object/],
    ['{}', /no list of messages/],
    ['{"messages":[]}', /Nothing is left/],
    ['{"messages":[{"role":"function","content":"a"}]}', /messages\[0\]/],
    ['{"messages":[],"functions":[{"name":"a"}]}', /functions/],
  ])('is refused with a sentence when it cannot be said: %s', (body, sentence) => {
    const capabilities = claudeCapabilitiesOf('claude-x');
    const refused = openAiToAnthropicRequest(Buffer.from(body), {
      model: 'm',
      capabilities,
      thinking: 'drop',
    });
    expect(refused).toMatchObject({
      kind: 'refused',
      status: 400,
      sentence: expect.stringMatching(sentence),
    });
  });

  it('keeps the digits of numbers that a double cannot hold', () => {
    const messages = [
      user,
      { role: 'assistant', tool_calls: [call('a', 'lamp', '{"id":12345678901234567890}')] },
      { role: 'tool', tool_call_id: 'a', content: 'lit' },
    ];
    expect(Buffer.from(said({ messages }).body).toString()).toContain('"id":12345678901234567890');
  });

  it('tells the answer what it has to know', () => {
    const translated = translate(
      { messages: [user], stream: true, stream_options: { include_usage: true } },
      { messageId: 'chatcmpl-1', createdS: 5, thinking: 'keep-as-reasoning' },
    );
    expect(translated).toMatchObject({
      path: '/messages',
      isStreaming: true,
      context: {
        askedModel: 'gpt-5',
        messageId: 'chatcmpl-1',
        createdS: 5,
        includesUsage: true,
        showsThinking: true,
      },
    });
  });
});
