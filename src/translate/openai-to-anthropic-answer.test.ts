import { describe, expect, it } from 'vitest';
import { type AnswerContext, OpenAiToAnthropicStream, openAiToAnthropicAnswer } from './index.ts';
import { streamContext } from './testing/provider-streams.ts';

const context: AnswerContext = { ...streamContext, isStreaming: false };

function completion(message: object, choice: object = {}, more: object = {}): object {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    model: 'gpt-x',
    choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: 'stop', ...choice }],
    usage: { prompt_tokens: 20, completion_tokens: 5, total_tokens: 25 },
    ...more,
  };
}

function answer(value: unknown, from: AnswerContext = context) {
  const translated = openAiToAnthropicAnswer(Buffer.from(JSON.stringify(value)), from);
  if (translated.kind === 'unreadable') throw new Error(translated.sentence);
  return { message: JSON.parse(Buffer.from(translated.body).toString()), dropped: translated.dropped };
}

function unreadable(body: string) {
  const translated = openAiToAnthropicAnswer(Buffer.from(body), context);
  if (translated.kind !== 'unreadable') throw new Error('It was readable.');
  return translated;
}

const toolCall = (args: unknown, name = 'look', id: string | undefined = 'call_1') => ({
  content: null,
  tool_calls: [{ id, type: 'function', function: { name, arguments: args } }],
});

describe('a whole answer', () => {
  it('P3: becomes a message with a stop reason, and with the usage of Anthropic only', () => {
    const details = {
      prompt_tokens_details: { cached_tokens: 12 },
      completion_tokens_details: { reasoning_tokens: 3 },
    };
    const usage = { prompt_tokens: 20, completion_tokens: 5, total_tokens: 25, ...details };
    const { message, dropped } = answer(completion({ content: 'Lit.' }, {}, { usage }));
    expect(message).toEqual({
      id: 'msg_01Test',
      type: 'message',
      role: 'assistant',
      model: 'gpt-x',
      content: [{ type: 'text', text: 'Lit.' }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: {
        input_tokens: 8,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 12,
        output_tokens: 5,
        output_tokens_details: { thinking_tokens: 3 },
      },
    });
    expect(dropped).toEqual([]);
  });

  it('keeps text, thinking and calls in the order of a message', () => {
    const { message } = answer(
      completion(
        { ...toolCall('{"where":"north"}'), content: 'I look.', reasoning_content: 'North first.' },
        { finish_reason: 'tool_calls' },
      ),
    );
    expect(message.content).toEqual([
      { type: 'thinking', thinking: 'North first.', signature: '' },
      { type: 'text', text: 'I look.' },
      { type: 'tool_use', id: 'call_1', name: 'look', input: { where: 'north' } },
    ]);
    expect(message.stop_reason).toBe('tool_use');
  });

  it.each([
    ['a field of its own', { content: 'Lit.', reasoning: 'Hm.' }],
    ['the field of DeepSeek', { content: 'Lit.', reasoning_content: 'Hm.', reasoning: 'Hm.' }],
    ['the field of a gateway', { content: 'Lit.', reasoning_text: 'Hm.' }],
    ['details only', { content: 'Lit.', reasoning_details: [{ type: 'reasoning.summary', summary: 'Hm.' }] }],
    [
      'parts of the content',
      {
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'Hm.' }] },
          { type: 'text', text: 'Lit.' },
        ],
      },
    ],
  ])('shows the reasoning once, wherever it stands: %s', (_, message) => {
    expect(answer(completion(message)).message.content).toEqual([
      { type: 'thinking', thinking: 'Hm.', signature: '' },
      { type: 'text', text: 'Lit.' },
    ]);
  });

  it('hides reasoning from a client that asked for none, and says so', () => {
    const { message, dropped } = answer(completion({ content: 'Lit.', reasoning: 'Hm.' }), {
      ...context,
      showsThinking: false,
    });
    expect(message.content).toEqual([{ type: 'text', text: 'Lit.' }]);
    expect(dropped).toEqual(['reasoning of the model: the client asked for none']);
  });

  it('that refuses has the words of the refusal and the stop reason for it', () => {
    expect(answer(completion({ content: null, refusal: 'I will not.' })).message).toMatchObject({
      content: [{ type: 'text', text: 'I will not.' }],
      stop_reason: 'refusal',
      stop_details: { type: 'refusal', explanation: 'I will not.' },
    });
  });

  it.each([
    ['a JSON object', '{"where":"north"}', { where: 'north' }],
    ['an object that is no text', { where: 'north' }, { where: 'north' }],
    ['nothing', '', {}],
    ['null', null, {}],
    ['the word null', 'null', {}],
    ['JSON in a string', JSON.stringify('{"where":"north"}'), { where: 'north' }],
    ['no JSON', '{"where": north', { _raw: '{"where": north' }],
    ['a list', '["north"]', { _raw: '["north"]' }],
  ])('has calls with an object as input, even when the arguments are %s', (_, args, input) => {
    expect(answer(completion(toolCall(args))).message).toMatchObject({
      content: [{ type: 'tool_use', input }],
      stop_reason: 'tool_use',
    });
  });

  it('keeps every digit of long numbers in an input', () => {
    const body = JSON.stringify(completion(toolCall('{"id":12345678901234567890}')));
    const translated = openAiToAnthropicAnswer(Buffer.from(body), context);
    if (translated.kind === 'unreadable') throw new Error(translated.sentence);
    expect(Buffer.from(translated.body).toString()).toContain('"input":{"id":12345678901234567890}');
  });

  it('may use the older function_call', () => {
    const message = { content: null, function_call: { name: 'look', arguments: '{"where":"north"}' } };
    expect(answer(completion(message, { finish_reason: 'function_call' })).message).toMatchObject({
      content: [{ type: 'tool_use', id: 'toolu_01Test_0', name: 'look', input: { where: 'north' } }],
      stop_reason: 'tool_use',
    });
  });

  it('gives shortened names of tools back as the client knows them', () => {
    const toolNames = new Map([['look_1', 'look at the lamp']]);
    const { message } = answer(completion(toolCall('{}', 'look_1')), { ...context, toolNames });
    expect(message.content[0].name).toBe('look at the lamp');
  });

  it('without usage is estimated, and said to be', () => {
    const { message, dropped } = answer(completion({ content: 'a'.repeat(35) }, {}, { usage: null }));
    expect(message.usage).toMatchObject({ input_tokens: 123, output_tokens: 10 });
    expect(dropped).toEqual(['usage: the provider reported none, the counts are estimates']);
  });

  it('lists the signatures of calls, which the client cannot give back', () => {
    const [call] = toolCall('{}').tool_calls;
    const signed = { ...call, extra_content: { google: { thought_signature: 'CpQB' } } };
    expect(answer(completion({ content: null, tool_calls: [signed] })).dropped).toEqual([
      'the signature of a call, which only its provider can read',
    ]);
  });

  it('lists further choices and what it cannot carry', () => {
    const value = completion({ content: 'Lit.', annotations: [{ type: 'url_citation' }] }) as {
      choices: unknown[];
    };
    value.choices.push(value.choices[0]);
    expect(answer(value).dropped).toEqual([
      'further choices of the answer: 1 left out',
      '"annotations" of the answer',
    ]);
  });

  it('says the same as its stream', () => {
    const message = { content: 'I look.', reasoning: 'Hm.', tool_calls: toolCall('{"a":1}').tool_calls };
    const whole = answer(completion(message, { finish_reason: 'tool_calls' })).message;
    const stream = new OpenAiToAnthropicStream(context);
    const body = Buffer.from(JSON.stringify(completion(message, { finish_reason: 'tool_calls' })));
    const events = Buffer.concat([stream.feed(body), stream.end()]).toString();
    for (const piece of ['"I look."', '"Hm."', '"call_1"', '"tool_use"']) expect(events).toContain(piece);
    expect(events).toContain(JSON.stringify(whole.usage));
  });
});

describe('an answer that is none', () => {
  it.each([
    ['no JSON', '<html>502</html>'],
    ['an empty text', ''],
    ['a number', '7'],
    ['no choices', '{"id":"x"}'],
    ['an empty list of choices', '{"choices":[]}'],
  ])('is unreadable with a sentence: %s', (_, body) => {
    expect(unreadable(body).sentence).toMatch(/^The answer of the provider .*\.$/);
  });

  it('but an error with status 200 becomes an error that the client can read', () => {
    const { error } = unreadable('{"error":{"code":429,"message":"Rate limit exceeded: free tier"}}');
    expect(error?.status).toBe(429);
    expect(JSON.parse(Buffer.from(error!.body).toString())).toMatchObject({
      type: 'error',
      error: { type: 'rate_limit_error', message: 'Rate limit exceeded: free tier' },
    });
  });

  it('but a failure in the reason to end is an error as well', () => {
    expect(
      unreadable(JSON.stringify(completion({ content: '' }, { finish_reason: 'error' }))).error?.status,
    ).toBe(502);
  });
});
