import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type FakeProvider,
  type FakeProviderOptions,
  openRaw,
  slices,
  startFakeProvider,
} from '#test-support';

const open: FakeProvider[] = [];
afterEach(async () => {
  for (const provider of open.splice(0)) await provider.close();
});

async function provider(options?: FakeProviderOptions): Promise<FakeProvider> {
  const started = await startFakeProvider(options);
  open.push(started);
  return started;
}

const ask = { model: 'claude-fake', max_tokens: 64, messages: [{ role: 'user' as const, content: 'hello' }] };

describe('the fake provider', () => {
  it('satisfies the Anthropic SDK, streamed and not', async () => {
    const fake = await provider();
    const client = new Anthropic({ apiKey: 'sk-ant-test', baseURL: fake.origin, maxRetries: 0 });
    const whole = await client.messages.create(ask);
    const streamed = await client.messages.stream(ask).finalMessage();
    expect(whole.stop_reason).toBe('end_turn');
    expect(streamed.content.map((block) => block.type)).toEqual(['thinking', 'text']);
    expect(streamed.usage.cache_read_input_tokens).toBeGreaterThan(0);
    expect(
      (await client.messages.countTokens({ model: ask.model, messages: ask.messages })).input_tokens,
    ).toBeGreaterThan(0);
    expect((await client.models.list()).data).toHaveLength(2);
    expect(whole.id).not.toBe(streamed.id);
  });

  it('satisfies the OpenAI SDK, streamed and not', async () => {
    const fake = await provider();
    const client = new OpenAI({ apiKey: 'sk-test', baseURL: `${fake.origin}/v1`, maxRetries: 0 });
    const chat = await client.chat.completions.create({ model: 'gpt-fake', messages: ask.messages });
    expect(chat.choices[0]?.finish_reason).toBe('stop');
    let text = '';
    for await (const chunk of await client.chat.completions.create({
      model: 'gpt-fake',
      messages: ask.messages,
      stream: true,
    })) {
      text += chunk.choices[0]?.delta.content ?? '';
    }
    expect(text).toContain('größe ✓');
    const response = await client.responses.create({ model: 'gpt-fake', input: 'hello' });
    expect(response.output_text).toContain('größe ✓');
  });

  it('answers the same for the same seed and differently for every request', async () => {
    const answers: string[] = [];
    for (const seed of [5, 5, 6]) {
      const connection = await openRaw((await provider({ seed })).origin);
      const first = await connection.ask({ method: 'POST', target: '/v1/messages', body: '{}' });
      const second = await connection.ask({ method: 'POST', target: '/v1/messages', body: '{}' });
      expect(first.body.equals(second.body)).toBe(false);
      answers.push(first.body.toString());
      connection.close();
    }
    expect(answers[0]).toBe(answers[1]);
    expect(answers[0]).not.toBe(answers[2]);
  });

  it('keeps what arrived: order and case of fields, chunked bodies, trailers', async () => {
    const fake = await provider({ keepRawBytes: true });
    const connection = await openRaw(fake.origin);
    const bytes =
      'POST /v1/messages?beta=true HTTP/1.1\r\nHost: x\r\nX-B: 1\r\nx-a: 2\r\nX-B: 3\r\nTransfer-Encoding: chunked\r\n\r\n' +
      '2\r\n{}\r\n0\r\nX-Check: ok\r\n\r\n';
    connection.send(bytes, 'POST');
    await connection.answer();
    const request = await fake.request(0);
    expect(request.rawHeaders.map(([name]) => name)).toEqual([
      'Host',
      'X-B',
      'x-a',
      'X-B',
      'Transfer-Encoding',
    ]);
    expect(request.body.toString()).toBe('{}');
    expect(request.trailers).toEqual([['X-Check', 'ok']]);
    expect(fake.connections[0]?.rawReceived.toString('latin1')).toBe(bytes);
    connection.close();
  });

  it('breaks off as scripted: reset, end without an end, stall, unasked bytes', async () => {
    const fake = await provider();
    fake.respondOnceWith({ framing: 'chunked', body: slices('0123456789', 4), ending: 'reset' });
    fake.respondOnceWith({ body: ['half'], claimedLength: 8, ending: 'fin' });
    fake.respondOnceWith({ body: ['first'], framing: 'chunked', ending: 'stall' });
    fake.respondOnceWith({ body: ['whole'], unasked: 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n' });
    const reset = await openRaw(fake.origin);
    reset.sendRequest({ target: '/v1/x' });
    expect(await reset.waitForEnd()).toBe('reset');
    const cut = await openRaw(fake.origin);
    expect((await cut.ask({ target: '/v1/x' })).isComplete).toBe(false);
    expect(cut.ended).toBe('fin');
    const stalled = await openRaw(fake.origin);
    stalled.sendRequest({ target: '/v1/x' });
    const begun = await stalled.waitForBytes(20).then(() => stalled.answers[0]);
    expect(begun?.isComplete).toBe(false);
    stalled.close();
    const unasked = await openRaw(fake.origin);
    expect((await unasked.ask({ target: '/v1/x' })).body.toString()).toBe('whole');
    await unasked.waitForBytes(80);
    unasked.close();
  });

  it('tells when and how the other end left', async () => {
    const fake = await provider();
    fake.respondWith({ early: true, framing: 'chunked', body: ['x'], ending: 'stall' });
    for (const leave of ['reset', 'close'] as const) {
      const connection = await openRaw(fake.origin);
      connection.sendRequest({ method: 'POST', target: '/v1/x', headers: [['Content-Length', '100']] });
      await connection.waitForBytes(10);
      connection[leave]();
    }
    const [first, second] = [await fake.request(0), await fake.request(1)];
    await expect.poll(() => [first.closed?.reason, second.closed?.reason]).toEqual(['reset', 'fin']);
    await expect(first.completed).rejects.toThrow('before the request was whole');
  });
});
