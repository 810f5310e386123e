import Anthropic from '@anthropic-ai/sdk';
import { describe, expect, it } from 'vitest';
import { OpenAiToAnthropicStream, openAiToAnthropicAnswer, openAiToAnthropicError } from './index.ts';
import { providerStreams, streamContext } from './testing/provider-streams.ts';

/** The official client, whose requests are answered without a network. */
function clientOf(answer: () => Response): Anthropic {
  return new Anthropic({
    apiKey: 'none',
    baseURL: 'http://127.0.0.1:9',
    maxRetries: 0,
    fetch: async () => answer(),
  });
}

/** The translated stream, given to the client in pieces of a few bytes. */
function streamAnswer(bytes: Buffer): Response {
  const stream = new OpenAiToAnthropicStream(streamContext);
  const translated = Buffer.concat([stream.feed(bytes), stream.end()]);
  const pieces = ReadableStream.from(
    (function* () {
      for (let at = 0; at < translated.length; at += 97) yield translated.subarray(at, at + 97);
    })(),
  );
  return new Response(pieces as ReadableStream<Uint8Array>, {
    headers: { 'content-type': 'text/event-stream' },
  });
}

const request = {
  model: 'claude-asked',
  max_tokens: 100,
  messages: [{ role: 'user' as const, content: 'Light the lamp.' }],
};

const failing = providerStreams.filter(({ name }) => name.includes('error'));
const whole = providerStreams.filter(({ name }) => !name.includes('error'));

describe('the official client of Anthropic', () => {
  it.each(whole)('reads the translated stream to its end: $name', async ({ bytes }) => {
    const message = await clientOf(() => streamAnswer(bytes))
      .messages.stream(request)
      .finalMessage();
    expect(message).toMatchObject({ id: 'msg_01Test', type: 'message', role: 'assistant' });
    expect(message.stop_reason).not.toBeNull();
    expect(message.usage.output_tokens).toBeGreaterThan(0);
    expect(message.content.length).toBeGreaterThan(0);
    const calls = message.content.filter((block) => block.type === 'tool_use');
    expect(message.stop_reason === 'tool_use').toBe(calls.length > 0);
    for (const { input } of calls) expect(typeof input).toBe('object');
  });

  it.each(failing)('reports the error in the middle of a stream: $name', async ({ bytes }) => {
    const stream = clientOf(() => streamAnswer(bytes)).messages.stream(request);
    await expect(stream.finalMessage()).rejects.toMatchObject({ type: 'api_error' });
  });

  it('reads a whole answer', async () => {
    const completion = {
      id: 'chatcmpl-1',
      model: 'gpt-x',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: 'Two lamps.',
            tool_calls: [
              { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"where":"north"}' } },
            ],
          },
          finish_reason: 'tool_calls',
        },
      ],
      usage: { prompt_tokens: 12, completion_tokens: 8 },
    };
    const answer = openAiToAnthropicAnswer(Buffer.from(JSON.stringify(completion)), streamContext);
    if (answer.kind === 'unreadable') throw new Error(answer.sentence);
    const client = clientOf(
      () => new Response(Buffer.from(answer.body), { headers: { 'content-type': 'application/json' } }),
    );
    expect(await client.messages.create(request)).toMatchObject({
      stop_reason: 'tool_use',
      usage: { input_tokens: 12, output_tokens: 8 },
      content: [
        { type: 'text', text: 'Two lamps.' },
        { type: 'tool_use', id: 'call_1', name: 'look', input: { where: 'north' } },
      ],
    });
  });

  it.each([
    [429, { error: { message: 'Rate limit reached', type: 'requests' } }, 'rate_limit_error'],
    [401, { error: { message: 'Incorrect API key', code: 'invalid_api_key' } }, 'authentication_error'],
    [503, { error: { message: 'Overloaded' } }, 'overloaded_error'],
  ])('P6: knows the kind of an error of status %i', async (status, body, type) => {
    const answer = openAiToAnthropicError(status, Buffer.from(JSON.stringify(body)), []);
    const client = clientOf(
      () =>
        new Response(Buffer.from(answer.body), {
          status: answer.status,
          headers: { 'content-type': 'application/json' },
        }),
    );
    await expect(client.messages.create(request)).rejects.toMatchObject({ status: answer.status, type });
  });
});
