import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  claudeCodeProgram,
  type FakeProvider,
  makeTempDir,
  type ReceivedRequest,
  readBack,
  type ScriptedAnswer,
  startClaudeCode,
  startFakeProvider,
  startThroughline,
  type Throughline,
  waitFor,
} from '#test-support';

// The real client does a task through providers that have never heard of it: two tools at once, a stream that breaks off and its
// repetition in one piece, an image, and a subagent that works at a provider of its own.
const home = makeTempDir('claude-home');
let program: string;
let provider: FakeProvider;
let ofReviewer: FakeProvider;
let throughline: Throughline;

beforeAll(async () => {
  program = claudeCodeProgram();
  [provider, ofReviewer] = await Promise.all([startFakeProvider(), startFakeProvider()]);
  throughline = await startThroughline({
    providerOrigin: provider.origin,
    // Where the client leaves what its subagents are called.
    env: { CLAUDE_CONFIG_DIR: home.join('.claude') },
    config: {
      providers: {
        second: { format: 'openai', base_url: `${ofReviewer.origin}/v1`, api_key: 'key-of-second' },
        chat: { format: 'openai', base_url: `${provider.origin}/api/v1`, api_key: 'key-of-chat' },
      },
      routes: [
        { name: 'reviews', when: { agent: 'lamp-reviewer' }, to: 'second:reviewing-model' },
        { name: 'all else', when: { model: 'claude-*' }, to: 'chat:gpt-4o', because: 'a test' },
      ],
    },
  });
}, 300_000);
afterAll(async () => {
  await throughline?.stop();
  await Promise.all([provider?.close(), ofReviewer?.close()]);
  home.remove();
});

interface ChatMessage {
  readonly role: string;
  readonly content: unknown;
  readonly tool_calls?: readonly unknown[];
}

it('P13: Claude Code does a whole task at a provider of chat completions, its subagent at another one, and notices nothing', {
  timeout: 300_000,
}, async () => {
  await using outside = await startTrap();
  provider.respondWith(answer);
  ofReviewer.respondWith(review);
  await using claude = startClaudeCode({
    program,
    baseUrl: throughline.frontUrl,
    prompt: 'Take the steps.',
    tools: ['Bash', 'Read', 'Agent', 'Task'],
    outsideProxy: outside.url,
    home: home.path,
    files: { 'dot.png': redDot(), '.claude/agents/lamps.md': reviewer },
  });
  await waitFor(() => claude.exit(), {
    timeoutMs: 200_000,
    what: () => `the client to end; it said:\n${claude.stdout().slice(-4_000)}`,
  });

  expect(claude.exit(), claude.stderr()).toEqual({ code: 0, signal: null });
  expect(claude.lines().at(-1)).toMatchObject({ type: 'result', is_error: false, result: 'All done.' });
  expect(readFileSync(join(claude.workDirectory, 'one.txt'), 'utf8')).toBe('1\n');
  expect(readFileSync(join(claude.workDirectory, 'two.txt'), 'utf8')).toBe('2\n');
  expect(outside.connections()).toBe(0);

  expect(readFileSync(join(claude.workDirectory, 'three.txt'), 'utf8')).toBe('3\n');

  const bodies = provider.requests.map(({ body }) => body.toString());
  expect(bodies.some((body) => body.includes('data:image/png;base64,'))).toBe(true);
  expect(bodies.some((body) => body.includes('The subagent is done.'))).toBe(true);
  for (const { target, rawHead } of provider.requests) {
    expect(target).toBe('/api/v1/chat/completions');
    expect(rawHead.toString()).not.toContain('sk-ant-');
  }
  expect(bodies.some((body) => body.includes('You review lamps.'))).toBe(false);
  expect(ofReviewer.requests).toHaveLength(2);
  for (const { rawHead, body } of ofReviewer.requests) {
    expect(rawHead.toString()).toContain('key-of-second');
    expect(rawHead.toString()).not.toContain('sk-ant-');
    expect(JSON.parse(body.toString())).toMatchObject({ model: 'reviewing-model' });
    expect(body.toString()).toContain('You review lamps.');
  }

  const stored = await readBack(throughline, provider.requests.length + ofReviewer.requests.length);
  expect(stored.every(({ statusCode }) => statusCode === 200)).toBe(true);
  const failed = stored.filter(({ outcome }) => outcome !== 'complete');
  expect(failed.map(({ outcome }) => outcome)).toEqual(['upstream-failed']);
  expect(stored.filter(({ isStreaming }) => !isStreaming)).toHaveLength(1);
  const reasons = await Promise.all(stored.map(({ requestId }) => reasonOf(requestId)));
  const reviews = reasons.filter((_, index) => stored[index]!.agentId !== undefined);
  expect(reviews).toEqual(['rule 1 (reviews)', 'rule 1 (reviews)']);
  expect(new Set(reasons)).toEqual(new Set(['rule 1 (reviews)', 'rule 2 (all else): a test']));
});

async function reasonOf(requestId: string): Promise<string> {
  const detail = await (await fetch(`${throughline.dataUrl}/api/v2/requests/${requestId}`)).json();
  expect(detail).toMatchObject({ dropped: expect.arrayContaining([expect.any(String)]) });
  return (detail as { routeReason: string }).routeReason;
}

const reviewer = `---
name: lamp-reviewer
description: Looks at lamps
tools: Bash
---
You review lamps.

---

Say which of them are lit.
`;

async function answer(request: ReceivedRequest): Promise<ScriptedAnswer> {
  await request.completed;
  const { messages, stream } = JSON.parse(request.body.toString()) as {
    messages: ChatMessage[];
    stream?: boolean;
  };
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
  // A stream that breaks off makes the client ask again, for a whole answer.
  if (turn === 2 && stream === true) return { ...said([{ content: 'I re' }], null), ending: 'reset' };
  if (turn === 2) return inWhole([begun(0, 'Read', JSON.stringify({ file_path: 'dot.png' }))]);
  if (turn === 3) {
    const prompt = 'Look at the lamps.';
    const input = {
      description: 'A task',
      prompt,
      subagent_type: 'lamp-reviewer',
      run_in_background: false,
    };
    return called('Agent', input);
  }
  return said([{ content: 'All done.' }], 'stop');
}

/** A tool, then the end. */
async function review(request: ReceivedRequest): Promise<ScriptedAnswer> {
  await request.completed;
  if (!request.body.includes('"tool_calls"'))
    return called('Bash', { command: 'echo 3 > three.txt', description: 'Write' });
  return said([{ content: 'The subagent ' }, { content: 'is done.' }], 'stop');
}

let calls = 0;

function begun(index: number, name: string, input = '') {
  calls += 1;
  return { index, id: `call_${calls}`, type: 'function', function: { name, arguments: input } };
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

function inWhole(toolCalls: readonly object[]): ScriptedAnswer {
  const message = { role: 'assistant', content: null, tool_calls: toolCalls };
  const choices = [{ index: 0, message, finish_reason: 'tool_calls' }];
  const usage = { prompt_tokens: 100, completion_tokens: 10 };
  const body = { id: 'c', object: 'chat.completion', model: 'gpt-4o-x', choices, usage };
  return { headers: [['content-type', 'application/json']], body: [JSON.stringify(body)] };
}

/** @param finish null = the answer is not at its end */
function said(deltas: readonly object[], finish: string | null): ScriptedAnswer {
  const event = (choices: object[], usage?: object): string =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'gpt-4o-x', choices, usage })}\n\n`;
  return {
    headers: [['content-type', 'text/event-stream']],
    framing: 'chunked',
    body: [
      ...deltas.map((delta) => event([{ index: 0, delta, finish_reason: null }])),
      ...(finish === null
        ? []
        : [
            event([{ index: 0, delta: {}, finish_reason: finish }]),
            event([], { prompt_tokens: 100, completion_tokens: 10 }),
            'data: [DONE]\n\n',
          ]),
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
