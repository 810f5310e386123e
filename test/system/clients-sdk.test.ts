import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnswerScript, both, type Pair, sseEvent, startPair, waitFor } from '#test-support';

// What the official SDKs do directly at a provider, they do through core: the same result for the program that
// uses them, and the same bytes for the provider.
let pair: Pair;
beforeAll(async () => {
  pair = await startPair();
});
afterAll(() => pair?.close());

const ask = {
  model: 'claude-fake',
  max_tokens: 64,
  messages: [{ role: 'user' as const, content: 'hello größe ✓' }],
};
const tools = [
  { name: 'Bash', description: 'Runs a command', input_schema: { type: 'object' as const, properties: {} } },
];

async function same<T>(
  run: (baseUrl: string) => Promise<T>,
  answers: readonly AnswerScript[] = [],
): Promise<T> {
  const { direct, through } = await both(pair, answers, run);
  expect(through.result).toEqual(direct.result);
  expect(through.requests).toEqual(direct.requests);
  expect(through.requests.length).toBeGreaterThan(0);
  return through.result;
}

const anthropic = (baseURL: string, options: ConstructorParameters<typeof Anthropic>[0] = {}): Anthropic =>
  new Anthropic({ apiKey: 'sk-ant-test', baseURL, maxRetries: 0, ...options });
const openai = (origin: string): OpenAI =>
  new OpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1`, maxRetries: 0 });

async function eventsOf(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const events: unknown[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

describe('the Anthropic SDK through core', () => {
  it('gets a whole message', async () => {
    const message = await same(async (url) => anthropic(url).messages.create(ask));
    expect(message.usage.cache_read_input_tokens).toBeDefined();
  });

  it('gets every event of a stream', async () => {
    const events = await same(async (url) =>
      eventsOf(await anthropic(url).messages.create({ ...ask, tools, stream: true })),
    );
    expect(events.length).toBeGreaterThan(10);
  });

  it('assembles a streamed message with thinking, text and a tool call', async () => {
    const message = await same(async (url) =>
      anthropic(url)
        .messages.stream({ ...ask, tools })
        .finalMessage(),
    );
    expect(message.content.map((block) => block.type)).toEqual(['thinking', 'text', 'tool_use']);
    expect(message.stop_reason).toBe('tool_use');
  });

  it('may send system as a string or as blocks', async () => {
    await same(async (url) => anthropic(url).messages.create({ ...ask, system: 'Be brief.' }));
    await same(async (url) =>
      anthropic(url).messages.create({
        ...ask,
        system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
      }),
    );
  });

  it('may use a bearer token, with OAuth betas', async () => {
    const run = async (url: string): Promise<unknown> =>
      anthropic(url, { apiKey: null, authToken: 'sk-ant-oat-test' }).beta.messages.create({
        ...ask,
        betas: ['oauth-2025-04-20'],
      });
    await same(run);
    expect(pair.provider.requests[0]?.header('authorization')).toBe('Bearer sk-ant-oat-test');
    expect(pair.provider.requests[0]?.header('anthropic-beta')).toContain('oauth-2025-04-20');
  });

  it('counts tokens, lists models, and reaches batches and files', async () => {
    await same(async (url) =>
      anthropic(url).messages.countTokens({ model: ask.model, messages: ask.messages }),
    );
    await same(async (url) => (await anthropic(url).models.list()).data);
    await same(async (url) => anthropic(url).messages.batches.retrieve('msgbatch_1'));
    await same(async (url) => anthropic(url).beta.files.retrieveMetadata('file_1'));
    expect(pair.provider.requests[0]?.target).toMatch(/^\/v1\/files\/file_1/);
  });

  it.each([
    [400, 'invalid_request_error'],
    [401, 'authentication_error'],
    [403, 'permission_error'],
    [404, 'not_found_error'],
    [413, 'request_too_large'],
    [429, 'rate_limit_error'],
    [500, 'api_error'],
    [529, 'overloaded_error'],
  ])('throws the same error for %i', async (status, type) => {
    const body = JSON.stringify({ type: 'error', error: { type, message: `No luck: ${type}` } });
    const answer: AnswerScript = {
      status,
      headers: [
        ['content-type', 'application/json'],
        ['request-id', 'req_1'],
        ['retry-after', '7'],
      ],
      body: [body],
    };
    const error = await same(
      async (url) => {
        const thrown: unknown = await anthropic(url)
          .messages.create(ask)
          .catch((cause: unknown) => cause);
        if (!(thrown instanceof Anthropic.APIError))
          throw new Error('expected an APIError', { cause: thrown });
        return {
          class: thrown.constructor.name,
          status: thrown.status as number,
          message: thrown.message,
          requestId: thrown.requestID,
          retryAfter: (thrown.headers as Headers).get('retry-after'),
        };
      },
      [answer],
    );
    expect(error).toMatchObject({ status, requestId: 'req_1', retryAfter: '7' });
  });

  it('retries as it would directly, each try being a request of its own', async () => {
    const failing: AnswerScript = { status: 503, headers: [['retry-after-ms', '1']], body: ['{}'] };
    await same(async (url) => anthropic(url, { maxRetries: 2 }).messages.create(ask), [failing, failing]);
    expect(pair.provider.requests.map((request) => request.header('x-stainless-retry-count'))).toEqual([
      '0',
      '1',
      '2',
    ]);
  });

  it('hears an error in mid-stream', async () => {
    const answer: AnswerScript = {
      headers: [['content-type', 'text/event-stream']],
      framing: 'chunked',
      body: [
        'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
      ],
    };
    const message = await same(
      async (url) => {
        const stream = await anthropic(url).messages.create({ ...ask, stream: true });
        return eventsOf(stream).then(String, String);
      },
      [answer],
    );
    expect(message).toContain('Overloaded');
  });

  it('is told that a stream broke, never that it ended', async () => {
    const start =
      'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}}\n\n';
    const answer: AnswerScript = {
      headers: [['content-type', 'text/event-stream']],
      framing: 'chunked',
      body: [start],
      ending: 'reset',
    };
    const { direct, through } = await both(pair, [answer], async (url) =>
      anthropic(url)
        .messages.stream(ask)
        .finalMessage()
        .then(
          () => 'ended',
          () => 'broke',
        ),
    );
    expect([direct.result, through.result]).toEqual(['broke', 'broke']);
  });
});

describe('leaving early', () => {
  it.each(['abort', 'break'] as const)(
    '%s in the middle of a stream ends the request at the provider',
    async (how) => {
      pair.provider.forget();
      pair.provider.respondOnceWith({
        headers: [['content-type', 'text/event-stream']],
        framing: 'chunked',
        body: [sseEvent('message_start', { message: { id: 'msg_1', usage: {} } })],
        ending: 'stall',
      });
      const stream = await anthropic(pair.core.url).messages.create({ ...ask, stream: true });
      for await (const _event of stream) {
        if (how === 'break') break;
        stream.controller.abort();
      }
      const request = await pair.provider.request(0);
      expect((await waitFor(() => request.closed, { what: 'the end upstream' })).reason).not.toBe('local');
    },
  );
});

describe('the OpenAI SDK through core', () => {
  it('gets a chat completion, whole and streamed', async () => {
    const chat = { model: 'gpt-fake', messages: ask.messages };
    await same(async (url) => openai(url).chat.completions.create(chat));
    const chunks = await same(async (url) =>
      eventsOf(await openai(url).chat.completions.create({ ...chat, stream: true })),
    );
    expect(chunks.length).toBeGreaterThan(3);
  });

  it('gets a response, whole and streamed', async () => {
    await same(async (url) => openai(url).responses.create({ model: 'gpt-fake', input: 'hello' }));
    const events = await same(async (url) =>
      eventsOf(await openai(url).responses.create({ model: 'gpt-fake', input: 'hello', stream: true })),
    );
    expect(events.at(-1)).toMatchObject({ type: 'response.completed' });
  });

  it('lists models', async () => {
    const models = await same(async (url) => (await openai(url).models.list()).data);
    expect(models).toHaveLength(2);
  });

  it('is told that a stream broke, because it takes a clean end for success', async () => {
    const answer: AnswerScript = {
      headers: [['content-type', 'text/event-stream']],
      framing: 'chunked',
      body: ['data: {"choices":[{"index":0,"delta":{"content":"half"}}]}\n\n'],
      ending: 'fin',
    };
    const { direct, through } = await both(pair, [answer], async (url) => {
      const stream = await openai(url).chat.completions.create({
        model: 'gpt-fake',
        messages: ask.messages,
        stream: true,
      });
      return eventsOf(stream).then(
        () => 'ended',
        () => 'broke',
      );
    });
    expect([direct.result, through.result]).toEqual(['broke', 'broke']);
  });
});
