import { describe, expect, it } from 'vitest';
import type { AnswerStreamReader } from '../answer-facts.ts';
import { createSseReader } from '../sse.ts';
import { understandChatCompletion } from './chat-completion.ts';
import { createChatStreamReader } from './chat-stream.ts';
import { understandOpenaiRequest } from './request.ts';
import { understandResponse } from './response.ts';
import { createResponseStreamReader } from './response-stream.ts';

function readAll(reader: AnswerStreamReader, values: readonly (object | string)[], named = false) {
  const text = values.map((value) => {
    const data = typeof value === 'string' ? value : JSON.stringify(value);
    const name = named && typeof value === 'object' ? `event: ${(value as { type?: string }).type}\n` : '';
    return `${name}data: ${data}\n\n`;
  });
  for (const event of createSseReader().feed(Buffer.from(text.join('')))) reader.feed(event);
  return reader.finish();
}

const chunk = (delta: object, more: object = {}) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'gpt-x',
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
  usage: null,
});

describe('the usage of a chat completion', () => {
  const usageOf = (usage: object) =>
    understandChatCompletion(JSON.stringify({ object: 'chat.completion', choices: [], usage })).usage;

  it('names cached tokens wherever the provider does', () => {
    const counts = { prompt_tokens: 100, completion_tokens: 9, total_tokens: 109 };
    const expected = { inputTokens: 40, cacheReadTokens: 60, outputTokens: 9 };
    expect(usageOf({ ...counts, prompt_tokens_details: { cached_tokens: 60 } })).toEqual(expected);
    expect(usageOf({ ...counts, prompt_cache_hit_tokens: 60, prompt_cache_miss_tokens: 40 })).toEqual(
      expected,
    );
    expect(usageOf({ ...counts, cached_tokens: 60 })).toEqual(expected);
  });

  it('counts tokens that went to a cache apart', () => {
    const details = { cached_tokens: 10, cache_write_tokens: 50 };
    const usage = { prompt_tokens: 100, completion_tokens: 9, prompt_tokens_details: details };
    expect(usageOf(usage)).toEqual({
      inputTokens: 40,
      cacheReadTokens: 10,
      cacheWriteTokens: 50,
      outputTokens: 9,
    });
  });

  it('has reasoning in the output, also where the provider has it in the total only', () => {
    const details = { completion_tokens_details: { reasoning_tokens: 30 } };
    const inside = { prompt_tokens: 100, completion_tokens: 39, total_tokens: 139, ...details };
    const beside = { prompt_tokens: 100, completion_tokens: 9, total_tokens: 139, ...details };
    for (const usage of [inside, beside]) {
      expect(usageOf(usage)).toEqual({ inputTokens: 100, outputTokens: 39, thinkingTokens: 30 });
    }
  });
});

describe('a streamed chat completion', () => {
  it('is put together with text, tool calls in fragments and the usage of its last chunk', () => {
    const facts = readAll(createChatStreamReader(), [
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'The lamp ' }),
      chunk({ content: 'is lit.' }),
      chunk({
        tool_calls: [{ index: 0, id: 'c0', type: 'function', function: { name: 'look', arguments: '' } }],
      }),
      chunk({
        tool_calls: [{ index: 1, id: 'c1', type: 'function', function: { name: 'rest', arguments: '{}' } }],
      }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"where":' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '"north"}' } }] }),
      chunk({}, { finish_reason: 'tool_calls' }),
      {
        id: 'chatcmpl-1',
        model: 'gpt-x',
        choices: [],
        usage: {
          prompt_tokens: 111,
          completion_tokens: 22,
          prompt_tokens_details: { cached_tokens: 64 },
          completion_tokens_details: { reasoning_tokens: 5 },
        },
      },
      '[DONE]',
    ]);
    expect(facts).toMatchObject({
      answeredModel: 'gpt-x',
      messageId: 'chatcmpl-1',
      stopReason: 'tool_calls',
      isTerminated: true,
      toolsCalled: ['look', 'rest'],
      usage: { inputTokens: 47, outputTokens: 22, cacheReadTokens: 64, thinkingTokens: 5 },
    });
    expect(facts.assembledMessage).toMatchObject({
      object: 'chat.completion',
      choices: [
        {
          index: 0,
          finish_reason: 'tool_calls',
          message: {
            role: 'assistant',
            content: 'The lamp is lit.',
            tool_calls: [
              { id: 'c0', type: 'function', function: { name: 'look', arguments: '{"where":"north"}' } },
              { id: 'c1', function: { name: 'rest', arguments: '{}' } },
            ],
          },
        },
      ],
    });
  });

  it('is not over without [DONE]', () => {
    expect(readAll(createChatStreamReader(), [chunk({ content: 'x' })]).isTerminated).toBe(false);
  });

  it('tells an error that comes as a chunk', () => {
    const facts = readAll(createChatStreamReader(), [
      { error: { message: 'No quota', type: 'insufficient_quota' } },
    ]);
    expect(facts).toMatchObject({ errorType: 'insufficient_quota', errorMessage: 'No quota' });
  });

  it('names the first chunk with content, not the one with the role', () => {
    const head = `data: ${JSON.stringify(chunk({ role: 'assistant', content: '' }))}\n\n`;
    const first = `data: ${JSON.stringify(chunk({ content: 'x' }))}\n\n`;
    const reader = createChatStreamReader();
    for (const event of createSseReader().feed(Buffer.from(head + first))) reader.feed(event);
    expect(reader.finish().firstTokenOffset).toBe(head.length + first.length);
  });
});

describe('a chat completion in one piece', () => {
  it('tells the same facts', () => {
    const body = JSON.stringify({
      id: 'chatcmpl-2',
      model: 'gpt-x',
      choices: [{ index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 5, completion_tokens: 2 },
      service_tier: 'default',
    });
    expect(understandChatCompletion(body)).toMatchObject({
      messageId: 'chatcmpl-2',
      stopReason: 'stop',
      isTerminated: true,
      usage: { inputTokens: 5, outputTokens: 2, serviceTier: 'default' },
    });
  });

  it('tells its error', () => {
    const body =
      '{"error":{"message":"No such model","type":"invalid_request_error","code":"model_not_found"}}';
    expect(understandChatCompletion(body)).toMatchObject({
      errorType: 'invalid_request_error',
      errorMessage: 'No such model',
    });
  });
});

const response = {
  id: 'resp_1',
  object: 'response',
  model: 'gpt-y',
  status: 'in_progress',
  output: [],
};
const output = [
  {
    id: 'm',
    type: 'message',
    role: 'assistant',
    content: [{ type: 'output_text', text: 'Lit.', annotations: [] }],
  },
  { id: 'f', type: 'function_call', call_id: 'c', name: 'look', arguments: '{}' },
];
const usage = {
  input_tokens: 111,
  input_tokens_details: { cached_tokens: 64 },
  output_tokens: 22,
  output_tokens_details: { reasoning_tokens: 5 },
};

describe('a stream of the Responses API', () => {
  const events = [
    { type: 'response.created', response },
    { type: 'response.output_item.added', output_index: 0, item: { ...output[0], content: [] } },
    { type: 'response.output_text.delta', output_index: 0, delta: 'Li' },
    { type: 'response.output_text.delta', output_index: 0, delta: 't.' },
    { type: 'response.output_item.done', output_index: 0, item: output[0] },
    { type: 'response.output_item.done', output_index: 1, item: output[1] },
    { type: 'response.completed', response: { ...response, status: 'completed', output, usage } },
  ];

  it('ends with response.completed, which carries everything', () => {
    expect(readAll(createResponseStreamReader(), events, true)).toMatchObject({
      answeredModel: 'gpt-y',
      messageId: 'resp_1',
      stopReason: 'completed',
      isTerminated: true,
      toolsCalled: ['look'],
      usage: { inputTokens: 47, outputTokens: 22, cacheReadTokens: 64, thinkingTokens: 5 },
      assembledMessage: { output },
    });
  });

  it('is put together as far as it went when it breaks off', () => {
    const facts = readAll(createResponseStreamReader(), events.slice(0, 3), true);
    expect(facts.isTerminated).toBe(false);
    expect(facts.assembledMessage).toMatchObject({
      id: 'resp_1',
      output: [{ id: 'm', content: [{ type: 'output_text', text: 'Li' }] }],
    });
  });

  it('tells why a response failed or stopped early', () => {
    const failed = { ...response, status: 'failed', error: { code: 'server_error', message: 'Oh' } };
    expect(
      readAll(createResponseStreamReader(), [{ type: 'response.failed', response: failed }]),
    ).toMatchObject({
      isTerminated: true,
      errorType: 'server_error',
      errorMessage: 'Oh',
    });
    const cut = { ...response, status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } };
    expect(
      readAll(createResponseStreamReader(), [{ type: 'response.incomplete', response: cut }]),
    ).toMatchObject({
      isTerminated: true,
      stopReason: 'max_output_tokens',
    });
    const error = { type: 'error', code: 'rate_limit_exceeded', message: 'Slow' };
    expect(readAll(createResponseStreamReader(), [error])).toMatchObject({
      errorType: 'rate_limit_exceeded',
    });
  });

  it('in one piece tells the same facts', () => {
    const body = JSON.stringify({ ...response, status: 'completed', error: null, output, usage });
    expect(understandResponse(body)).toMatchObject({
      messageId: 'resp_1',
      toolsCalled: ['look'],
      usage: { inputTokens: 47, outputTokens: 22, cacheReadTokens: 64, thinkingTokens: 5 },
    });
  });
});

describe('an OpenAI request', () => {
  it('tells model, stream, tools and session of either API', () => {
    const chat = {
      model: 'gpt-x',
      stream: true,
      messages: [{ role: 'user', content: 'hi' }],
      tools: [{ type: 'function', function: { name: 'look' } }],
    };
    expect(understandOpenaiRequest(Buffer.from(JSON.stringify(chat)))).toMatchObject({
      askedModel: 'gpt-x',
      isStreaming: true,
      toolsDeclared: ['look'],
      messageCount: 1,
    });
    const responses = {
      model: 'gpt-y',
      input: [{ role: 'user' }, { role: 'user' }],
      instructions: 'i',
      tools: [{ type: 'function', name: 'rest' }, { type: 'web_search' }],
      prompt_cache_key: 'thread-1',
    };
    expect(understandOpenaiRequest(Buffer.from(JSON.stringify(responses)))).toMatchObject({
      askedModel: 'gpt-y',
      toolsDeclared: ['rest', 'web_search'],
      messageCount: 2,
      systemCount: 1,
      sessionId: 'thread-1',
    });
  });
});
