import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { askReplace, type Receipt, readRunStates } from '#supervisor';
import {
  type ClaudeCode,
  claudeCodeProgram,
  type FakeBlock,
  type FakeProvider,
  messageEvents,
  type ReceivedRequest,
  readBack,
  readBody,
  type ScriptedAnswer,
  startClaudeCode,
  startFakeProvider,
  startThroughline,
  type Throughline,
  waitFor,
} from '#test-support';

// The real client at work while proxy-core is replaced under it, at the two moments that hurt others: in the middle of an
// answer, and while its connections idle because it runs a tool.
const turns = 10;
const replacedInMidAnswer = [2, 5, 8];
const replacedWhileToolRuns = [3, 6];
const handOvers = replacedInMidAnswer.length + replacedWhileToolRuns.length;

let program: string;
let provider: FakeProvider;
let throughline: Throughline;

beforeAll(async () => {
  program = claudeCodeProgram();
  provider = await startFakeProvider();
  throughline = await startThroughline({ providerOrigin: provider.origin });
}, 300_000);
afterAll(async () => {
  await throughline?.stop();
  await provider?.close();
});

it('Claude Code finishes ten turns while core is replaced five times, without a single retry', {
  timeout: 300_000,
}, async () => {
  await using outside = await startTrap();
  const receipts: Receipt[] = [];
  const replaceCore = async (): Promise<void> => {
    const { controlSocket } = readRunStates(throughline.dataDir)[0]!;
    receipts.push(await askReplace(controlSocket, { services: ['core'] }));
  };
  const answered = new Map<string, Buffer>();
  provider.respondWith(async (request) => {
    const turn = await turnOf(request);
    const events = turnEvents(turn);
    answered.set(`req_turn_${turn}`, Buffer.from(events.join('')));
    const middle = replacedInMidAnswer.includes(turn) ? [{ until: replaceCore() }] : [];
    return streamed(turn, [...events.slice(0, 3), ...middle, ...events.slice(3)]);
  });

  await using claude = startClaudeCode({
    program,
    baseUrl: throughline.frontUrl,
    prompt: 'Take the ten steps.',
    tools: ['Bash', 'Read'],
    outsideProxy: outside.url,
  });
  const gates = await makeGates(claude);
  for (const turn of replacedWhileToolRuns) {
    await waitFor(() => existsSync(join(claude.workDirectory, `tool-${turn}`)) || claude.exit(), {
      timeoutMs: 200_000,
      what: () => `the tool of turn ${turn}; the client said:\n${claude.stdout().slice(-4_000)}`,
    });
    await replaceCore();
    await gates.open(turn);
  }
  await waitFor(() => claude.exit(), {
    timeoutMs: 200_000,
    what: () => `the client to end; it said:\n${claude.stdout().slice(-4_000)}${claude.stderr()}`,
  });
  await gates.close();

  expect(claude.exit(), claude.stderr()).toEqual({ code: 0, signal: null });
  expect(claude.lines().at(-1)).toMatchObject({ type: 'result', num_turns: turns, result: 'Step 10.' });
  const notes = readFileSync(join(claude.workDirectory, 'notes.txt'), 'utf8');
  expect(notes).toBe('step 1\nstep 3\nstep 5\nstep 6\nstep 7\nstep 9\n');
  expect(receipts.map(({ ok }) => ok)).toEqual(Array(handOvers).fill(true));
  const [core] = readRunStates(throughline.dataDir)[0]!.services;
  expect(core).toMatchObject({ service: 'core', generation: handOvers + 1 });

  // Not one request more than there were turns, and none of them anywhere else.
  expect(provider.requests.map(({ method, target }) => `${method} ${target}`)).toEqual(
    Array(turns).fill('POST /v1/messages?beta=true'),
  );
  expect(outside.connections()).toBe(0);
  const transcript = claude.transcript();
  expect([...transcript, ...claude.lines()].filter(isTrouble)).toEqual([]);

  const stored = await readBack(throughline, turns);
  expect(stored).toHaveLength(turns);
  const sessions = new Set(transcript.map(({ sessionId }) => sessionId).filter((id) => id !== undefined));
  const requestIds: unknown[] = [];
  for (const [index, row] of stored.entries()) {
    expect(row).toMatchObject({ outcome: 'complete', statusCode: 200, sessionId: [...sessions][0] });
    const requestId = await upstreamRequestId(row.requestId);
    requestIds.push(requestId);
    const request = await readBody(throughline, row.requestId, 'request');
    expect(request.equals(provider.requests[index]!.body)).toBe(true);
    const response = await readBody(throughline, row.requestId, 'response');
    expect(response.equals(answered.get(requestId)!)).toBe(true);
  }
  expect(sessions.size).toBe(1);
  // Each stored exchange is found in the transcript, and each answer of the transcript in the store.
  const answers = transcript.filter(({ type }) => type === 'assistant');
  expect(new Set(answers.map(({ requestId }) => requestId))).toEqual(new Set(requestIds));
  expect(new Set(requestIds).size).toBe(turns);
  console.log(`${handOvers} hand-overs, ${provider.connections.length} connections to the provider`);
});

async function upstreamRequestId(id: string): Promise<string> {
  const answer = await fetch(`${throughline.dataUrl}/api/v2/requests/${id}`);
  return ((await answer.json()) as { upstreamRequestId: string }).upstreamRequestId;
}

/** Counts from 1. A request that is tried again has the number of the first try. */
async function turnOf(request: ReceivedRequest): Promise<number> {
  await request.completed;
  const { messages } = JSON.parse(request.body.toString()) as { messages: { role: string }[] };
  return messages.filter(({ role }) => role === 'assistant').length + 1;
}

function turnEvents(turn: number): string[] {
  const tool = toolOf(turn);
  const text: FakeBlock = { type: 'text', text: `Step ${turn}.` };
  return messageEvents({
    id: `msg_turn_${turn}`,
    type: 'message',
    role: 'assistant',
    model: 'claude-fake',
    content: tool === undefined ? [text] : [text, tool],
    stop_reason: tool === undefined ? 'end_turn' : 'tool_use',
    stop_sequence: null,
    usage: { input_tokens: 100 + turn, output_tokens: 10 },
  });
}

function toolOf(turn: number): FakeBlock | undefined {
  const id = `toolu_turn_${turn}`;
  if (turn === turns) return undefined;
  if (turn % 2 === 0 && !replacedWhileToolRuns.includes(turn))
    return { type: 'tool_use', id, name: 'Read', input: { file_path: 'notes.txt' } };
  // Says that it runs, and waits for a line in the pipe that the test has made.
  const wait = replacedWhileToolRuns.includes(turn) ? `touch tool-${turn} && head -n 1 gate-${turn} && ` : '';
  const input = { command: `${wait}echo "step ${turn}" >> notes.txt`, description: 'Write down the step' };
  return { type: 'tool_use', id, name: 'Bash', input };
}

function streamed(turn: number, body: NonNullable<ScriptedAnswer['body']>): ScriptedAnswer {
  return {
    headers: [
      ['content-type', 'text/event-stream; charset=utf-8'],
      ['request-id', `req_turn_${turn}`],
    ],
    framing: 'chunked',
    body,
  };
}

/** Named pipes that tools read a line from; held open for reading and writing, so that nobody waits for the other. */
async function makeGates({ workDirectory }: ClaudeCode) {
  const handles = new Map<number, FileHandle>();
  for (const turn of replacedWhileToolRuns) {
    const path = join(workDirectory, `gate-${turn}`);
    expect(spawnSync('mkfifo', [path]).status).toBe(0);
    handles.set(turn, await open(path, 'r+'));
  }
  return {
    open: async (turn: number) => void (await handles.get(turn)?.write('go\n')),
    close: () => Promise.all([...handles.values()].map((handle) => handle.close())),
  };
}

/** What the client says about a request that went wrong or was tried again, or a tool that failed. */
function isTrouble(line: Record<string, unknown>): boolean {
  const isRetry = /^api_(error|retry)/.test(String(line.subtype)) || line.isApiErrorMessage === true;
  return isRetry || JSON.stringify(line.message ?? '').includes('"is_error":true');
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
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
