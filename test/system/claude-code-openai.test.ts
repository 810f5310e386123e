import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  claudeCodeProgram,
  type FakeProvider,
  type ReceivedRequest,
  readBack,
  type ScriptedAnswer,
  startClaudeCode,
  startFakeProvider,
  startThroughline,
  type Throughline,
  waitFor,
} from '#test-support';

// The real client does a task through a provider that has never heard of it: two tools at once, an image, a subagent.
let program: string;
let provider: FakeProvider;
let throughline: Throughline;

beforeAll(async () => {
  program = claudeCodeProgram();
  provider = await startFakeProvider();
  throughline = await startThroughline({
    providerOrigin: provider.origin,
    config: {
      providers: {
        chat: { format: 'openai', base_url: `${provider.origin}/api/v1`, api_key: 'key-of-chat' },
      },
      routes: [{ name: 'all of it', when: { model: 'claude-*' }, to: 'chat:gpt-4o', because: 'a test' }],
    },
  });
}, 300_000);
afterAll(async () => {
  await throughline?.stop();
  await provider?.close();
});

interface ChatMessage {
  readonly role: string;
  readonly content: unknown;
  readonly tool_calls?: readonly unknown[];
}

it('Claude Code does a whole task through a provider of chat completions, and notices nothing', {
  timeout: 300_000,
}, async () => {
  await using outside = await startTrap();
  provider.respondWith(answer);
  await using claude = startClaudeCode({
    program,
    baseUrl: throughline.frontUrl,
    prompt: 'Take the steps.',
    tools: ['Bash', 'Read', 'Agent', 'Task'],
    outsideProxy: outside.url,
  });
  writeFileSync(join(claude.workDirectory, 'dot.png'), redDot());
  await waitFor(() => claude.exit(), {
    timeoutMs: 200_000,
    what: () => `the client to end; it said:\n${claude.stdout().slice(-4_000)}`,
  });

  expect(claude.exit(), claude.stderr()).toEqual({ code: 0, signal: null });
  expect(claude.lines().at(-1)).toMatchObject({ type: 'result', is_error: false, result: 'All done.' });
  expect(readFileSync(join(claude.workDirectory, 'one.txt'), 'utf8')).toBe('1\n');
  expect(readFileSync(join(claude.workDirectory, 'two.txt'), 'utf8')).toBe('2\n');
  expect(outside.connections()).toBe(0);

  const bodies = provider.requests.map(({ body }) => body.toString());
  expect(bodies.some((body) => body.includes('data:image/png;base64,'))).toBe(true);
  expect(bodies.some((body) => body.includes('The subagent is done.'))).toBe(true);
  for (const { target, rawHead } of provider.requests) {
    expect(target).toBe('/api/v1/chat/completions');
    expect(rawHead.toString()).not.toContain('sk-ant-');
  }
  const stored = await readBack(throughline, provider.requests.length);
  expect(stored.every(({ outcome, statusCode }) => outcome === 'complete' && statusCode === 200)).toBe(true);
  expect(stored.some(({ agentId }) => agentId !== undefined)).toBe(true);
  const detail = await (await fetch(`${throughline.dataUrl}/api/v2/requests/${stored[0]!.requestId}`)).json();
  expect(JSON.stringify(detail)).toContain('rule 1 (all of it): a test');
  expect(detail).toMatchObject({ dropped: expect.arrayContaining([expect.any(String)]) });
});

async function answer(request: ReceivedRequest): Promise<ScriptedAnswer> {
  await request.completed;
  const { messages } = JSON.parse(request.body.toString()) as { messages: ChatMessage[] };
  if (JSON.stringify(messages.find(({ role }) => role === 'user')).includes('task-of-the-subagent')) {
    return said([{ content: 'The subagent ' }, { content: 'is done.' }], 'stop');
  }
  const turn = messages.filter(({ tool_calls: calls }) => calls !== undefined).length + 1;
  if (turn === 1) {
    // Mixed, as no provider should: both calls begin before either of them ends.
    return said(
      [
        { content: 'Two at once.' },
        { tool_calls: [begun(0, 'Bash'), begun(1, 'Bash')] },
        { tool_calls: [more(1, '{"command":"echo 2 > two.txt",')] },
        { tool_calls: [more(0, '{"command":"echo 1 > one.txt","description":"Write one"}')] },
        { tool_calls: [more(1, '"description":"Write two"}')] },
      ],
      'tool_calls',
    );
  }
  if (turn === 2) return called('Read', { file_path: 'dot.png' });
  if (turn === 3) {
    const prompt = 'task-of-the-subagent';
    const input = {
      description: 'A task',
      prompt,
      subagent_type: 'general-purpose',
      run_in_background: false,
    };
    return called('Agent', input);
  }
  return said([{ content: 'All done.' }], 'stop');
}

let calls = 0;

function begun(index: number, name: string) {
  calls += 1;
  return { index, id: `call_${calls}`, type: 'function', function: { name, arguments: '' } };
}

function more(index: number, text: string) {
  return { index, function: { arguments: text } };
}

function called(name: string, input: object): ScriptedAnswer {
  return said(
    [{ tool_calls: [begun(0, name)] }, { tool_calls: [more(0, JSON.stringify(input))] }],
    'tool_calls',
  );
}

function said(deltas: readonly object[], finish: string): ScriptedAnswer {
  const event = (choices: object[], usage?: object): string =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'gpt-4o-x', choices, usage })}\n\n`;
  return {
    headers: [['content-type', 'text/event-stream']],
    framing: 'chunked',
    body: [
      ...deltas.map((delta) => event([{ index: 0, delta, finish_reason: null }])),
      event([{ index: 0, delta: {}, finish_reason: finish }]),
      event([], { prompt_tokens: 100, completion_tokens: 10 }),
      'data: [DONE]\n\n',
    ],
  };
}

/** A picture of one pixel. */
function redDot(): Buffer {
  return Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
    'base64',
  );
}

/** Where everything goes that the client sends to others: counted and closed. */
async function startTrap() {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    connections: () => connections,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}
