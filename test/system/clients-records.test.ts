import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  agentTraffic,
  askOnce,
  type FakeProvider,
  listStored,
  openRaw,
  type ReadRequest,
  readBack,
  readBody,
  type ScriptedAnswer,
  sseEvent,
  startFakeProvider,
  startThroughline,
  type Throughline,
  waitFor,
} from '#test-support';

// What is kept of an exchange, read back through the API of the running services.
let provider: FakeProvider;
let throughline: Throughline;
beforeAll(async () => {
  provider = await startFakeProvider();
  throughline = await startThroughline({ providerOrigin: provider.origin });
});
beforeEach(() => provider.forget());
afterAll(async () => {
  await throughline?.stop();
  await provider?.close();
});

const stream = (body: ScriptedAnswer['body'], more: Partial<ScriptedAnswer> = {}): ScriptedAnswer => ({
  headers: [['content-type', 'text/event-stream']],
  framing: 'chunked',
  ...(body === undefined ? {} : { body }),
  ...more,
});
const started = sseEvent('message_start', {
  message: { id: 'msg_1', model: 'claude-answered', usage: { input_tokens: 11, output_tokens: 1 } },
});
const ended = [
  sseEvent('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 5 } }),
  sseEvent('message_stop', {}),
];
const post = {
  method: 'POST',
  target: '/v1/messages?beta=true',
  body: '{"model":"claude-asked","stream":true}',
};

/** Runs something that makes one exchange, and gives its record. */
async function recordOf(run: () => Promise<unknown>): Promise<ReadRequest> {
  const before = (await listStored(throughline)).length;
  await run();
  return (await readBack(throughline, before + 1))[before]!;
}

/** Leaves as soon as the given text has arrived. */
async function leaveAfter(target: string, text: string): Promise<void> {
  const connection = await openRaw(throughline.frontUrl);
  connection.sendRequest({ ...post, target });
  await waitFor(() => connection.received.includes(text), { what: text });
  connection.close();
}

describe('how an exchange ended', () => {
  it('is complete after the terminal event, with what the answer said', async () => {
    const record = await recordOf(async () => {
      provider.respondOnceWith(stream([started, ...ended]));
      await askOnce(throughline.frontUrl, post);
    });
    expect(record).toMatchObject({
      outcome: 'complete',
      statusCode: 200,
      isStreaming: true,
      stopReason: 'end_turn',
    });
    expect(record.usage).toMatchObject({ input_tokens: 11, output_tokens: 5 });
  });

  it.each([
    ['message_stop', '/v1/messages?beta=true', [started, ...ended], 'message_stop'],
    [
      'response.completed',
      '/v1/responses',
      ['event: response.completed\ndata: {"type":"response.completed","response":{"id":"r"}}\n\n'],
      'response.completed',
    ],
    ['[DONE]', '/v1/chat/completions', ['data: {"choices":[]}\n\n', 'data: [DONE]\n\n'], '[DONE]'],
  ])(
    'is complete when the client hangs up after %s, before the end of the body',
    async (_name, target, body, last) => {
      const record = await recordOf(async () => {
        provider.respondOnceWith(stream(body, { ending: 'stall' }));
        await leaveAfter(target, last);
      });
      expect(record.outcome).toBe('complete');
    },
  );

  it('is client-aborted when the client hangs up before', async () => {
    const record = await recordOf(async () => {
      provider.respondOnceWith(stream([started], { ending: 'stall' }));
      await leaveAfter(post.target, 'message_start');
    });
    expect(record.outcome).toBe('client-aborted');
    expect((await readBody(throughline, record.requestId, 'response')).toString()).toBe(started);
  });

  it('is upstream-failed when the provider breaks off, and keeps what came', async () => {
    const record = await recordOf(async () => {
      provider.respondOnceWith(stream([started], { ending: 'reset' }));
      await askOnce(throughline.frontUrl, post);
    });
    expect(record.outcome).toBe('upstream-failed');
    expect((await readBody(throughline, record.requestId, 'response')).toString()).toBe(started);
  });

  it('is upstream-failed with our own answer when there was none', async () => {
    const record = await recordOf(async () => {
      provider.respondOnceWith({ raw: [], ending: 'reset' });
      await askOnce(throughline.frontUrl, post);
    });
    expect(record).toMatchObject({ outcome: 'upstream-failed', statusCode: 502, problem: 'upstream-closed' });
  });

  it('is complete for an error status that arrived whole', async () => {
    const record = await recordOf(async () => {
      provider.respondOnceWith({
        status: 529,
        body: ['{"type":"error","error":{"type":"overloaded_error","message":"x"}}'],
      });
      await askOnce(throughline.frontUrl, post);
    });
    expect(record).toMatchObject({ outcome: 'complete', statusCode: 529 });
  });
});

describe('what is known of an exchange', () => {
  it('has the tag of its path', async () => {
    const record = await recordOf(() =>
      askOnce(throughline.frontUrl, { ...post, target: '/p/team-a/v1/messages' }),
    );
    expect(record).toMatchObject({ tag: 'team-a', endpoint: '/v1/messages' });
  });

  it("has session, agent and model of a coding agent's requests, and their exact bytes", async () => {
    const before = (await listStored(throughline)).length;
    const requests = [...agentTraffic({ turns: 5, seed: 3 })];
    const answers: Buffer[] = [];
    for (const request of requests) answers.push((await askOnce(throughline.frontUrl, request)).body);
    const stored = (await readBack(throughline, before + requests.length)).slice(before);
    expect(stored.map(({ sessionId, agentId, model }) => ({ sessionId, agentId, model }))).toEqual(
      requests.map(({ sessionId, agentId }) => ({ sessionId, agentId, model: 'claude-fake-large' })),
    );
    for (const [index, { requestId }] of stored.entries()) {
      expect((await readBody(throughline, requestId, 'request')).equals(requests[index]!.body)).toBe(true);
      expect((await readBody(throughline, requestId, 'response')).equals(answers[index]!)).toBe(true);
    }
  });
});
