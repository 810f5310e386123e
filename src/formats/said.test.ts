import { describe, expect, it } from 'vitest';
import {
  createAnthropicStreamReader,
  createSseReader,
  saidInAnswer,
  saidInMessage,
  saidInSystem,
} from './index.ts';

describe('what is said in a message', () => {
  it('is its texts, thinking, inputs and results of tools', () => {
    const message = {
      role: 'user',
      content: [
        { type: 'text', text: 'look here' },
        {
          type: 'tool_result',
          content: [{ type: 'text', text: 'one' }, { type: 'image' }, { type: 'text', text: 'two' }],
        },
        { type: 'tool_result', content: 'three' },
        { type: 'image', source: { data: 'AAAA' } },
        { type: 'text', text: '<system-reminder>be brief</system-reminder>' },
      ],
    };
    expect(saidInMessage(message)).toEqual([
      { role: 'user', kind: 'text', text: 'look here' },
      { role: 'user', kind: 'tool-result', text: 'one\ntwo' },
      { role: 'user', kind: 'tool-result', text: 'three' },
      { role: 'user', kind: 'system', text: '<system-reminder>be brief</system-reminder>' },
    ]);
  });

  it('is the same when an answer was streamed and when it is sent again', () => {
    const events = [
      { type: 'message_start', message: { id: 'msg_1', role: 'assistant', content: [] } },
      { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'hm' } },
      { type: 'content_block_start', index: 1, content_block: { type: 'tool_use', name: 'Bash', input: {} } },
      {
        type: 'content_block_delta',
        index: 1,
        delta: { type: 'input_json_delta', partial_json: '{"command":"ls ' },
      },
      { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '-la"}' } },
      { type: 'message_stop' },
    ];
    const reader = createAnthropicStreamReader();
    const sse = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');
    for (const event of createSseReader().feed(Buffer.from(sse))) reader.feed(event);
    const again = {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'hm', signature: 's' },
        {
          type: 'tool_use',
          id: 't',
          name: 'Bash',
          input: { command: 'ls -la' },
          cache_control: { type: 'ephemeral' },
        },
      ],
    };
    expect(saidInAnswer(reader.finish().assembledMessage!)).toEqual(saidInMessage(again));
    expect(saidInMessage(again)).toEqual([
      { role: 'assistant', kind: 'thinking', text: 'hm' },
      { role: 'assistant', kind: 'tool-input', text: 'Bash\nls -la' },
    ]);
  });

  it('is found in the formats of OpenAI as well', () => {
    expect(
      saidInAnswer({
        choices: [
          {
            message: {
              role: 'assistant',
              content: 'ok',
              tool_calls: [{ function: { name: 'shell', arguments: '{"command":["ls","-la"]}' } }],
            },
          },
        ],
      }),
    ).toEqual([
      { role: 'assistant', kind: 'text', text: 'ok' },
      { role: 'assistant', kind: 'tool-input', text: 'shell\nls\n-la' },
    ]);
    expect(saidInMessage({ type: 'function_call_output', output: 'done' })[0]).toMatchObject({
      kind: 'tool-result',
    });
    expect(saidInMessage({ role: 'tool', content: 'done' })[0]).toMatchObject({ kind: 'tool-result' });
    expect(saidInMessage({ role: 'developer', content: 'be brief' })[0]).toMatchObject({ kind: 'system' });
    expect(
      saidInAnswer({
        output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'hi' }] }],
      }),
    ).toEqual([{ role: 'assistant', kind: 'text', text: 'hi' }]);
  });

  it('leaves out the line of the system prompt that is for accounting', () => {
    expect(
      saidInSystem([
        { type: 'text', text: 'x-anthropic-billing-header: cc_version=2;' },
        { type: 'text', text: 'You are helpful' },
      ]),
    ).toEqual([{ role: 'system', kind: 'system', text: 'You are helpful' }]);
  });

  it('is nothing where nothing can be read', () => {
    let deep: unknown = 'x';
    for (let depth = 0; depth < 10_000; depth += 1) deep = { deep };
    const tool = saidInMessage({
      role: 'assistant',
      content: [{ type: 'tool_use', name: 'T', input: deep }],
    });
    expect(tool).toEqual([{ role: 'assistant', kind: 'tool-input', text: 'T' }]);
    for (const value of [
      undefined,
      null,
      7,
      [],
      {},
      { content: 7 },
      { content: [null, 7, [], { type: 'text', text: {} }] },
    ])
      expect(saidInMessage(value)).toEqual([]);
  });
});
