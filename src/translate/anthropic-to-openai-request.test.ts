import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anthropicToOpenAiRequest, capabilitiesOf } from './index.ts';
import { translateRequest } from './testing/translate-request.ts';

const hello = { role: 'user', content: 'Hi' };

/** The fields of a request beside its messages, and what was dropped. */
function fields(request: object, model = 'gpt-4o') {
  const { chat, dropped } = translateRequest({ messages: [hello], ...request }, { model });
  const { messages: _messages, model: _model, ...others } = chat;
  return { fields: others, dropped };
}

function refused(body: string): string {
  const options = { model: 'gpt-4o', capabilities: capabilitiesOf('gpt-4o'), thinking: 'drop' as const };
  const translated = anthropicToOpenAiRequest(Buffer.from(body), options);
  if (translated.kind === 'translated') throw new Error('It was translated.');
  expect(translated.status).toBe(400);
  return translated.sentence;
}

describe('a request', () => {
  it('P4: goes to the path below the base path of the provider', () => {
    expect(translateRequest({ messages: [hello] }).path).toBe('/chat/completions');
  });

  it('names the model of the provider, and remembers the one that was asked for', () => {
    const { chat, context } = translateRequest(
      { model: 'claude-x', messages: [hello] },
      { messageId: 'msg_7' },
    );
    expect(chat.model).toBe('gpt-4o');
    expect(context).toMatchObject({ askedModel: 'claude-x', messageId: 'msg_7', isStreaming: false });
    expect(context.inputTokensEstimate).toBeGreaterThan(0);
  });

  it('P5: has no key that it does not need: nothing absent becomes null', () => {
    expect(translateRequest({ model: 'm', max_tokens: 5, messages: [hello] }).chat).toEqual({
      model: 'gpt-4o',
      messages: [hello],
      max_completion_tokens: 5,
    });
  });

  it.each([
    ['no JSON', '{"messages":', 'The body is not a JSON object, so it cannot be translated.'],
    ['a list', '[]', 'The body is not a JSON object, so it cannot be translated.'],
    ['no messages', '{"model":"m"}', 'The request has no list of messages.'],
    ['empty messages', '{"messages":[]}', 'Nothing is left of the messages that could be sent.'],
    [
      'messages of nothing',
      '{"messages":[{"role":"user","content":""}]}',
      'Nothing is left of the messages that could be sent.',
    ],
    [
      'a message that is none',
      '{"messages":[7]}',
      'messages[0] has no role that can be translated: user, assistant or system.',
    ],
    [
      'an unknown role',
      '{"messages":[{"role":"tool","content":"x"}]}',
      'messages[0] has no role that can be translated: user, assistant or system.',
    ],
    [
      'no content',
      '{"messages":[{"role":"user"}]}',
      'messages[0] has no content: it must be a string or a list of blocks.',
    ],
  ])('with %s is refused with a sentence', (_, body, sentence) => {
    expect(refused(body)).toBe(sentence);
  });

  it('that is too large is refused', () => {
    expect(refused(' '.repeat(32 * 1024 * 1024 + 1))).toContain('32 MiB');
  });
});

describe('the system prompt', () => {
  const systemOf = (system: unknown, model = 'gpt-4o') =>
    translateRequest({ system, messages: [hello] }, { model }).chat.messages[0];

  it('may be a string or blocks', () => {
    expect(systemOf('Be brief.')).toEqual({ role: 'system', content: 'Be brief.' });
    expect(
      systemOf([
        { type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } },
        { type: 'text', text: 'Be kind.' },
      ]),
    ).toEqual({ role: 'system', content: 'Be brief.\n\nBe kind.' });
  });

  it('is of the developer for models that want it so', () => {
    expect(systemOf('Be brief.', 'gpt-5')).toEqual({ role: 'developer', content: 'Be brief.' });
  });

  it('comes without the block that is a mark for accounting', () => {
    expect(
      systemOf([
        { type: 'text', text: 'x-anthropic-billing-header: cc_version=1; cc_entrypoint=cli;' },
        { type: 'text', text: 'Be brief.' },
      ]),
    ).toEqual({ role: 'system', content: 'Be brief.' });
  });

  it('is left out when there is none', () => {
    for (const system of [undefined, null, '', [], [{ type: 'text', text: '' }], 7]) {
      expect(systemOf(system)).toEqual(hello);
    }
  });
});

describe('limits and sampling', () => {
  it('P5: cap max_tokens by the model, and say so', () => {
    expect(fields({ max_tokens: 64_000 })).toEqual({
      fields: { max_completion_tokens: 16_384 },
      dropped: ['max_tokens 64000: the model writes 16384 at most'],
    });
    expect(fields({ max_tokens: 100 }).dropped).toEqual([]);
  });

  it('P5: use the name of the limit that the model knows', () => {
    expect(fields({ max_tokens: 64_000 }, 'some-model').fields).toEqual({ max_tokens: 64_000 });
  });

  it('P5: leave out what reasoning models refuse, and say so', () => {
    const request = { temperature: 0.5, top_p: 0.9, top_k: 5, stop_sequences: ['END'] };
    expect(fields(request, 'o4-mini')).toEqual({
      fields: {},
      dropped: [
        'temperature: the model takes none',
        'top_p: the model takes none',
        'top_k: the model takes none',
        'stop_sequences: the model takes none',
      ],
    });
    expect(fields(request, 'qwen3-coder').fields).toEqual({
      temperature: 0.5,
      top_p: 0.9,
      top_k: 5,
      stop: ['END'],
    });
  });

  it('send as many stop sequences as are taken, and remember those', () => {
    const { chat, dropped, context } = translateRequest({
      messages: [hello],
      stop_sequences: ['a', 'b', 'c', 'd', 'e', ''],
    });
    expect(chat.stop).toEqual(['a', 'b', 'c', 'd']);
    expect(context.stopSequences).toEqual(['a', 'b', 'c', 'd']);
    expect(dropped).toEqual(['stop_sequences: the provider takes 4 at most, 1 left out']);
  });

  it('ask for the usage of a stream where that is known', () => {
    expect(fields({ stream: true }).fields).toEqual({
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(fields({ stream: true }, 'mistral-large').fields).toEqual({ stream: true });
    expect(fields({ stream: false }).fields).toEqual({});
  });
});

describe('thinking', () => {
  it.each([
    [{ thinking: { type: 'enabled', budget_tokens: 2000 } }, 'low'],
    [{ thinking: { type: 'enabled', budget_tokens: 10_000 } }, 'medium'],
    [{ thinking: { type: 'enabled', budget_tokens: 60_000 } }, 'high'],
    [{ thinking: { type: 'disabled' } }, 'minimal'],
    [{ thinking: { type: 'adaptive' } }, undefined],
    [{ thinking: { type: 'adaptive' }, output_config: { effort: 'high' } }, 'high'],
    [{ output_config: { effort: 'max' } }, 'high'],
    [{ thinking: { type: 'enabled', budget_tokens: 60_000 }, output_config: { effort: 'low' } }, 'low'],
    [{}, undefined],
  ])('becomes the effort of a reasoning model: %j', (request, effort) => {
    expect(fields(request, 'gpt-5').fields.reasoning_effort).toBe(effort);
    expect(fields(request, 'gpt-5').dropped).toEqual([]);
  });

  it('is as hard as the newest message asks for', () => {
    const messages = [
      { ...hello, output_config: { effort: 'low' } },
      { role: 'system', content: 'x', output_config: { effort: 'high' } },
    ];
    const request = { messages, output_config: { effort: 'medium' } };
    expect(translateRequest(request, { model: 'gpt-5' }).chat.reasoning_effort).toBe('high');
  });

  it('switched off is the least a model can do', () => {
    const off = { thinking: { type: 'disabled' } };
    expect(fields(off, 'o3').fields.reasoning_effort).toBe('low');
    expect(fields(off, 'gpt-5.2').fields.reasoning_effort).toBe('none');
    expect(fields(off, 'glm-4.6').fields.thinking).toEqual({ type: 'disabled' });
  });

  it('is dropped with a word where the model knows nothing of it', () => {
    expect(fields({ thinking: { type: 'enabled', budget_tokens: 2000 } }).dropped).toEqual([
      'a thinking budget of 2000 tokens: the model cannot be told how hard to think',
    ]);
    expect(fields({ thinking: { type: 'disabled' } }).dropped).toEqual([]);
  });

  it('is shown in the answer only when it was asked for', () => {
    const shows = (thinking: object | undefined, keep = false) =>
      translateRequest(
        { messages: [hello], ...(thinking === undefined ? {} : { thinking }) },
        { thinking: keep ? 'keep-as-reasoning' : 'drop' },
      ).context.showsThinking;
    expect(shows(undefined)).toBe(false);
    expect(shows({ type: 'disabled' })).toBe(false);
    expect(shows({ type: 'enabled', budget_tokens: 5000 })).toBe(true);
    expect(shows({ type: 'adaptive' })).toBe(true);
    expect(shows({ type: 'adaptive', display: 'omitted' })).toBe(false);
    expect(shows({ type: 'adaptive', display: 'omitted' }, true)).toBe(true);
  });
});

describe('the form of an answer', () => {
  const schema = {
    type: 'object',
    properties: { title: { type: 'string' } },
    required: ['title'],
    additionalProperties: false,
  };
  const asked = { output_config: { format: { type: 'json_schema', schema } } };

  it('becomes a response_format, strict where the schema allows that', () => {
    expect(fields(asked).fields).toEqual({
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } },
    });
    const open = { ...schema, additionalProperties: true };
    expect(fields({ output_format: { type: 'json_schema', schema: open } }).fields).toEqual({
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: open } },
    });
  });

  it('is asked for in words where the provider knows no schemas', () => {
    const { chat, dropped } = translateRequest({ messages: [hello], ...asked }, { model: 'deepseek-chat' });
    expect(chat.response_format).toEqual({ type: 'json_object' });
    expect(chat.messages[0]?.content).toContain(JSON.stringify(schema));
    expect(dropped).toEqual(['output_config.format: the schema is part of the prompt, nothing enforces it']);
  });
});

describe('what cannot be carried', () => {
  it('is listed, every field of it, those of tomorrow too', () => {
    const { dropped } = fields({
      metadata: { user_id: '{"device_id":"d"}' },
      safeguards: [{ type: 'dangerous_tool_use' }],
      diagnostics: {},
      context_management: { edits: [] },
      service_tier: 'auto',
      container: 'c',
      mcp_servers: [],
      betas: ['b'],
      a_field_of_tomorrow: 1,
      thread: null,
      output_config: { task_budget: 5 },
    });
    expect(dropped.map((words) => words.split(':')[0])).toEqual([
      'metadata',
      'safeguards',
      'diagnostics',
      'context_management',
      'service_tier',
      'container',
      'mcp_servers',
      'betas',
      '"a_field_of_tomorrow"',
      'output_config."task_budget"',
    ]);
  });

  it('SEC-09: no device and no account reaches another provider', () => {
    const user = JSON.stringify({ device_id: 'f7f41efb', account_uuid: 'acc-1', session_id: 's-1' });
    const { text } = translateRequest({
      messages: [hello],
      metadata: { user_id: user },
      safeguards: [{ classifier_context: { home: '/home/keeper' } }],
      system: [{ type: 'text', text: 'x-anthropic-billing-header: cch=abc;' }],
    });
    for (const secret of ['f7f41efb', 'acc-1', 's-1', '/home/keeper', 'cch=abc'])
      expect(text).not.toContain(secret);
  });

  it('is a short list, however much there is', () => {
    const request = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, n) => [`field_${n}`.repeat(100), n]),
    );
    const { dropped } = fields(request);
    expect(dropped.length).toBeLessThanOrEqual(65);
    expect(dropped.at(-1)).toMatch(/further things/);
    for (const words of dropped) expect(words.length).toBeLessThanOrEqual(240);
  });

  it('is not the mark of a cache, which says nothing', () => {
    const cached = { cache_control: { type: 'ephemeral' } };
    const request = {
      ...cached,
      system: [{ type: 'text', text: 'Be brief.', ...cached }],
      tools: [{ name: 'look', input_schema: { type: 'object' }, ...cached }],
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi', ...cached }] }],
    };
    const { text, dropped } = translateRequest(request);
    expect(dropped).toEqual([]);
    expect(text).not.toContain('cache_control');
  });
});

describe('numbers', () => {
  it('keep all of their digits in schemas and inputs', () => {
    const body =
      '{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"x","input":{"id":12345678901234567890}}]}],' +
      '"tools":[{"name":"x","input_schema":{"type":"object","properties":{"id":{"maximum":9223372036854775807}}}}],"temperature":0.70000000000000001}';
    const options = { model: 'm', capabilities: capabilitiesOf('m'), thinking: 'drop' as const };
    const translated = anthropicToOpenAiRequest(Buffer.from(body), options);
    if (translated.kind === 'refused') throw new Error(translated.sentence);
    const text = Buffer.from(translated.body).toString();
    expect(text).toContain('{\\"id\\":12345678901234567890}');
    expect(text).toContain('"maximum":9223372036854775807');
    expect(text).toContain('"temperature":0.7');
  });
});

describe('any request', () => {
  it('gives the same bytes each time, so that a provider finds them in its cache', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const request = { messages: [{ role: 'user', content: JSON.stringify(value) }] };
        expect(translateRequest(request).text).toBe(translateRequest(request).text);
      }),
      { numRuns: 50 },
    );
  });
});
