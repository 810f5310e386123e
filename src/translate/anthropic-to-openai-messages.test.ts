import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { capabilitiesOf, type RequestOptions } from './index.ts';
import { type ChatMessage, translateRequest } from './testing/translate-request.ts';

const png = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0=' } };
const pngPart = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0=' } };
const text = (value: string) => ({ type: 'text', text: value });
const use = (id: string, name = 'look', input: unknown = { where: id }) => ({
  type: 'tool_use',
  id,
  name,
  input,
});
const result = (id: string, content: unknown = `result of ${id}`, more: object = {}) => ({
  type: 'tool_result',
  tool_use_id: id,
  content,
  ...more,
});
const user = (...blocks: unknown[]) => ({ role: 'user', content: blocks });
const assistant = (...blocks: unknown[]) => ({ role: 'assistant', content: blocks });

function translate(messages: readonly object[], options: Partial<RequestOptions> = {}) {
  const { chat, dropped } = translateRequest({ messages }, options);
  return { messages: chat.messages, dropped };
}

const wire = (id: string, name = 'look', args: unknown = { where: id }) => ({
  id,
  type: 'function',
  function: { name, arguments: JSON.stringify(args) },
});

describe('the turns of a conversation', () => {
  it('keep plain strings', () => {
    const messages = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello' },
      { role: 'user', content: 'Light the lamp.' },
    ];
    expect(translate(messages)).toEqual({ messages, dropped: [] });
  });

  it('are joined when the same side speaks twice', () => {
    expect(
      translate([
        { role: 'user', content: 'One' },
        user(text('Two'), text('Three')),
        assistant(text('A')),
        assistant(text('B')),
      ]).messages,
    ).toEqual([
      { role: 'user', content: 'One\n\nTwo\n\nThree' },
      { role: 'assistant', content: 'A\n\nB' },
    ]);
  });

  it('of which nothing is left are left out', () => {
    const { messages } = translate([
      user(text('Hi')),
      assistant({ type: 'redacted_thinking', data: 'x' }),
      user(text('Go on.'), text('')),
    ]);
    expect(messages).toEqual([{ role: 'user', content: 'Hi\n\nGo on.' }]);
  });

  it('that begin the answer are sent, and it is said that the provider does not go on with them', () => {
    const { messages, dropped } = translate([user(text('Light?')), assistant(text('The lamp'))]);
    expect(messages.at(-1)).toEqual({ role: 'assistant', content: 'The lamp' });
    expect(dropped).toEqual([
      'the beginning of the answer: the provider answers after it instead of going on with it',
    ]);
  });
});

describe('system messages in the middle', () => {
  const messages = [
    user(text('Hi')),
    { role: 'system', content: [text('It is night.')] },
    assistant(text('Good night.')),
    { role: 'system', content: 'It is day.' },
    user(text('And now?')),
  ];

  it('stay where they are for providers that take them', () => {
    expect(translate(messages, { model: 'gpt-5' }).messages.map(({ role }) => role)).toEqual([
      'user',
      'developer',
      'assistant',
      'developer',
      'user',
    ]);
  });

  it('are part of what the user says for all others', () => {
    expect(translate(messages, { model: 'some-model' }).messages).toEqual([
      { role: 'user', content: 'Hi\n\n<system>\nIt is night.\n</system>' },
      { role: 'assistant', content: 'Good night.' },
      { role: 'user', content: '<system>\nIt is day.\n</system>\n\nAnd now?' },
    ]);
  });
});

describe('images and documents', () => {
  it('P2: images are carried with the text around them', () => {
    const url = { type: 'image', source: { type: 'url', url: 'https://example.test/lamp.png' } };
    expect(translate([user(text('This'), png, text('and'), url)]).messages).toEqual([
      {
        role: 'user',
        content: [
          text('This'),
          pngPart,
          text('and'),
          { type: 'image_url', image_url: { url: 'https://example.test/lamp.png' } },
        ],
      },
    ]);
  });

  it('images leave a note where the model takes none', () => {
    const { messages, dropped } = translate([user(text('This'), png, png)], { model: 'deepseek-chat' });
    const note = '[There is an image here that you cannot be shown.]';
    expect(messages).toEqual([{ role: 'user', content: `This\n\n${note}\n\n${note}` }]);
    expect(dropped).toEqual(['an image: the model takes none (2 times)']);
  });

  it.each([
    ['a file of Anthropic', { type: 'file', file_id: 'f' }],
    ['an odd type', { type: 'base64', media_type: 'text/html;base64,x', data: 'x' }],
    ['nothing', undefined],
  ])('images from %s cannot be passed on', (_, source) => {
    const { messages, dropped } = translate([user({ type: 'image', source })]);
    expect(messages[0]?.content).toBe('[There is an image here that could not be passed on.]');
    expect(dropped).toHaveLength(1);
  });

  it('documents of text are part of the text', () => {
    const document = {
      type: 'document',
      title: 'Log',
      context: 'From the tower',
      source: { type: 'text', media_type: 'text/plain', data: 'Two ships.' },
    };
    const parts = { type: 'document', source: { type: 'content', content: [text('Three ships.'), png] } };
    expect(translate([user(text('Read'), document)]).messages[0]?.content).toBe(
      'Read\n\n<document>\nLog\nFrom the tower\nTwo ships.\n</document>',
    );
    expect(translate([user(parts)]).messages[0]?.content).toEqual([
      text('<document>\nThree ships.\n</document>'),
      pngPart,
    ]);
  });

  it('PDF files are files for models that take them, and a note for others', () => {
    const pdf = {
      type: 'document',
      title: 'map.pdf',
      source: { type: 'base64', media_type: 'application/pdf', data: 'JVBER' },
    };
    expect(translate([user(pdf)]).messages[0]?.content).toEqual([
      { type: 'file', file: { filename: 'map.pdf', file_data: 'data:application/pdf;base64,JVBER' } },
    ]);
    const { messages, dropped } = translate([user(pdf)], { model: 'some-model' });
    expect(messages[0]?.content).toBe('[There is a document here that you cannot be shown: map.pdf]');
    expect(dropped).toEqual(['a document: the model takes none']);
  });

  it('search results are text', () => {
    const found = {
      type: 'search_result',
      title: 'Lamps',
      source: 'https://example.test',
      content: [text('Oil.')],
    };
    expect(translate([user(found)]).messages[0]?.content).toBe('Lamps\nhttps://example.test\nOil.');
  });
});

describe('calls of tools and their results', () => {
  it('P2: become calls, and messages of their own right after them', () => {
    const { messages, dropped } = translate([
      user(text('Look around.')),
      assistant(text('I look.'), use('a'), use('b')),
      user(result('a'), result('b')),
    ]);
    expect(messages).toEqual([
      { role: 'user', content: 'Look around.' },
      { role: 'assistant', content: 'I look.', tool_calls: [wire('a'), wire('b')] },
      { role: 'tool', tool_call_id: 'a', content: 'result of a' },
      { role: 'tool', tool_call_id: 'b', content: 'result of b' },
    ]);
    expect(dropped).toEqual([]);
  });

  it('P2: a message of calls alone has no text', () => {
    const { messages } = translate([user(text('Go')), assistant(use('a')), user(result('a'))]);
    expect(messages[1]).toEqual({ role: 'assistant', content: null, tool_calls: [wire('a')] });
  });

  it('are in the order of the calls, with what stands around them behind', () => {
    const { messages } = translate([
      user(text('Go')),
      assistant(use('a'), use('b')),
      user(text('before'), result('b'), text('between'), result('a'), text('after')),
      { role: 'system', content: 'It is night.' },
    ]);
    expect(messages.slice(2)).toEqual([
      { role: 'tool', tool_call_id: 'a', content: 'result of a' },
      { role: 'tool', tool_call_id: 'b', content: 'result of b' },
      { role: 'user', content: 'before\n\nbetween\n\nafter' },
      { role: 'system', content: 'It is night.' },
    ]);
  });

  it('P2: images of a result follow in a message of the user', () => {
    const { messages } = translate([
      user(text('Go')),
      assistant(use('a', 'Read')),
      user(result('a', [text('A lamp:'), png]), text('What is it?')),
    ]);
    expect(messages.slice(2)).toEqual([
      { role: 'tool', tool_call_id: 'a', content: 'A lamp:' },
      { role: 'user', content: [text('This belongs to the result of Read:'), pngPart, text('What is it?')] },
    ]);
  });

  it('say that a result is an image, empty, or an error', () => {
    const { messages } = translate([
      user(text('Go')),
      assistant(use('a'), use('b'), use('c'), use('d')),
      user(
        result('a', [png]),
        result('b', []),
        result('c', 'No such file', { is_error: true }),
        result('d', null, { is_error: true }),
      ),
    ]);
    expect(messages.slice(2, 6).map(({ content }) => content)).toEqual([
      'The result follows in the next message.',
      '(no output)',
      'The call failed:\nNo such file',
      'The call failed:\n(no output)',
    ]);
  });

  it('a call without a result gets one that says so, because no provider takes it otherwise', () => {
    const { messages, dropped } = translate([
      user(text('Go')),
      assistant(use('a')),
      user(text('Never mind.')),
    ]);
    expect(messages.slice(2)).toEqual([
      { role: 'tool', tool_call_id: 'a', content: 'There is no result: the call was not carried out.' },
      { role: 'user', content: 'Never mind.' },
    ]);
    expect(dropped).toEqual(['a call of a tool without a result: it is said to be missing']);
  });

  it('a result without its call is told in words', () => {
    const { messages } = translate([user(result('gone', 'Dark.'), text('So?'))]);
    expect(messages).toEqual([
      { role: 'user', content: 'Result of an earlier call of a tool:\nDark.\n\nSo?' },
    ]);
  });

  it('have ids the provider takes, the same for call and result', () => {
    const long = 'chatcmpl-tool-'.padEnd(60, 'x');
    const turns = [
      user(text('Go')),
      assistant(use(long), use('toolu_01')),
      user(result('toolu_01'), result(long)),
    ];
    const openai = translate(turns).messages;
    expect(openai[1]?.tool_calls?.map(({ id }) => id)).toEqual([
      expect.stringMatching(/^call_[0-9a-z]{11}$/),
      'toolu_01',
    ]);
    expect(openai.slice(2).map((message) => message.tool_call_id)).toEqual(
      openai[1]?.tool_calls?.map(({ id }) => id),
    );
    const mistral = translate(turns, { model: 'mistral-large' }).messages;
    for (const { id } of mistral[1]?.tool_calls ?? []) expect(id).toMatch(/^[a-zA-Z0-9]{9}$/);
    expect(mistral[2]?.tool_call_id).toBe(mistral[1]?.tool_calls?.[0]?.id);
  });

  it('have an answer between them and the user for providers that insist on one', () => {
    const { messages } = translate([user(text('Go')), assistant(use('a')), user(result('a'), text('And?'))], {
      model: 'mistral-large',
    });
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant', 'user']);
  });

  it('carry the mark that Gemini wants with each call', () => {
    const { messages } = translate([user(text('Go')), assistant(use('a')), user(result('a'))], {
      model: 'gemini-3-pro-preview',
    });
    expect(messages[1]?.tool_calls?.[0]).toMatchObject({ extra_content: { google: expect.any(Object) } });
  });
});

describe('thinking of earlier turns', () => {
  const turns = [
    user(text('Hi')),
    assistant(
      { type: 'thinking', thinking: 'Hm.', signature: 'c2ln' },
      { type: 'redacted_thinking', data: 'x' },
      text('Hello'),
    ),
    user(text('Go on')),
  ];

  it('is dropped with a word', () => {
    const { messages, dropped } = translate(turns);
    expect(messages[1]).toEqual({ role: 'assistant', content: 'Hello' });
    expect(dropped).toEqual([
      'redacted thinking of earlier turns: only Anthropic can read it',
      'thinking of earlier turns',
    ]);
  });

  it('is kept as reasoning when that is asked for, and taken', () => {
    const keep = { thinking: 'keep-as-reasoning' } as const;
    expect(translate(turns, { ...keep, model: 'deepseek-reasoner' }).messages[1]).toEqual({
      role: 'assistant',
      content: 'Hello',
      reasoning_content: 'Hm.',
    });
    expect(translate(turns, { ...keep, model: 'mistral-large' }).messages[1]).toEqual({
      role: 'assistant',
      content: 'Hello',
    });
  });
});

describe("Anthropic's own blocks", () => {
  it('are left out and listed, and a summary of what went before stays', () => {
    const { messages, dropped } = translate([
      user(text('Hi')),
      assistant(
        { type: 'compaction', content: 'They greeted each other.' },
        { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
        { type: 'web_search_tool_result', tool_use_id: 's', content: [] },
        text('Done.'),
      ),
      user({ type: 'container_upload', file_id: 'f' }, text('Thanks')),
    ]);
    expect(messages[1]).toEqual({ role: 'assistant', content: 'They greeted each other.\n\nDone.' });
    expect(dropped).toEqual([
      'content of the type "server_tool_use" in an earlier answer',
      'content of the type "web_search_tool_result" in an earlier answer',
      'content of the type "container_upload"',
    ]);
  });
});

describe('any conversation', () => {
  const id = fc.constantFrom('a', 'b', 'c', 'toolu_01', 'x'.repeat(70));
  const content = fc.oneof(
    fc.string(),
    fc.array(fc.oneof(fc.string().map(text), fc.constant(png), fc.constant({ type: 'tomorrow' })), {
      maxLength: 3,
    }),
  );
  const userBlock = fc.oneof(
    fc.string().map(text),
    fc.constant(png),
    fc.tuple(id, content, fc.boolean()).map(([of, value, is_error]) => result(of, value, { is_error })),
  );
  const assistantBlock = fc.oneof(
    fc.string().map(text),
    fc.constant({ type: 'thinking', thinking: 'Hm.', signature: '' }),
    fc
      .tuple(id, fc.string({ minLength: 1 }), fc.jsonValue())
      .map(([of, name, input]) => use(of, name, { input })),
  );
  const turn = fc.oneof(
    fc.array(userBlock, { maxLength: 5 }).map((blocks) => user(...blocks)),
    fc.array(assistantBlock, { maxLength: 5 }).map((blocks) => assistant(...blocks)),
    fc.string().map((value) => ({ role: 'system', content: value })),
    fc.string().map((value) => ({ role: 'user', content: value })),
  );
  const conversation = fc.array(turn, { maxLength: 10 }).map((turns) => [user(text('Begin.')), ...turns]);

  it.each(['gpt-5', 'mistral-large', 'deepseek-chat', 'some-model'])(
    'P2: is one that the provider takes: every call with its result right after it (%s)',
    (model) => {
      fc.assert(
        fc.property(conversation, (turns) => {
          expect(brokenRules(translate(turns, { model }).messages, model)).toEqual([]);
        }),
        { numRuns: 80 },
      );
    },
  );

  it('keeps every text that was said', () => {
    const word = fc.stringMatching(/^[a-z]{8,12}$/);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('user', 'assistant', 'system'), word), { minLength: 1 }),
        (said) => {
          const messages = said.map(([role, content]) => ({ role, content }));
          const all = JSON.stringify(translate(messages, { model: 'some-model' }).messages);
          for (const [, content] of said) expect(all).toContain(content);
        },
      ),
      { numRuns: 100 },
    );
  });
});

/** What a provider would refuse about the order and form of messages. */
function brokenRules(messages: readonly ChatMessage[], model: string): string[] {
  const { toolIds, userAfterTool, systemAnywhere } = capabilitiesOf(model);
  const idForm = toolIds === 'nine' ? /^[a-zA-Z0-9]{9}$/ : /^.{1,40}$/;
  const broken: string[] = [];
  let expected: string[] = [];
  for (const [index, message] of messages.entries()) {
    const before = messages[index - 1]?.role;
    if (message.role === 'tool') {
      if (expected.shift() !== message.tool_call_id) broken.push(`a result without its call at ${index}`);
    } else if (expected.length > 0) {
      broken.push(`a call without its result at ${index}`);
    }
    if (message.role === 'user' && before === 'tool' && userAfterTool === false)
      broken.push(`user after tool at ${index}`);
    if (message.role === before && message.role !== 'tool') broken.push(`${message.role} twice at ${index}`);
    if (!['user', 'assistant', 'tool'].includes(message.role) && systemAnywhere !== true && index > 0) {
      broken.push(`system in the middle at ${index}`);
    }
    if (message.content === '' || (message.content === null && message.tool_calls === undefined)) {
      broken.push(`nothing said at ${index}`);
    }
    if (message.tool_calls !== undefined) expected = message.tool_calls.map((call) => call.id);
    for (const call of message.tool_calls ?? []) {
      if (!idForm.test(call.id)) broken.push(`the id ${call.id}`);
      if (!/^[a-zA-Z0-9_-]{1,64}$/.test(call.function.name)) broken.push(`the name ${call.function.name}`);
      JSON.parse(call.function.arguments);
    }
  }
  return expected.length > 0 ? [...broken, 'calls without results at the end'] : broken;
}
