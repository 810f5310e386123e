import { describe, expect, it } from 'vitest';
import { blocksOfAnswer, blocksOfRequest, type OutlineBlock } from './index.ts';

function outlineOf(request: object): OutlineBlock[] {
  return [...blocksOfRequest(Buffer.from(JSON.stringify(request)))].map(({ outline }) => outline);
}

describe('the outline of a request', () => {
  it('has the blocks in the order in which a model reads them, each with its place', () => {
    const outline = outlineOf({
      model: 'm',
      system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
      messages: [
        { role: 'user', content: 'Read it' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: 's' },
            { type: 'tool_use', id: 'toolu_1', name: 'Read', input: { file_path: '/a' } },
          ],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'toolu_1',
              is_error: true,
              content: [{ type: 'text', text: 'gone' }],
            },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
          ],
        },
      ],
      tools: [{ name: 'Read', description: 'Reads a file', input_schema: {} }],
    });
    expect(outline.map(({ at, part, type, preview }) => [at, part, type, preview])).toEqual([
      ['t0', 'tools', 'tool', 'Reads a file'],
      ['s0', 'system', 'text', 'Be brief.'],
      ['m0.b0', 'messages', 'text', 'Read it'],
      ['m1.b0', 'messages', 'thinking', 'hm'],
      ['m1.b1', 'messages', 'tool_use', '{"file_path":"/a"}'],
      ['m2.b0', 'messages', 'tool_result', 'gone'],
      ['m2.b1', 'messages', 'image', ''],
    ]);
    expect(outline[0]).toMatchObject({ name: 'Read' });
    expect(outline[1]).toMatchObject({ role: 'system', isCacheBreak: true });
    expect(outline[4]).toMatchObject({ role: 'assistant', name: 'Read', toolUseId: 'toolu_1' });
    expect(outline[5]).toMatchObject({ role: 'user', toolUseId: 'toolu_1', isError: true });
    expect(outline[6]).toMatchObject({ mediaType: 'image/png' });
  });

  it('gives the same hash to what means the same, wherever the cache breaks', () => {
    const ask = (content: unknown) => outlineOf({ messages: [{ role: 'user', content }] })[0]!;
    const plain = ask('hello');
    expect(ask([{ type: 'text', text: 'hello' }]).hash).toBe(plain.hash);
    expect(ask([{ type: 'text', text: 'hello', cache_control: { type: 'ephemeral' } }])).toMatchObject({
      hash: plain.hash,
      bytes: plain.bytes,
    });
    expect(ask('hello!').hash).not.toBe(plain.hash);
    const [asSystem] = outlineOf({ system: 'hello' });
    expect(asSystem!.hash).not.toBe(plain.hash);
  });

  it('reads chat completions and the Responses API', () => {
    const chat = outlineOf({
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'ls', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'a b' },
      ],
      tools: [{ type: 'function', function: { name: 'ls', description: 'Lists' } }],
    });
    expect(
      chat.map(({ at, type, name, toolUseId, preview }) => [at, type, name, toolUseId, preview]),
    ).toEqual([
      ['t0', 'function', 'ls', undefined, 'Lists'],
      ['m0.b0', 'text', undefined, undefined, 'Be brief.'],
      ['m1.b0', 'function', 'ls', 'call_1', '{}'],
      ['m2.b0', 'tool_result', undefined, 'call_1', 'a b'],
    ]);
    const responses = outlineOf({
      instructions: 'Be brief.',
      input: [
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] },
        { type: 'function_call', call_id: 'c', name: 'ls', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c', output: 'a b' },
      ],
    });
    expect(responses.map(({ at, type, preview }) => [at, type, preview])).toEqual([
      ['s0', 'text', 'Be brief.'],
      ['m0.b0', 'input_text', 'hi'],
      ['m1.b0', 'function_call', '{}'],
      ['m2.b0', 'function_call_output', 'a b'],
    ]);
    expect(outlineOf({ input: 'hi' }).map(({ at, role, preview }) => [at, role, preview])).toEqual([
      ['m0.b0', 'user', 'hi'],
    ]);
  });

  it('survives what no client would send', () => {
    const deep = `{"messages":[{"role":"user","content":[{"type":"text","text":${'['.repeat(50_000)}${']'.repeat(50_000)}}]}]}`;
    expect([...blocksOfRequest(Buffer.from(deep))].map(({ outline }) => outline.at)).toEqual(['m0.b0']);
    for (const text of [
      '',
      '[]',
      '{"messages":7}',
      '{"messages":[7,null,{"content":7},[]]}',
      '{"tools":[null]}',
    ])
      expect([...blocksOfRequest(Buffer.from(text))].length, text).toBeLessThan(2);
    const hostile =
      '{"messages":[{"role":"user","content":[{"type":"__proto__","name":{"a":1},"__proto__":{"x":1}}]}]}';
    expect([...blocksOfRequest(Buffer.from(hostile))][0]!.outline).toMatchObject({ type: '__proto__' });
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });
});

describe('the outline of an answer', () => {
  it('has its blocks, in every format', () => {
    const of = (answer: object) =>
      [...blocksOfAnswer(answer as Record<string, unknown>)].map(({ outline: { at, part, type } }) => [
        at,
        part,
        type,
      ]);
    expect(
      of({
        content: [
          { type: 'text', text: 'a' },
          { type: 'tool_use', name: 'x' },
        ],
      }),
    ).toEqual([
      ['a0.b0', 'answer', 'text'],
      ['a0.b1', 'answer', 'tool_use'],
    ]);
    expect(of({ choices: [{ message: { role: 'assistant', content: 'a' } }] })).toEqual([
      ['a0.b0', 'answer', 'text'],
    ]);
    expect(
      of({
        output: [
          { type: 'reasoning', summary: [] },
          { type: 'function_call', name: 'x' },
        ],
      }),
    ).toEqual([
      ['a0.b0', 'answer', 'reasoning'],
      ['a1.b0', 'answer', 'function_call'],
    ]);
  });
});
