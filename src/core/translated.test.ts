import { crc32, gzipSync } from 'node:zlib';
import Anthropic from '@anthropic-ai/sdk';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  askOnce,
  type CoreAlone,
  type FakeProvider,
  openRaw,
  readExchanges,
  startCoreAlone,
  startFakeProvider,
  waitFor,
} from '#test-support';

let provider: FakeProvider;
let core: CoreAlone;
let client: Anthropic;

beforeAll(async () => {
  provider = await startFakeProvider();
  core = await startCoreAlone({
    providerOrigin: provider.origin,
    provider: { name: 'chat', format: 'openai', apiKey: 'key-of-chat', basePath: '/api' },
    config: {
      defaultProvider: 'chat',
      routes: [{ name: 'rule 1', when: { model: ['claude-*'] }, to: { provider: 'chat', model: 'gpt-4o' } }],
    },
  });
  client = new Anthropic({ apiKey: 'sk-ant-planted', baseURL: core.url, maxRetries: 0 });
});
afterAll(async () => {
  await core.stop();
  await provider.close();
});
afterEach(() => provider.forget());

const asked = {
  model: 'claude-asked',
  max_tokens: 100,
  top_k: 3,
  messages: [{ role: 'user' as const, content: 'Light the lamp.' }],
  tools: [{ name: 'lamp', description: 'A lamp', input_schema: { type: 'object' as const, properties: {} } }],
};
const call = (index: number, name: string, args: string) => ({
  index,
  id: `call_${index}`,
  type: 'function',
  function: { name, arguments: args },
});
const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'gpt-4o-2', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const eventStream: [string, string][] = [['content-type', 'text/event-stream']];
const lastExchange = async () => (await readExchanges(core.journalDirectory)).at(-1)!;
const lastClosed = () =>
  waitFor(
    async () => {
      const last = await lastExchange();
      return last.closed === undefined ? undefined : last;
    },
    { what: 'the end of the exchange in the journal' },
  );

describe('a client of Anthropic at a provider of chat completions', () => {
  it('P2: gets a whole answer, with calls of tools, and the record says what could not be carried', async () => {
    provider.respondOnceWith({
      body: [
        JSON.stringify({
          id: 'c',
          model: 'gpt-4o-2',
          choices: [
            {
              message: {
                role: 'assistant',
                content: 'Yes.',
                tool_calls: [call(0, 'lamp', '{"on":true}'), call(1, 'lamp', '{}')],
              },
              finish_reason: 'tool_calls',
            },
          ],
          usage: { prompt_tokens: 12, completion_tokens: 7 },
        }),
      ],
    });
    const { data: message, request_id } = await client.messages.create(asked).withResponse();
    expect(message).toMatchObject({
      model: 'gpt-4o-2',
      stop_reason: 'tool_use',
      content: [
        { type: 'text', text: 'Yes.' },
        { type: 'tool_use', name: 'lamp', input: { on: true } },
        { type: 'tool_use', name: 'lamp', input: {} },
      ],
      usage: { input_tokens: 12, output_tokens: 7 },
    });
    expect(message.id).toMatch(/^msg_.{20}/);
    expect(request_id).toMatch(/^req_.{20}/);
    const { target, body, rawHead } = provider.requests[0]!;
    expect(target).toBe('/api/v1/chat/completions');
    expect(JSON.parse(body.toString())).toMatchObject({ model: 'gpt-4o', tools: [{ type: 'function' }] });
    expect(rawHead.toString()).not.toContain('planted');
    const exchange = await lastExchange();
    expect(exchange.route).toMatchObject({
      askedModel: 'claude-asked',
      routedModel: 'gpt-4o',
      provider: 'chat',
    });
    expect(exchange.route!.dropped!.join()).toContain('top_k');
    expect(JSON.parse(exchange.response.toString()).id).toBe(message.id);
    expect(JSON.parse(exchange.request.toString()).model).toBe('claude-asked');
    expect(exchange.closed).toMatchObject({ end: 'finished' });
  });

  it('leaves behind what the provider was sent and what it answered, byte for byte', async () => {
    const said = [
      chunk({ role: 'assistant', content: 'Y' }),
      chunk({ content: 'es.' }, 'stop'),
      'data: [DONE]\n\n',
    ];
    for (const coding of [undefined, 'gzip'] as const) {
      const answer = said.join('');
      const wire = coding === undefined ? Buffer.from(answer) : gzipSync(answer);
      provider.forget();
      provider.respondOnceWith({
        headers: coding === undefined ? eventStream : [...eventStream, ['content-encoding', coding]],
        framing: 'chunked',
        body: [wire.subarray(0, 9), wire.subarray(9)],
      });
      await client.messages.stream(asked).finalMessage();
      const exchange = await lastClosed();
      expect(exchange.providerRequest).toEqual(provider.requests[0]!.body);
      expect(exchange.providerResponse).toEqual(wire);
      expect(exchange.closed).toMatchObject({
        providerRequest: { bytes: exchange.providerRequest.length, crc32: crc32(exchange.providerRequest) },
        providerResponse: { bytes: wire.length, crc32: crc32(wire) },
      });
    }
  });

  it('P1: gets a stream whose calls of tools are whole, whatever the pieces', async () => {
    provider.respondOnceWith({
      headers: eventStream,
      framing: 'chunked',
      body: [
        chunk({ role: 'assistant', content: 'Y' }).slice(0, 20),
        chunk({ role: 'assistant', content: 'Y' }).slice(20),
        chunk({ content: 'es.' }),
        chunk({ tool_calls: [call(0, 'lamp', '{"o')] }) +
          chunk({ tool_calls: [{ index: 0, function: { arguments: 'n":1}' } }] }),
        chunk({ tool_calls: [call(1, 'lamp', '{}')] }),
        chunk({}, 'tool_calls'),
        'data: [DONE]\n\n',
      ],
    });
    const message = await client.messages.stream(asked).finalMessage();
    expect(message.content).toMatchObject([
      { type: 'text', text: 'Yes.' },
      { type: 'tool_use', input: { on: 1 } },
      { type: 'tool_use', input: {} },
    ]);
    const exchange = await lastExchange();
    expect(exchange.closed).toMatchObject({ end: 'finished' });
    expect(exchange.response.toString()).toMatch(/^event: message_start[\s\S]*event: message_stop/);
  });

  it('sees each piece of a stream when it comes', async () => {
    let release = (): void => undefined;
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    provider.respondOnceWith({
      headers: eventStream,
      body: [chunk({ content: 'first' }), { until }, chunk({ content: ' last' }, 'stop'), 'data: [DONE]\n\n'],
    });
    const stream = client.messages.stream(asked);
    const texts: string[] = [];
    stream.on('text', (text) => texts.push(text));
    await waitFor(() => texts.length > 0, { what: 'the first piece' });
    expect(texts).toEqual(['first']);
    release();
    await stream.finalMessage();
    expect(texts.join('')).toBe('first last');
  });

  it('leaves a provider that has said everything and does not end its answer', async () => {
    provider.respondOnceWith({
      headers: eventStream,
      framing: 'chunked',
      body: [chunk({ content: 'hi' }, 'stop'), 'data: [DONE]\n\n', ': more\n\n'],
      ending: 'stall',
    });
    await client.messages.stream(asked).finalMessage();
    await waitFor(() => provider.requests.at(-1)!.closed, { what: 'the end of its connection' });
  });

  it.each(['gzip', 'br', 'zstd'] as const)(
    'P7: reads an answer that comes as %s although nobody asked for it',
    async (encoding) => {
      provider.respondOnceWith({
        headers: eventStream,
        encoding,
        body: [chunk({ content: 'hi' }, 'stop'), 'data: [DONE]\n\n'],
      });
      const message = await client.messages.stream(asked).finalMessage();
      expect(message.content).toMatchObject([{ text: 'hi' }]);
    },
  );

  it('P6: gets the errors of a provider as its own: status, type, words and how long to wait', async () => {
    const said = { error: { message: 'Slow down.', type: 'requests', code: 'rate_limit_exceeded' } };
    provider.respondOnceWith({ status: 429, headers: [['retry-after', '7']], body: [JSON.stringify(said)] });
    const error = await client.messages.create(asked).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Anthropic.RateLimitError);
    expect(error).toMatchObject({
      status: 429,
      error: {
        error: { type: 'rate_limit_error', message: 'Slow down.', provider: { code: 'rate_limit_exceeded' } },
      },
    });
    expect((error as InstanceType<typeof Anthropic.APIError>).headers?.get('retry-after')).toBe('7');
    expect((await lastExchange()).closed).toMatchObject({ end: 'finished' });
  });

  it('gets a status when a stream fails before it has begun, and an error event when it fails later', async () => {
    provider.respondOnceWith({ headers: eventStream, framing: 'chunked', body: [], ending: 'reset' });
    await expect(client.messages.stream(asked).finalMessage()).rejects.toMatchObject({ status: 502 });
    provider.respondOnceWith({
      headers: eventStream,
      framing: 'chunked',
      body: [chunk({ content: 'a' })],
      ending: 'reset',
    });
    const error = await client.messages
      .stream(asked)
      .finalMessage()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ error: { error: { type: 'api_error' } } });
    expect(await lastClosed()).toMatchObject({ closed: { end: 'upstream-broken' } });
    provider.respondOnceWith({ body: ['no json'] });
    await expect(client.messages.create(asked)).rejects.toMatchObject({ status: 502 });
  });

  it('is told why a request cannot be said in the other format', async () => {
    const answer = await askOnce(core.url, {
      method: 'POST',
      target: '/v1/messages',
      body: '{"model":"claude-x"}',
    });
    expect(answer.status).toBe(400);
    expect(answer.body.toString()).toContain('no list of messages');
    expect(answer.header('x-throughline-problem')).toBe('not-translatable');
    expect(provider.requests).toEqual([]);
  });

  it('gets an estimate that is marked as one where the provider does not count tokens', async () => {
    const { data, response } = await client.messages.countTokens(asked).withResponse();
    expect(data.input_tokens).toBeGreaterThan(3);
    expect(response.headers.get('x-throughline-estimate')).toBe('1');
    expect(provider.requests).toEqual([]);
    expect((await lastExchange()).closed).toMatchObject({ end: 'finished' });
  });

  it('takes the provider along when it leaves', async () => {
    provider.respondOnceWith({
      headers: eventStream,
      framing: 'chunked',
      body: [chunk({ content: 'a' })],
      ending: 'stall',
    });
    const raw = await openRaw(core.url);
    raw.sendRequest({
      method: 'POST',
      target: '/v1/messages',
      body: JSON.stringify({ ...asked, stream: true }),
    });
    const request = await provider.request(0);
    await waitFor(() => raw.received.includes('content_block_delta'), { what: 'the first piece' });
    raw.socket.destroy();
    await waitFor(() => request.closed, { what: 'the end of the connection to the provider' });
    expect(await lastClosed()).toMatchObject({ closed: { end: 'client-gone' } });
  });
});
