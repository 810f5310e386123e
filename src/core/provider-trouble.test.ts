import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AnswerScript,
  type CoreAlone,
  type FakeProvider,
  projectDirectory,
  startCoreAlone,
  startFakeProvider,
} from '#test-support';

// Every row of the table "When a provider fails" in docs/operating.md, on a route that passes everything through and on
// one that is translated. The titles are the first column.
type Way = 'passed' | 'translated';

interface Seen {
  readonly status: number;
  /** `x-throughline-problem`: an answer of ours. */
  readonly problem?: string;
  readonly retryAfter?: string;
  /** `error.type` of a JSON body. */
  readonly errorType?: string;
  /** The connection broke before the end of the answer. */
  readonly isBroken?: true;
  /** The last event of a stream. */
  readonly lastEvent?: string;
}

interface Row {
  readonly isStreaming?: true;
  readonly answer: (way: Way) => AnswerScript;
  readonly passed: Seen;
  readonly translated: Seen;
}

let provider: FakeProvider;
let cores: Record<Way, CoreAlone>;
const timeouts = { upstreamFirstByteMs: 3_000, upstreamIdleMs: 3_000 };

beforeAll(async () => {
  provider = await startFakeProvider();
  const providerOrigin = provider.origin;
  const [passed, translated] = await Promise.all([
    startCoreAlone({ providerOrigin, config: { timeouts } }),
    startCoreAlone({
      providerOrigin,
      provider: { name: 'chat', format: 'openai', apiKey: 'key-of-chat' },
      config: { timeouts, defaultProvider: 'chat' },
    }),
  ]);
  cores = { passed, translated };
});
afterAll(async () => {
  await Promise.all(Object.values(cores).map((core) => core.stop()));
  await provider.close();
});

const json: [string, string][] = [['content-type', 'application/json']];
const html: [string, string][] = [['content-type', 'text/html']];
const eventStream: [string, string][] = [['content-type', 'text/event-stream']];
const nothing = () => new Promise<never>(() => undefined);

function error(type: string): string {
  return JSON.stringify({ type: 'error', error: { type, message: 'a sentence of the provider' } });
}

/** The first events of a stream, in the format that the route expects. */
function begun(way: Way): string {
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [], usage: {} };
  const choices = [{ index: 0, delta: { role: 'assistant', content: 'Yes' }, finish_reason: null }];
  return way === 'passed'
    ? `event: message_start\ndata: ${JSON.stringify({ type: 'message_start', message })}\n\n`
    : `data: ${JSON.stringify({ id: 'c', model: 'm', choices })}\n\n`;
}

/** Resets every open connection to the provider: core has one with the request, and idle ones. */
function resetAll(): Promise<never> {
  for (const connection of provider.connections) if (connection.closed === undefined) connection.reset();
  return nothing();
}

function speakAnotherProtocol(): Promise<never> {
  for (const connection of provider.connections) {
    if (connection.closed === undefined) connection.sendUnasked('220 mail.example ESMTP\r\n');
  }
  return nothing();
}

const ours = (problem: string, status: number, errorType: string): Seen => ({ status, problem, errorType });
const closed = ours('upstream-closed', 502, 'api_error');
const silent = ours('upstream-timeout', 504, 'timeout_error');
const invalid = ours('upstream-invalid', 502, 'api_error');
const failed: Seen = { status: 502, errorType: 'api_error' };

const rows: Readonly<Record<string, Row>> = {
  'answers 529': {
    answer: () => ({ status: 529, headers: json, body: [error('overloaded_error')] }),
    passed: { status: 529, errorType: 'overloaded_error' },
    translated: { status: 529, errorType: 'overloaded_error' },
  },
  'answers 429 with `Retry-After`': {
    answer: () => ({
      status: 429,
      headers: [...json, ['retry-after', '7']],
      body: [error('rate_limit_error')],
    }),
    passed: { status: 429, errorType: 'rate_limit_error', retryAfter: '7' },
    translated: { status: 429, errorType: 'rate_limit_error', retryAfter: '7' },
  },
  'answers 502 with a page of HTML': {
    answer: () => ({ status: 502, headers: html, body: ['<h1>Bad Gateway</h1>'] }),
    passed: { status: 502 },
    translated: failed,
  },
  'resets the connection before it answers': { answer: () => resetAll, passed: closed, translated: closed },
  'sends nothing for `upstream_first_byte`': { answer: () => nothing, passed: silent, translated: silent },
  'answers with something that is not HTTP': {
    answer: () => speakAnotherProtocol,
    passed: invalid,
    translated: invalid,
  },
  'breaks off in the middle of a whole answer': {
    answer: () => ({ headers: json, body: ['{"id":'], claimedLength: 50, ending: 'fin' }),
    passed: { status: 200, isBroken: true },
    translated: closed,
  },
  'breaks off in the middle of a stream': {
    isStreaming: true,
    answer: (way) => ({ headers: eventStream, framing: 'chunked', body: [begun(way)], ending: 'reset' }),
    passed: { status: 200, isBroken: true, lastEvent: 'message_start' },
    translated: { status: 200, lastEvent: 'error' },
  },
  'sends nothing more for `upstream_idle` in the middle of a stream': {
    isStreaming: true,
    answer: (way) => ({ headers: eventStream, framing: 'chunked', body: [begun(way)], ending: 'stall' }),
    passed: { status: 200, isBroken: true, lastEvent: 'message_start' },
    translated: { status: 200, isBroken: true, lastEvent: 'content_block_delta' },
  },
  'answers 200 with something that is not JSON': {
    answer: () => ({ headers: json, body: ['lorem ipsum'] }),
    passed: { status: 200 },
    translated: invalid,
  },
  'answers 200 with an empty body': {
    answer: () => ({ headers: json, body: [] }),
    passed: { status: 200 },
    translated: invalid,
  },
  'answers a stream with another content type and a page of HTML': {
    isStreaming: true,
    answer: () => ({ headers: html, body: ['<p>Please log in.</p>'] }),
    passed: { status: 200 },
    translated: failed,
  },
  'answers a stream with lines that are no events': {
    isStreaming: true,
    answer: () => ({ headers: eventStream, framing: 'chunked', body: ['data: {oops\n\n', 'lorem\n\n'] }),
    passed: { status: 200 },
    translated: failed,
  },
  'answers an empty stream': {
    isStreaming: true,
    answer: () => ({ headers: eventStream, framing: 'chunked', body: [] }),
    passed: { status: 200 },
    translated: failed,
  },
};

async function ask(way: Way, { isStreaming, answer }: Row): Promise<Seen> {
  provider.respondOnceWith(answer(way));
  const body = {
    model: 'claude-asked',
    max_tokens: 5,
    stream: isStreaming === true,
    messages: [{ role: 'user', content: 'Light the lamp.' }],
  };
  const response = await fetch(`${cores[way].url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const { text, isBroken } = await readAll(response);
  const problem = response.headers.get('x-throughline-problem');
  const retryAfter = response.headers.get('retry-after');
  const errorType = /^\{.*"error":\{"type":"(\w+)"/.exec(text)?.[1];
  const lastEvent = [...text.matchAll(/^event: (\w+)$/gm)].at(-1)?.[1];
  return {
    status: response.status,
    ...(problem === null ? {} : { problem }),
    ...(retryAfter === null ? {} : { retryAfter }),
    ...(errorType === undefined ? {} : { errorType }),
    ...(isBroken ? { isBroken } : {}),
    ...(lastEvent === undefined ? {} : { lastEvent }),
  };
}

async function readAll(response: Response): Promise<{ readonly text: string; readonly isBroken: boolean }> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const piece of response.body ?? []) text += decoder.decode(piece, { stream: true });
    return { text, isBroken: false };
  } catch {
    return { text, isBroken: true };
  }
}

describe('what a client sees when a provider', () => {
  for (const [title, row] of Object.entries(rows)) {
    it(title, async () => {
      expect(await ask('passed', row)).toEqual(row.passed);
      provider.forget();
      expect(await ask('translated', row)).toEqual(row.translated);
    });
  }
});

describe('docs/operating.md', () => {
  it('has exactly these rows', () => {
    const text = readFileSync(join(projectDirectory, 'docs/operating.md'), 'utf8');
    const [, section = ''] = text.split('## When a provider fails');
    const [table = ''] = section.split('\n## ');
    const titles = [...table.matchAll(/^\| ([^|]+) \|/gm)].map(([, cell]) => cell!.trim());
    expect(titles.slice(2)).toEqual(Object.keys(rows));
  });
});
