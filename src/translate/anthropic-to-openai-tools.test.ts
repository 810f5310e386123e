import { describe, expect, it } from 'vitest';
import { capabilitiesOf, openAiToAnthropicAnswer } from './index.ts';
import { translateRequest } from './testing/translate-request.ts';

const hello = { role: 'user', content: 'Hi' };
const schema = { type: 'object', properties: { where: { type: 'string' } }, required: ['where'] };
const tool = (name: string, more: object = {}) => ({
  name,
  description: `Does ${name}.`,
  input_schema: schema,
  ...more,
});

function toolsOf(request: object, model = 'gpt-4o') {
  const { chat, dropped, context } = translateRequest({ messages: [hello], ...request }, { model });
  const names = chat.tools?.map((entry) => entry.function.name) ?? [];
  return { chat, tools: chat.tools ?? [], names, dropped, context };
}

describe('the definition of a tool', () => {
  it('keeps every keyword of its schema', () => {
    const full = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $defs: { place: { enum: ['north', 'south'] } },
      type: 'object',
      properties: {
        where: { $ref: '#/$defs/place' },
        list: { type: 'array' },
        depth: { type: 'integer', minimum: 0, exclusiveMaximum: 9, multipleOf: 3 },
        either: { oneOf: [{ const: 1 }, { type: 'null' }] },
      },
      required: ['where'],
      additionalProperties: false,
      if: { properties: { depth: { const: 0 } } },
    };
    expect(toolsOf({ tools: [tool('look', { input_schema: full })] }).tools).toEqual([
      { type: 'function', function: { name: 'look', description: 'Does look.', parameters: full } },
    ]);
  });

  it('without a schema takes no arguments', () => {
    const { tools } = toolsOf({
      tools: [{ name: 'rest' }, { type: 'custom', name: 'sleep', input_schema: null }],
    });
    expect(tools.map((entry) => entry.function)).toEqual([
      { name: 'rest', parameters: { type: 'object', properties: {} } },
      { name: 'sleep', parameters: { type: 'object', properties: {} } },
    ]);
  });

  it('is strict only where the schema allows that', () => {
    const closed = { ...schema, additionalProperties: false };
    const request = {
      tools: [tool('a', { strict: true, input_schema: closed }), tool('b', { strict: true }), tool('c')],
    };
    const { tools, dropped } = toolsOf(request);
    expect(tools.map((entry) => entry.function.strict)).toEqual([true, undefined, undefined]);
    expect(dropped).toEqual(['tool "b": strict checking of its input']);
    expect(toolsOf(request, 'llama3.1').dropped).toHaveLength(2);
  });

  it('is written in the OpenAPI subset for providers that insist on it, and what is lost is listed', () => {
    const input = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $defs: {
        place: { type: 'string', enum: ['north', 'south'] },
        tree: { type: 'array', items: { $ref: '#/$defs/tree' } },
      },
      type: 'object',
      additionalProperties: false,
      properties: {
        where: { $ref: '#/$defs/place', description: 'Where to' },
        kind: { const: 'lamp' },
        depth: { type: ['integer', 'null'], exclusiveMinimum: 0 },
        either: { oneOf: [{ type: 'string' }, { type: 'number' }] },
        list: { type: 'array' },
        tree: { $ref: '#/$defs/tree' },
      },
    };
    const { tools, dropped } = toolsOf({ tools: [tool('look', { input_schema: input })] }, 'gemini-2.5-pro');
    expect(tools[0]?.function.parameters).toEqual({
      type: 'object',
      properties: {
        where: { type: 'string', enum: ['north', 'south'], description: 'Where to' },
        kind: { enum: ['lamp'] },
        depth: { type: 'integer', nullable: true },
        either: { anyOf: [{ type: 'string' }, { type: 'number' }] },
        list: { type: 'array', items: {} },
        tree: { type: 'array', items: {} },
      },
    });
    expect(dropped).toEqual([
      'tool schemas: the keyword additionalProperties',
      'tool schemas: the keyword exclusiveMinimum',
    ]);
  });

  it('does not explode when its references lead to each other', () => {
    const defs = Object.fromEntries(
      Array.from({ length: 40 }, (_, n) => [
        `d${n}`,
        { anyOf: [{ $ref: `#/$defs/d${n + 1}` }, { $ref: `#/$defs/d${n + 1}` }] },
      ]),
    );
    const { chat } = toolsOf(
      { tools: [tool('look', { input_schema: { $ref: '#/$defs/d0', $defs: defs } })] },
      'gemini-2.5-pro',
    );
    expect(JSON.stringify(chat).length).toBeLessThan(2_000_000);
  });

  it('whose description is too long for its place is told in the system prompt', () => {
    const description = 'a'.repeat(3000);
    const { chat } = translateRequest(
      { messages: [hello], tools: [tool('look', { description })] },
      { capabilities: capabilitiesOf('gpt-4o', { toolDescriptionMax: 1024 }) },
    );
    expect(chat.tools?.[0]?.function.description).toHaveLength(1024);
    expect(chat.messages[0]?.content).toContain(description);
  });
});

describe('the name of a tool', () => {
  const long = `mcp__a_server_with_a_long_name__${'and_a_tool_with_one'.repeat(4)}`;

  it('is shortened where it is too long or has other letters, and comes back as it was', () => {
    const odd = 'größe messen';
    const { names, context } = toolsOf({ tools: [tool(long), tool(odd), tool('look')] });
    for (const name of names) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(names[2]).toBe('look');
    expect(names.map((name) => context.toolNames.get(String(name)))).toEqual([long, odd, undefined]);
    const answer = openAiToAnthropicAnswer(
      Buffer.from(
        JSON.stringify({
          choices: [
            { message: { tool_calls: [{ id: 'c', function: { name: names[0], arguments: '{}' } }] } },
          ],
        }),
      ),
      context,
    );
    if (answer.kind === 'unreadable') throw new Error(answer.sentence);
    expect(JSON.parse(Buffer.from(answer.body).toString()).content[0].name).toBe(long);
  });

  it('is the same in the definition, in earlier calls and in tool_choice, and in every request', () => {
    const request = {
      tools: [tool(long)],
      tool_choice: { type: 'tool', name: long },
      messages: [
        hello,
        { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: long, input: {} }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'ok' }] },
      ],
    };
    const { chat, names } = toolsOf(request);
    expect(chat.messages[1]?.tool_calls?.[0]?.function.name).toBe(names[0]);
    expect(chat.tool_choice).toEqual({ type: 'function', function: { name: names[0] } });
    expect(toolsOf(request).names).toEqual(names);
  });

  it('differs from every other one, even when their beginnings are the same', () => {
    const tools = Array.from({ length: 200 }, (_, n) => tool(`${long}_${n}`));
    const { names } = toolsOf({ tools }, 'some-model');
    expect(new Set(names).size).toBe(200);
  });

  it('that is missing leaves the tool out', () => {
    expect(toolsOf({ tools: [{ input_schema: schema }, tool('look')] })).toMatchObject({
      names: ['look'],
      dropped: ['a tool without a name'],
    });
  });
});

describe('tools that are not like others', () => {
  it("of Anthropic's own kind are left out and listed", () => {
    const tools = [
      { type: 'web_search_20250305', name: 'web_search' },
      { type: 'mcp_toolset', mcp_server_name: 's' },
      tool('look'),
    ];
    expect(toolsOf({ tools })).toMatchObject({
      names: ['look'],
      dropped: [
        'tool "web_search": Anthropic\'s own kind "web_search_20250305", which no other provider has',
        'tool "mcp_toolset": Anthropic\'s own kind "mcp_toolset", which no other provider has',
      ],
    });
  });

  it('that only code of Anthropic may call are left out and listed', () => {
    const callers = { allowed_callers: ['code_execution_20260120'] };
    expect(
      toolsOf({ tools: [tool('look', callers), tool('rest', { allowed_callers: ['direct'] })] }),
    ).toMatchObject({
      names: ['rest'],
      dropped: ['tool "look": only code that Anthropic runs may call it'],
    });
  });

  it('that are deferred stay away until they were loaded or called', () => {
    const tools = [
      tool('ToolSearch'),
      tool('loaded', { defer_loading: true }),
      tool('called', { defer_loading: true }),
      tool('placeholder', { defer_loading: true }),
    ];
    const messages = [
      hello,
      {
        role: 'assistant',
        content: [
          { type: 'tool_use', id: 'a', name: 'ToolSearch', input: { query: 'select:loaded' } },
          { type: 'tool_use', id: 'b', name: 'called', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: 'a',
            content: [{ type: 'tool_reference', tool_name: 'loaded' }],
          },
          { type: 'tool_result', tool_use_id: 'b', content: 'ok' },
        ],
      },
    ];
    const { names, dropped, chat } = toolsOf({ tools, messages });
    expect(names).toEqual(['ToolSearch', 'loaded', 'called']);
    expect(dropped).toEqual([
      'deferred tools that were not loaded yet: 1 left out',
      'defer_loading: the tools that were loaded are given like all others',
    ]);
    expect(chat.messages[2]?.content).toBe('The tool "loaded" can be called from now on.');
  });

  it('that are deferred are all given when only a search of Anthropic could find them', () => {
    const tools = [
      { type: 'tool_search_tool_regex_20251119', name: 'tool_search' },
      tool('a', { defer_loading: true }),
      tool('b', { defer_loading: true }),
    ];
    expect(toolsOf({ tools }).names).toEqual(['a', 'b']);
  });

  it('that come or go in the middle of the conversation are given as they are at its end', () => {
    const messages = [
      hello,
      {
        role: 'system',
        content: [
          { type: 'text', text: 'Tools have changed.' },
          { type: 'tool_removal', tool: { type: 'tool_reference', name: 'old' } },
          { type: 'tool_addition', tool: { type: 'tool_definition', definition: tool('new') } },
        ],
      },
    ];
    const { names, dropped } = toolsOf({ tools: [tool('old'), tool('look')], messages });
    expect(names).toEqual(['look', 'new']);
    expect(dropped).toEqual([]);
  });

  it('are left out, and earlier calls told in words, when the model calls none', () => {
    const { chat, dropped } = translateRequest(
      {
        messages: [
          hello,
          {
            role: 'assistant',
            content: [{ type: 'tool_use', id: 'a', name: 'look', input: { where: 'north' } }],
          },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'Dark.' }] },
        ],
        tools: [tool('look')],
        tool_choice: { type: 'any' },
      },
      { capabilities: capabilitiesOf('x', { tools: false }) },
    );
    expect(chat).toEqual({
      model: 'gpt-4o',
      messages: [
        hello,
        { role: 'assistant', content: '[I called the tool look with {"where":"north"}]' },
        { role: 'user', content: 'Result of an earlier call of a tool:\nDark.' },
      ],
    });
    expect(dropped).toEqual(['tools: the model calls none, 1 left out']);
  });

  it('beyond what a provider takes are left out and listed by name', () => {
    const { names, dropped } = toolsOf({ tools: Array.from({ length: 130 }, (_, n) => tool(`t${n}`)) });
    expect(names).toHaveLength(128);
    expect(dropped).toEqual([
      'tool "t128": the provider takes 128 at most',
      'tool "t129": the provider takes 128 at most',
    ]);
  });
});

describe('tool_choice', () => {
  const choice = (tool_choice: object, model?: string) => {
    const { chat, dropped } = toolsOf({ tools: [tool('look')], tool_choice }, model);
    return { choice: chat.tool_choice, parallel: chat.parallel_tool_calls, dropped };
  };

  it.each([
    [{ type: 'auto' }, 'auto'],
    [{ type: 'any' }, 'required'],
    [{ type: 'none' }, 'none'],
    [
      { type: 'tool', name: 'look' },
      { type: 'function', function: { name: 'look' } },
    ],
  ])('%j has the same meaning', (asked, given) => {
    expect(choice(asked)).toEqual({ choice: given, parallel: undefined, dropped: [] });
  });

  it('of a tool that is not there, or of a kind nobody knows, is listed', () => {
    expect(choice({ type: 'tool', name: 'gone' })).toMatchObject({
      choice: 'auto',
      dropped: [expect.stringContaining('"gone"')],
    });
    expect(choice({ type: 'tomorrow' })).toMatchObject({
      choice: undefined,
      dropped: [expect.stringContaining('"tomorrow"')],
    });
  });

  it('that forces a call is listed for models that cannot be forced', () => {
    expect(choice({ type: 'any' }, 'glm-4.6')).toMatchObject({
      choice: 'auto',
      dropped: [expect.any(String)],
    });
  });

  it('may forbid several calls at once', () => {
    const asked = { type: 'auto', disable_parallel_tool_use: true };
    expect(choice(asked)).toEqual({ choice: 'auto', parallel: false, dropped: [] });
    expect(choice(asked, 'gemini-2.5-pro')).toMatchObject({
      parallel: undefined,
      dropped: [expect.any(String)],
    });
  });

  it('is nothing without tools', () => {
    expect(toolsOf({ tool_choice: { type: 'any' }, tools: [] }).chat.tool_choice).toBeUndefined();
  });
});
