import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type FakeProvider,
  type ReadRequest,
  type ReceivedRequest,
  readBack,
  readBody,
  type ScriptedAnswer,
  startFakeProvider,
  startThroughline,
  type Throughline,
} from '#test-support';

// The official clients through the running services to a provider of chat completions: whole tasks of an agent in the
// format of Anthropic, and clients of its own format.
let chat: FakeProvider;
let other: FakeProvider;
let throughline: Throughline;

beforeAll(async () => {
  [chat, other] = await Promise.all([startFakeProvider(), startFakeProvider()]);
  throughline = await startThroughline({
    providerOrigin: other.origin,
    config: {
      providers: { chat: { format: 'openai', base_url: `${chat.origin}/api/v1`, api_key: 'key-of-chat' } },
      routes: [{ when: { model: 'claude-*' }, to: 'chat:gpt-4o' }],
    },
  });
});
afterAll(async () => {
  await throughline?.stop();
  await Promise.all([chat?.close(), other?.close()]);
});
beforeEach(() => {
  chat.forget();
  chat.respondWith(undefined);
});

const lines = ['the north lamp', 'the south lamp'];
const dot =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
const tools: Anthropic.Tool[] = [
  {
    name: 'light',
    description: 'Lights a lamp',
    input_schema: { type: 'object', properties: { which: { type: 'string' } }, required: ['which'] },
  },
  { name: 'look', description: 'Makes a picture', input_schema: { type: 'object', properties: {} } },
];

/** Works like an agent: asks, does what the tools say, and tells the results, until the answer calls no tool. */
async function doTask(client: Anthropic, task: string, isStreaming: boolean): Promise<Anthropic.Message[]> {
  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: task }];
  const answers: Anthropic.Message[] = [];
  for (let turn = 0; turn < 6; turn++) {
    const request = { model: 'claude-asked', max_tokens: 500, system: 'You keep lamps.', tools, messages };
    const answer = isStreaming
      ? await client.messages.stream(request).finalMessage()
      : await client.messages.create(request);
    answers.push(answer);
    const calls = answer.content.filter((block) => block.type === 'tool_use');
    if (calls.length === 0) return answers;
    messages.push({ role: 'assistant', content: answer.content });
    messages.push({ role: 'user', content: calls.map(resultOf) });
  }
  throw new Error('the task has no end');
}

function resultOf({ id, name, input }: Anthropic.ToolUseBlock): Anthropic.ToolResultBlockParam {
  if (name === 'light')
    return { type: 'tool_result', tool_use_id: id, content: `lit ${(input as { which: string }).which}` };
  const source = { type: 'base64', media_type: 'image/png', data: dot } as const;
  return { type: 'tool_result', tool_use_id: id, content: [{ type: 'image', source }] };
}

interface ChatMessage {
  readonly role: string;
  readonly content: unknown;
  readonly tool_calls?: readonly { readonly id: string }[];
  readonly tool_call_id?: string;
}

/** Two calls at once, then one whose result is a picture, then the end. Refuses what chat completions do not allow. */
async function keepLamps(request: ReceivedRequest): Promise<ScriptedAnswer> {
  await request.completed;
  const { messages, stream } = JSON.parse(request.body.toString()) as {
    messages: ChatMessage[];
    stream?: boolean;
  };
  for (const [at, { tool_calls: calls = [] }] of messages.entries()) {
    const results = messages.slice(at + 1, at + 1 + calls.length);
    if (calls.some(({ id }, index) => results[index]?.tool_call_id !== id))
      return { status: 400, body: ['{"error":{"message":"each call needs its result"}}'] };
  }
  const turn = messages.filter(({ tool_calls: calls }) => calls !== undefined).length;
  const call = (index: number, name: string, input: object) => ({
    index,
    id: `call_${turn}${index}`,
    type: 'function',
    function: { name, arguments: JSON.stringify(input) },
  });
  const message = [
    { content: 'Both.', tool_calls: lines.map((which, index) => call(index, 'light', { which })) },
    { content: null, tool_calls: [call(0, 'look', {})] },
    { content: 'All lamps are lit.' },
  ][turn]!;
  const choice = { index: 0, finish_reason: 'tool_calls' in message ? 'tool_calls' : 'stop' };
  const usage = { prompt_tokens: 40, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 30 } };
  if (stream !== true) {
    const body = {
      id: 'c',
      model: 'gpt-4o-x',
      choices: [{ ...choice, message: { role: 'assistant', ...message } }],
      usage,
    };
    return { headers: [['content-type', 'application/json']], body: [JSON.stringify(body)] };
  }
  const event = (choices: object[], more: object = {}): string =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'gpt-4o-x', choices, ...more })}\n\n`;
  return {
    headers: [['content-type', 'text/event-stream']],
    framing: 'chunked',
    body: [
      event([{ index: 0, delta: { role: 'assistant', ...message }, finish_reason: null }]),
      event([{ ...choice, delta: {} }]),
      event([], { usage }),
      'data: [DONE]\n\n',
    ],
  };
}

let made = 0;

/** Runs something that makes `count` exchanges, and gives their records. */
async function recordsOf(count: number, run: () => Promise<unknown>): Promise<ReadRequest[]> {
  await run();
  made += count;
  return (await readBack(throughline, made)).slice(made - count);
}

describe('the SDK of Anthropic at a provider of chat completions', () => {
  it.each([
    ['in whole answers', false],
    ['in streams', true],
  ])('P1, P2: does a task of several turns, with a subagent beside it, %s', async (_how, isStreaming) => {
    chat.respondWith(keepLamps);
    const asked: Promise<Anthropic.Message[]>[] = [];
    const client = (agent: Record<string, string>): Anthropic =>
      new Anthropic({
        apiKey: 'sk-ant-planted',
        baseURL: throughline.frontUrl,
        maxRetries: 0,
        defaultHeaders: { 'x-claude-code-session-id': '11111111-2222-3333-4444-555555555555', ...agent },
      });
    const records = await recordsOf(6, async () => {
      asked.push(doTask(client({}), 'Light all lamps.', isStreaming));
      asked.push(doTask(client({ 'x-claude-code-agent-id': 'a1' }), 'Light two lamps.', isStreaming));
      await Promise.all(asked);
    });
    const answers = await Promise.all(asked);
    for (const turns of answers) {
      expect(turns.map(({ stop_reason }) => stop_reason)).toEqual(['tool_use', 'tool_use', 'end_turn']);
      expect(turns[0]!.content).toMatchObject([
        { type: 'text', text: 'Both.' },
        ...lines.map((which) => ({ type: 'tool_use', name: 'light', input: { which } })),
      ]);
      expect(turns[2]!.content).toMatchObject([{ type: 'text', text: 'All lamps are lit.' }]);
      expect(turns[2]!.usage).toMatchObject({
        input_tokens: 10,
        cache_read_input_tokens: 30,
        output_tokens: 5,
      });
    }
    expect(new Set(answers.flat().map(({ id }) => id)).size).toBe(6);

    expect(chat.requests).toHaveLength(6);
    for (const { target, rawHead } of chat.requests) {
      expect(target).toBe('/api/v1/chat/completions');
      expect(rawHead.toString()).not.toContain('planted');
    }
    const last = chat.requests
      .map(({ body }) => body.toString())
      .filter((body) => body.includes('image_url'));
    expect(last).toHaveLength(2);
    for (const body of last)
      for (const text of [dot, ...lines.map((which) => `lit ${which}`)]) expect(body).toContain(text);

    expect(records.filter(({ agentId }) => agentId === 'a1')).toHaveLength(3);
    for (const record of records) {
      expect(record).toMatchObject({
        outcome: 'complete',
        statusCode: 200,
        isStreaming,
        usage: { output_tokens: 5 },
      });
      const body = await readBody(throughline, record.requestId, 'request');
      expect(JSON.parse(body.toString())).toMatchObject({ model: 'claude-asked' });
    }
  });

  it('gets another id of the request and of the message with each answer', async () => {
    chat.respondWith(keepLamps);
    const client = new Anthropic({ apiKey: 'none', baseURL: throughline.frontUrl, maxRetries: 0 });
    const request = {
      model: 'claude-asked',
      max_tokens: 9,
      messages: [{ role: 'user' as const, content: 'Hi' }],
    };
    const ids: unknown[] = [];
    const askOnce = async (): Promise<void> => {
      const { data, request_id } = await client.messages.create(request).withResponse();
      expect([data.id, request_id]).toEqual([
        expect.stringMatching(/^msg_\w{10}/),
        expect.stringMatching(/^req_\w{10}/),
      ]);
      ids.push(data.id, request_id);
    };
    for (let n = 0; n < 3; n++) await recordsOf(1, askOnce);
    expect(new Set(ids).size).toBe(6);
  });
});

describe('the SDK of OpenAI at a provider of its format', () => {
  /** What the client put on the wire and took from it. */
  const seen: { readonly sent: string; readonly got: Promise<string> }[] = [];
  const client = (): OpenAI =>
    new OpenAI({
      apiKey: 'sk-planted',
      baseURL: `${throughline.frontUrl}/v1`,
      maxRetries: 0,
      fetch: async (url, init) => {
        const answer = await fetch(url, init);
        seen.push({ sent: String(init?.body), got: answer.clone().text() });
        return answer;
      },
    });
  const ask = { model: 'gpt-4o', messages: [{ role: 'user' as const, content: 'größe ✓' }] };
  const drain = async (stream: AsyncIterable<unknown>): Promise<void> => {
    for await (const _event of stream);
  };

  it.each([
    ['/chat/completions', 'whole', (openai: OpenAI) => openai.chat.completions.create(ask)],
    [
      '/chat/completions',
      'streamed',
      async (openai: OpenAI) =>
        drain(
          await openai.chat.completions.create({
            ...ask,
            stream: true,
            stream_options: { include_usage: true },
          }),
        ),
    ],
    ['/responses', 'whole', (openai: OpenAI) => openai.responses.create({ model: 'gpt-4o', input: 'hello' })],
    [
      '/responses',
      'streamed',
      async (openai: OpenAI) =>
        drain(await openai.responses.create({ model: 'gpt-4o', input: 'hello', stream: true })),
    ],
  ])('brings %s there untouched, and keeps the %s answer readable', async (path, how, run) => {
    seen.length = 0;
    const [record] = await recordsOf(1, () => run(client()));
    const [received] = chat.requests;
    const { sent, got } = seen[0]!;
    expect(received!.target).toBe(`/api/v1${path}`);
    expect(received!.body.toString()).toBe(sent);
    expect(received!.header('authorization')).toBe('Bearer key-of-chat');
    expect(received!.rawHead.toString()).not.toContain('planted');
    expect(record).toMatchObject({
      outcome: 'complete',
      endpoint: `/v1${path}`,
      statusCode: 200,
      isStreaming: how === 'streamed',
      model: 'gpt-4o',
      usage: { output_tokens: 9 },
    });
    const kept = await readBody(throughline, record!.requestId, 'request');
    expect(kept.toString()).toBe(sent);
    const answer = await readBody(throughline, record!.requestId, 'response');
    expect(answer.toString()).toBe(await got);
  });
});
