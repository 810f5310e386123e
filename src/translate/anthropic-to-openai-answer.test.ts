import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { type AnswerContext, anthropicToOpenAiAnswer, anthropicToOpenAiError } from './index.ts';
import { streamContext } from './testing/provider-streams.ts';

const context: AnswerContext = {
  ...streamContext,
  clientFormat: 'openai',
  messageId: 'chatcmpl-1',
  createdS: 7,
};
const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-x',
  content: [
    { type: 'thinking', thinking: 'Hm.', signature: 's' },
    { type: 'text', text: 'Two ' },
    { type: 'text', text: 'lamps.' },
    { type: 'tool_use', id: 'toolu_1', name: 'look', input: { where: 'north' } },
  ],
  stop_reason: 'tool_use',
  stop_sequence: null,
  usage: { input_tokens: 12, output_tokens: 8, cache_read_input_tokens: 100 },
};

function translate(value: unknown, more: Partial<AnswerContext> = {}) {
  return anthropicToOpenAiAnswer(Buffer.from(JSON.stringify(value)), { ...context, ...more });
}

function clientOf(status: number, body: Uint8Array): OpenAI {
  const answer = () =>
    new Response(Buffer.from(body), { status, headers: { 'content-type': 'application/json' } });
  return new OpenAI({
    apiKey: 'none',
    baseURL: 'http://127.0.0.1:9',
    maxRetries: 0,
    fetch: async () => answer(),
  });
}
const request = { model: 'gpt-asked', messages: [{ role: 'user' as const, content: 'Look.' }] };

describe('a message, said as a chat completion', () => {
  it('is what the official client of OpenAI reads', async () => {
    const answer = translate(message);
    if (answer.kind === 'unreadable') throw new Error(answer.sentence);
    expect(await clientOf(200, answer.body).chat.completions.create(request)).toEqual({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 7,
      model: 'claude-x',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: 'Two lamps.',
            refusal: null,
            reasoning_content: 'Hm.',
            tool_calls: [
              { id: 'toolu_1', type: 'function', function: { name: 'look', arguments: '{"where":"north"}' } },
            ],
          },
          logprobs: null,
          finish_reason: 'tool_calls',
        },
      ],
      usage: {
        prompt_tokens: 112,
        completion_tokens: 8,
        total_tokens: 120,
        prompt_tokens_details: { cached_tokens: 100 },
      },
    });
  });

  it('says what it could not carry', () => {
    const content = [
      { type: 'server_tool_use' },
      { type: 'redacted_thinking' },
      { type: 'text', text: 'a', citations: [{}] },
    ];
    expect(translate({ ...message, content, stop_reason: 'pause_turn' })).toMatchObject({
      dropped: [
        expect.stringContaining('server_tool_use'),
        expect.stringContaining('redacted'),
        expect.stringContaining('citations'),
        expect.stringContaining('pause_turn'),
      ],
    });
    expect(translate(message, { showsThinking: false })).toMatchObject({
      dropped: [expect.stringContaining('reasoning')],
    });
  });

  it('is unreadable when it is no message, and an error when it is one', () => {
    expect(translate([])).toMatchObject({ kind: 'unreadable' });
    expect(translate({ type: 'message' })).toMatchObject({ kind: 'unreadable' });
    const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
    expect(translate(error)).toMatchObject({ kind: 'unreadable', error: { status: 503 } });
  });
});

describe('an error of a provider of the Messages API, said to a client of OpenAI', () => {
  it.each([
    [400, 'invalid_request_error', 'bad field', 400, null, OpenAI.BadRequestError],
    [
      400,
      'invalid_request_error',
      'prompt is too long: 9 tokens > 8 maximum',
      400,
      'context_length_exceeded',
      OpenAI.BadRequestError,
    ],
    [401, 'authentication_error', 'invalid x-api-key', 401, 'invalid_api_key', OpenAI.AuthenticationError],
    [403, 'permission_error', 'no', 403, 'permission_denied', OpenAI.PermissionDeniedError],
    [404, 'not_found_error', 'model: x', 404, 'not_found', OpenAI.NotFoundError],
    [413, 'request_too_large', 'too large', 413, 'request_too_large', OpenAI.APIError],
    [429, 'rate_limit_error', 'slow down', 429, 'rate_limit_exceeded', OpenAI.RateLimitError],
    [402, 'billing_error', 'pay', 402, 'insufficient_quota', OpenAI.APIError],
    [500, 'api_error', 'oops', 500, null, OpenAI.InternalServerError],
    [529, 'overloaded_error', 'Overloaded', 503, 'overloaded', OpenAI.InternalServerError],
  ])('P6: of status %i, %s: %s', async (status, type, words, answered, code, thrown) => {
    const body = Buffer.from(JSON.stringify({ type: 'error', error: { type, message: words } }));
    const said = anthropicToOpenAiError(status, body, ['request-id', 'req_1']);
    expect(said.status).toBe(answered);
    const error = await clientOf(said.status, said.body)
      .chat.completions.create(request)
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(thrown);
    expect(error).toMatchObject({
      code,
      error: { message: words, provider: { type, status, request_id: 'req_1' } },
    });
  });

  it('has words also where the provider has none', () => {
    const { body } = anthropicToOpenAiError(502, Buffer.from('<title>Bad gateway</title>'));
    expect(JSON.parse(Buffer.from(body).toString()).error.message).toBe('Bad gateway');
  });
});
