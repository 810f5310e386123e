import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  askOnce,
  type CoreAlone,
  type FakeProvider,
  readExchanges,
  startCoreAlone,
  startFakeProvider,
  waitFor,
} from '#test-support';

let provider: FakeProvider;
let core: CoreAlone;
let client: OpenAI;

beforeAll(async () => {
  provider = await startFakeProvider();
  core = await startCoreAlone({
    providerOrigin: provider.origin,
    provider: { name: 'claude', format: 'anthropic', apiKey: 'key-of-claude', basePath: '/api' },
    config: {
      defaultProvider: 'claude',
      routes: [
        {
          name: 'rule 1',
          when: { model: ['gpt-*'] },
          to: { provider: 'claude', model: 'claude-sonnet-4-5' },
        },
      ],
    },
  });
  client = new OpenAI({ apiKey: 'sk-planted', baseURL: `${core.url}/v1`, maxRetries: 0 });
});
afterAll(async () => {
  await core.stop();
  await provider.close();
});
afterEach(() => provider.forget());

const asked = {
  model: 'gpt-asked',
  user: 'Ada',
  messages: [
    { role: 'system' as const, content: 'Be kind.' },
    { role: 'user' as const, content: 'Light the lamp.' },
  ],
  tools: [
    {
      type: 'function' as const,
      function: { name: 'lamp', description: 'A lamp', parameters: { type: 'object', properties: {} } },
    },
  ],
};
const call = (id: string, input: object) => ({ type: 'tool_use', id, name: 'lamp', input });
const event = (type: string, fields: object = {}) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const start = event('message_start', { message: { model: 'claude-x', usage: { input_tokens: 5 } } });
const callEvents = (index: number, ...pieces: string[]) =>
  event('content_block_start', { index, content_block: call(`toolu_${index}`, {}) }) +
  pieces
    .map((partial_json) =>
      event('content_block_delta', { index, delta: { type: 'input_json_delta', partial_json } }),
    )
    .join('') +
  event('content_block_stop', { index });
const text = (said: string) =>
  event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }) +
  event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: said } });
const end = (stop_reason: string) =>
  event('message_delta', { delta: { stop_reason }, usage: { output_tokens: 3 } }) + event('message_stop');
const eventStream: [string, string][] = [['content-type', 'text/event-stream']];
const lastExchange = async () => (await readExchanges(core.journalDirectory)).at(-1)!;
const stream = () =>
  client.chat.completions.stream({ ...asked, stream: true, stream_options: { include_usage: true } });

describe('a client of OpenAI at a provider of the Messages API', () => {
  it('gets a whole answer with parallel calls, and the record says what could not be carried', async () => {
    provider.respondOnceWith({
      body: [
        JSON.stringify({
          id: 'msg_1',
          type: 'message',
          model: 'claude-x',
          content: [{ type: 'text', text: 'Yes.' }, call('toolu_1', { on: true }), call('toolu_2', {})],
          stop_reason: 'tool_use',
          usage: { input_tokens: 12, output_tokens: 7, cache_read_input_tokens: 30 },
        }),
      ],
    });
    const { data, request_id } = await client.chat.completions.create(asked).withResponse();
    expect(data).toMatchObject({
      object: 'chat.completion',
      model: 'claude-x',
      choices: [
        {
          finish_reason: 'tool_calls',
          message: {
            content: 'Yes.',
            tool_calls: [
              { id: 'toolu_1', function: { name: 'lamp', arguments: '{"on":true}' } },
              { id: 'toolu_2', function: { name: 'lamp', arguments: '{}' } },
            ],
          },
        },
      ],
      usage: { prompt_tokens: 42, completion_tokens: 7, prompt_tokens_details: { cached_tokens: 30 } },
    });
    expect(data.id).toMatch(/^chatcmpl-.{20}/);
    expect(data.created).toBeGreaterThan(1_700_000_000);
    expect(request_id).toMatch(/^req_.{20}/);
    const request = provider.requests[0]!;
    expect(request.target).toBe('/api/v1/messages');
    expect(request.header('x-api-key')).toBe('key-of-claude');
    expect(request.header('anthropic-version')).toBe('2023-06-01');
    expect(request.rawHead.toString()).not.toContain('planted');
    expect(JSON.parse(request.body.toString())).toMatchObject({
      model: 'claude-sonnet-4-5',
      system: 'Be kind.',
      max_tokens: 32_000,
      messages: [{ role: 'user', content: 'Light the lamp.' }],
      tools: [{ name: 'lamp', input_schema: { type: 'object' } }],
    });
    const exchange = await lastExchange();
    expect(exchange.route).toMatchObject({
      askedModel: 'gpt-asked',
      routedModel: 'claude-sonnet-4-5',
      provider: 'claude',
    });
    expect(exchange.route!.dropped!.join()).toContain('user:');
    expect(JSON.parse(exchange.response.toString()).id).toBe(data.id);
    expect(JSON.parse(exchange.request.toString()).model).toBe('gpt-asked');
    expect(exchange.closed).toMatchObject({ end: 'finished' });
  });

  it('gets a stream with whole calls and the usage at its end, and can go on with their results', async () => {
    const all = start + callEvents(0, '{"o', 'n":1}') + callEvents(1) + end('tool_use');
    provider.respondOnceWith({
      headers: eventStream,
      framing: 'chunked',
      body: [all.slice(0, 150), all.slice(150, 501), all.slice(501)],
    });
    const completion = await stream().finalChatCompletion();
    const { message } = completion.choices[0]!;
    expect(message.tool_calls).toMatchObject([
      { id: 'toolu_0', function: { arguments: '{"on":1}' } },
      { id: 'toolu_1', function: { arguments: '{}' } },
    ]);
    expect(completion.usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 3 });
    expect((await lastExchange()).response.toString()).toMatch(/^data: \{[\s\S]*data: \[DONE\]\n\n$/);

    provider.respondOnceWith({ headers: eventStream, body: [start + text('Lit.') + end('end_turn')] });
    const results = message.tool_calls!.map(({ id }) => ({
      role: 'tool' as const,
      tool_call_id: id,
      content: 'ok',
    }));
    const answer = await client.chat.completions
      .stream({ ...asked, messages: [...asked.messages, message, ...results] })
      .finalChatCompletion();
    expect(answer.choices[0]!.message.content).toBe('Lit.');
    expect(JSON.parse(provider.requests[1]!.body.toString()).messages.slice(1)).toEqual([
      { role: 'assistant', content: [call('toolu_0', { on: 1 }), call('toolu_1', {})] },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'toolu_0', content: 'ok' },
          { type: 'tool_result', tool_use_id: 'toolu_1', content: 'ok' },
        ],
      },
    ]);
  });

  it('sees each piece of a stream when it comes', async () => {
    let release = (): void => undefined;
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    provider.respondOnceWith({
      headers: eventStream,
      body: [start + text('first'), { until }, text(' last') + end('end_turn')],
    });
    const pieces = stream();
    const texts: string[] = [];
    pieces.on('content', (piece) => texts.push(piece));
    await waitFor(() => texts.join('') !== '', { what: 'the first piece' });
    expect(texts.join('')).toBe('first');
    release();
    await pieces.finalChatCompletion();
    expect(texts.join('')).toBe('first last');
  });

  it('P6: gets the errors of a provider as those of its own: status, code, words and how long to wait', async () => {
    const said = { type: 'error', error: { type: 'rate_limit_error', message: 'Slow down.' } };
    provider.respondOnceWith({ status: 429, headers: [['retry-after', '7']], body: [JSON.stringify(said)] });
    const error = await client.chat.completions.create(asked).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ code: 'rate_limit_exceeded', error: { message: 'Slow down.' } });
    expect((error as InstanceType<typeof OpenAI.APIError>).headers?.get('retry-after')).toBe('7');
  });

  it('gets a status when a stream fails before it has begun, and an error in the stream when it fails later', async () => {
    const overloaded = event('error', { error: { type: 'overloaded_error', message: 'Overloaded' } });
    provider.respondOnceWith({ headers: eventStream, body: [overloaded] });
    await expect(stream().finalChatCompletion()).rejects.toMatchObject({ status: 503, code: 'overloaded' });
    provider.respondOnceWith({ headers: eventStream, body: [start + text('a') + overloaded] });
    await expect(stream().finalChatCompletion()).rejects.toMatchObject({ code: 'overloaded' });
    provider.respondOnceWith({
      headers: eventStream,
      framing: 'chunked',
      body: [start + text('a')],
      ending: 'reset',
    });
    await expect(stream().finalChatCompletion()).rejects.toMatchObject({ type: 'server_error' });
    const broken = await waitFor(
      async () => {
        const last = await lastExchange();
        return last.closed === undefined ? undefined : last;
      },
      { what: 'the end of the exchange in the journal' },
    );
    expect(broken.closed).toMatchObject({ end: 'upstream-broken' });
  });

  it('is told why a request cannot be said in the other format', async () => {
    const error = await client.chat.completions
      .create({ ...asked, messages: [] })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(String(error)).toContain('Nothing is left of the messages');
    expect(provider.requests).toEqual([]);
  });

  it('goes on untouched with the Responses API, for which there is no translation', async () => {
    const body = '{"model":"gpt-asked", "input":"Light the lamp."}';
    provider.respondOnceWith({ status: 404, body: ['{}'] });
    const answer = await askOnce(core.url, { method: 'POST', target: '/v1/responses', body });
    expect(answer.status).toBe(404);
    expect(provider.requests[0]!.body.toString()).toBe(body);
    expect((await lastExchange()).route!.reason).toContain('passed over');
  });

  it('goes as it came where no rule claims it and the provider gets the credential of the client', async () => {
    const own = await startCoreAlone({
      providerOrigin: provider.origin,
      config: {
        routes: [{ name: 'rule 1', when: { model: ['gpt-*'] }, to: { provider: 'anthropic' } }],
      },
    });
    try {
      const body = '{"model":"claude-x", "messages":[{"role":"user","content":"hi"}]}';
      const headers: [string, string][] = [['Authorization', 'Bearer sk-of-the-client']];
      const ask = (sent: string) =>
        askOnce(own.url, { method: 'POST', target: '/v1/chat/completions', headers, body: sent });
      await ask(body);
      expect(provider.requests[0]!.body.toString()).toBe(body);
      expect(provider.requests[0]!.header('authorization')).toBe('Bearer sk-of-the-client');
      await ask(body.replace('claude-x', 'gpt-x'));
      expect(provider.requests[1]!.target).toBe('/v1/messages');
      expect(provider.requests[1]!.header('x-api-key')).toBe('sk-of-the-client');
      expect(provider.requests[1]!.header('authorization')).toBeUndefined();
    } finally {
      await own.stop();
    }
  });
});
