import { describe, expect, it } from 'vitest';
import { openAiToAnthropicError } from './index.ts';

function translate(status: number, body: unknown, headers: readonly string[] = []) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = openAiToAnthropicError(status, Buffer.from(text), headers);
  const value = JSON.parse(Buffer.from(answer.body).toString());
  expect(value.type).toBe('error');
  return { ...answer, error: value.error };
}

describe('an error of a provider', () => {
  it.each([
    [400, 400, 'invalid_request_error'],
    [401, 401, 'authentication_error'],
    [402, 402, 'billing_error'],
    [403, 403, 'permission_error'],
    [404, 404, 'not_found_error'],
    [405, 400, 'invalid_request_error'],
    [408, 408, 'timeout_error'],
    [409, 409, 'conflict_error'],
    [413, 413, 'request_too_large'],
    [422, 400, 'invalid_request_error'],
    [429, 429, 'rate_limit_error'],
    [498, 529, 'overloaded_error'],
    [500, 500, 'api_error'],
    [502, 502, 'api_error'],
    [503, 529, 'overloaded_error'],
    [504, 504, 'timeout_error'],
    [520, 502, 'api_error'],
    [529, 529, 'overloaded_error'],
  ])('P6: of status %i is answered with %i and the type %s', (status, answered, type) => {
    const { status: given, error } = translate(status, { error: { message: 'Something', type: 'x' } });
    expect([given, error.type, error.message]).toEqual([answered, type, 'Something']);
    expect(error.provider).toMatchObject({ status, type: 'x' });
  });

  it('P6: about a quota that no waiting refills is not one to try again', () => {
    const body = {
      error: { message: 'You exceeded your quota', type: 'insufficient_quota', code: 'insufficient_quota' },
    };
    expect(translate(429, body)).toMatchObject({ status: 402, error: { type: 'billing_error' } });
  });

  it.each([
    [
      'OpenAI',
      { error: { message: 'No such model', type: 'invalid_request_error', param: 'model', code: null } },
      'No such model',
    ],
    [
      'Gemini',
      [{ error: { code: 404, message: 'models/x is not found', status: 'NOT_FOUND' } }],
      'models/x is not found',
    ],
    ['Ollama', { error: 'model "x" not found' }, 'model "x" not found'],
    ['an empty error beside it', { error: '', message: 'model "x" not found' }, 'model "x" not found'],
    [
      'vLLM',
      { object: 'error', message: 'The model `x` does not exist.', type: 'NotFoundError', code: 404 },
      'The model `x` does not exist.',
    ],
    [
      'Mistral',
      {
        object: 'error',
        message: { detail: [{ loc: ['body', 'n'], msg: 'Extra inputs are not permitted' }] },
      },
      'body.n: Extra inputs are not permitted',
    ],
    [
      'FastAPI',
      { detail: [{ type: 'missing', loc: ['body', 'model'], msg: 'Field required' }] },
      'body.model: Field required',
    ],
    ['FastAPI in short', { detail: 'Not Found' }, 'Not Found'],
    [
      'OpenRouter',
      {
        error: {
          message: 'Provider returned error',
          code: 404,
          metadata: { raw: 'no route', provider_name: 'Z' },
        },
      },
      'Provider returned error: no route',
    ],
    [
      'a gateway with a page',
      '<html><head><title>404 Not\nFound</title></head><body>nginx</body></html>',
      '404 Not Found',
    ],
    ['a gateway with a text', 'no healthy upstream\n', 'no healthy upstream'],
    ['nobody', '', 'The provider gave no reason.'],
  ])('keeps the words of %s', (_, body, message) => {
    expect(translate(404, body).error).toMatchObject({ type: 'not_found_error', message });
  });

  it.each([
    [
      'OpenAI',
      {
        message:
          "This model's maximum context length is 128000 tokens. However, your messages resulted in 130512 tokens.",
        code: 'context_length_exceeded',
      },
      'prompt is too long: 130512 tokens > 128000 maximum. ',
    ],
    [
      'vLLM',
      {
        message:
          "This model's maximum context length is 32768 tokens. However, you requested 40960 tokens (8768 in the messages, 32192 in the completion).",
      },
      'input length and `max_tokens` exceed context limit: 8768 + 32192 > 32768, decrease input length or `max_tokens` and try again. ',
    ],
    [
      'Gemini',
      { message: 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).' },
      'prompt is too long: 1200000 tokens > 1048576 maximum. ',
    ],
    ['a short one', { message: 'Input is too long for the model' }, 'prompt is too long. '],
  ])(
    'about a conversation that does not fit is said in the words clients act on: %s',
    (_, error, beginning) => {
      const found = translate(400, { error });
      expect(found).toMatchObject({ status: 400, error: { type: 'invalid_request_error' } });
      expect(found.error.message.startsWith(beginning)).toBe(true);
      expect(found.error.message).toContain(error.message);
      expect(found.error.provider.message).toBe(error.message);
    },
  );

  it('keeps the id of the request', () => {
    const { error } = translate(500, {}, ['Content-Type', 'application/json', 'X-Request-Id', 'req_7']);
    expect(error.provider.request_id).toBe('req_7');
  });

  it.each([
    ['in milliseconds', {}, ['retry-after-ms', '1500'], 2],
    [
      'in the details of Google',
      [{ error: { code: 429, message: 'Quota', details: [{ retryDelay: '34.07s' }] } }],
      [],
      35,
    ],
    ['in its sentence', { error: { message: 'Rate limit reached. Please try again in 6m0.5s.' } }, [], 361],
    [
      'where clients look for it themselves',
      { error: { message: 'try again in 5s' } },
      ['Retry-After', '9'],
      undefined,
    ],
    ['never', { error: { message: 'Slow down' } }, [], undefined],
  ])('tells how long to wait when the provider says it %s', (_, body, headers, seconds) => {
    expect(translate(429, body, headers).retryAfterSeconds).toBe(seconds);
  });
});
