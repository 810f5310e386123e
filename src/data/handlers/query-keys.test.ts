import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { notSearched, queryKeys } from '#search';
import { makeTempDir, type TempDir, waitFor } from '#test-support';
import { exampleExchange, exampleStartMs, plainAnswer } from '../testing/example-exchange.ts';
import { type RunningServer, runServer } from '../testing/running-server.ts';

let server: RunningServer;
let directory: TempDir;

const says = (text: string) => JSON.stringify({ messages: [{ role: 'user', content: text }] });
const attempt = (number: number, result: 'answered' | 'refused') => ({
  attempt: number,
  provider: 'anthropic',
  origin: 'http://127.0.0.1:9',
  result,
  startedUs: 300,
});

/** Three requests that have nothing in common that a key could ask for. */
const exchanges = [
  exampleExchange({
    number: 0,
    request: says('Why is the disk full?'),
    facts: {
      sessionId: 's0',
      agentId: 'agent-zero',
      agentName: 'planner',
      tag: 'blue',
      askedModel: 'claude-opus-4-5',
      answeredModel: 'claude-opus-4-5',
      requestIdHeader: 'req_zero',
      routeReason: 'rule of plans: it was asked for; best by cost',
      usage: {
        inputTokens: 10,
        outputTokens: 20,
        cacheReadTokens: 0,
        cacheWriteTokens: 40,
        thinkingTokens: 5,
      },
      firstTokenUs: 1_000_000,
      lastByteUs: 2_000_000,
      clientVersion: '2.1.0',
      requestHeaders: ['X-Stainless-OS', 'Linux', 'anthropic-beta', 'one-2025-01-01, two-2025-02-02'],
      attempts: [attempt(1, 'refused'), attempt(2, 'answered')],
    },
  }),
  exampleExchange({
    number: 1,
    request: says('Sum it up'),
    response: 'x'.repeat(5_000),
    facts: {
      ...plainAnswer,
      path: '/v1/responses',
      sessionId: 's1',
      agentId: undefined as never,
      agentName: undefined as never,
      provider: 'openai',
      askedModel: 'gpt-x',
      answeredModel: 'gpt-x',
      requestClass: 'compaction',
      status: 529,
      errorType: 'overloaded_error',
      stopReason: undefined as never,
      usage: {},
      toolsCalled: [],
      clientVersion: '1.0.0',
      firstTokenUs: undefined as never,
      lastByteUs: 50_000,
      requestHeaders: ['X-Stainless-OS', 'MacOS'],
    },
  }),
  exampleExchange({
    number: 2,
    request: says('Count the whales'),
    facts: {
      path: '/v1/chat/completions',
      sessionId: 's2',
      agentId: undefined as never,
      agentName: undefined as never,
      provider: 'other',
      askedModel: 'small',
      answeredModel: 'small',
      outcome: 'client-aborted',
      status: 429,
      stopReason: undefined as never,
      usage: { inputTokens: 1000, outputTokens: 2000, cacheReadTokens: 3000 },
      toolsCalled: ['Write', 'Write'],
      clientVersion: '3.0.0',
      firstTokenUs: 100_000,
      lastByteUs: 60_000_000,
    },
  }),
].map((stored) => ({
  ...stored,
  exchange: Object.fromEntries(
    Object.entries(stored.exchange).filter(([, value]) => value !== undefined),
  ) as unknown as typeof stored.exchange,
}));

/** The transcript of the first session: the answer of the first request stands on two of its lines. */
const line = {
  sessionId: 's0',
  cwd: '/home/me/my-app',
  gitBranch: 'feature/whales',
  timestamp: '2026-01-02T03:04:06.000Z',
};
const answer = (uuid: string, text: string) => ({
  ...line,
  type: 'assistant',
  uuid,
  requestId: 'req_zero',
  message: {
    id: 'msg_zero',
    role: 'assistant',
    content: [{ type: 'text', text }],
    usage: { input_tokens: 10, output_tokens: 20 },
  },
});
const transcript = [
  { ...line, type: 'user', uuid: 'u', message: { role: 'user', content: 'Why is the disk full?' } },
  answer('a', 'Because of the logs.'),
  answer('b', 'And of the dumps.'),
];

beforeAll(async () => {
  directory = makeTempDir('query-keys');
  mkdirSync(directory.join('-home-me-my-app'));
  writeFileSync(
    directory.join('-home-me-my-app/s0.jsonl'),
    transcript.map((each) => `${JSON.stringify(each)}\n`).join(''),
  );
  server = await runServer({
    hasThreads: true,
    transcripts: { roots: [{ kind: 'claude', directory: directory.path }], keepsDeleted: true },
  });
  await server.store(...exchanges);
  const isThere = async (q: string) => (await found(q)).length > 0;
  let missing = '';
  await waitFor(
    async () => {
      for (missing of ['disk', 'os:linux', 'project:my-app', 'has:transcript'])
        if (!(await isThere(missing))) return false;
      return true;
    },
    { what: () => `${missing} to find something` },
  );
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  directory.remove();
});

async function ask(q: string): Promise<{ status: number; body: unknown }> {
  const response = await server.get(`/api/v2/requests/search?q=${encodeURIComponent(q)}`);
  return { status: response.status, body: await response.json() };
}

/** Numbers of the requests that were found, in order. */
async function found(q: string): Promise<number[]> {
  const { status, body } = await ask(q);
  expect(status, `${q}: ${JSON.stringify(body)}`).toBe(200);
  return (body as { requests: { timestamp: string }[] }).requests
    .map(({ timestamp }) => Math.round((Date.parse(timestamp) - exampleStartMs) / 1000))
    .sort();
}

/** Each finds these and nothing else. */
const answers: readonly (readonly [query: string, numbers: readonly number[]])[] = [
  ['model:claude-opus*', [0]],
  ['model:GPT-X', [1]],
  ['provider:openai', [1]],
  ['status:529', [1]],
  ['status:4xx', [2]],
  ['error:overloaded*', [1]],
  ['tool:write', [2]],
  ['tools.n:2', [2]],
  ['tools.n:0', [1]],
  ['agent:planner', [0]],
  ['agent:agent-z*', [0]],
  ['session:s1', [1]],
  ['project:my-app', [0]],
  ['project:-home-me-my-app', [0]],
  ['project:"/home/me/my-app"', [0]],
  ['project:my*', [0]],
  ['project:home', []],
  ['-project:my-app', [1, 2]],
  ['cwd:/home/me/*', [0]],
  ['cwd:my-app', []],
  ['branch:feature/*', [0]],
  ['branch:main', []],
  ['route:"rule of plans"', [0]],
  ['-route:"rule of plans"', [1, 2]],
  ['cost:>0', [0]],
  ['in:10', [0]],
  ['out:>=2k', [2]],
  ['cr:3000', [2]],
  ['cw:40', [0]],
  ['think:>0', [0]],
  ['tokens:70', [0]],
  ['ttft:>=1s', [0]],
  ['dur:<1s', [1]],
  ['tps:20', [0]],
  ['stop:end_turn', [0]],
  ['size:>4kb', [1]],
  ['stream:false', [1]],
  ['has:thinking', [0]],
  ['has:tools', [0, 2]],
  ['has:cost', [0]],
  ['has:transcript', [0]],
  ['-has:transcript', [1, 2]],
  ['is:done', [0]],
  ['is:failed', [1, 2]],
  ['is:aborted', [2]],
  ['is:retried', [0]],
  ['is:rate-limited', [2]],
  ['is:cache-miss', [0]],
  ['is:compaction', [1]],
  ['is:subagent', [0]],
  ['path:/v1/responses', [1]],
  ['id:ID1', [1]],
  ['tag:blue', [0]],
  ['ver:3*', [2]],
  ['os:linux', [0]],
  ['os:(linux,macos)', [0, 1]],
  ['beta:two*', [0]],
  ['beta:two', []],
  ['time:<2026-01-02T03:04:06Z', [0]],
  ['entry:ENTRY', [0]],
  ['entry:1', []],
  ['text:disk', [0]],
  ['text:"the whales"', [2]],
  ['text:(disk OR whales)', [0, 2]],
  ['-text:disk status:429', [2]],
];

describe('the keys of the query language', () => {
  it.each(answers)('%s finds what it should and nothing else', async (query, numbers) => {
    const entry = query.includes('ENTRY') ? await lastEntry() : 0;
    const id = exchanges[1]!.exchange.id;
    expect(await found(query.replace('ENTRY', String(entry)).replace('ID1', id))).toEqual(numbers);
  });

  it('are all tried here, and so is each of their words', () => {
    const tried = answers.filter(([, { length }]) => length > 0).map(([query]) => query);
    for (const [key, { takes }] of Object.entries(queryKeys)) {
      expect(
        tried.some((query) => query.startsWith(`${key}:`)),
        key,
      ).toBe(true);
      if (takes === 'word' && key !== 'stream')
        for (const word of queryKeys[key as 'is' | 'has'].words) expect(tried).toContain(`${key}:${word}`);
    }
  });

  it('finds the same request by every line of its answer', async () => {
    const last = await lastEntry();
    expect(await found(`entry:${last - 1}`)).toEqual([0]);
    expect(await found(`entry:${last - 1}..${last}`)).toEqual([0]);
  });

  it.each(Object.keys(notSearched))('%s says why it finds nothing', async (name) => {
    const query = name.includes(':') ? name : `${name}:anything`;
    const { status, body } = await ask(query);
    expect(status).toBe(400);
    expect((body as { error: string }).error).toContain(notSearched[name]);
    expect((await ask(`disk OR -${query}`)).status).toBe(400);
  });
});

describe('lists of requests with a query', () => {
  const ids = exchanges.map(({ exchange }) => exchange.id);
  const failed = [{ requestId: ids[2] }, { requestId: ids[1] }];

  it('have what fits, in both generations', async () => {
    expect(await server.json('/api/requests/summary?q=is:failed')).toMatchObject({
      requests: failed,
      total: 2,
      offset: 0,
      limit: 0,
      nextCursor: null,
    });
    expect(await server.json('/api/requests?q=is:failed&limit=1')).toMatchObject({
      requests: [{ requestId: ids[2], body: { messages: [{ content: 'Count the whales' }] } }],
      total: 2,
    });
    expect(await server.json('/api/v2/requests?q=is:failed')).toMatchObject({
      requests: failed,
      nextCursor: null,
    });
    const bare = await server.get('/api/v2/requests/summary?q=is:failed&limit=1&offset=1');
    expect([await bare.json(), bare.headers.get('x-total-count')]).toMatchObject([[failed[1]], '2']);
  });

  it('go on by cursor, page and offset', async () => {
    const first = await server.get('/api/v2/requests?q=is:failed&limit=1');
    expect(await first.json()).toMatchObject({ requests: [failed[0]] });
    const [, next] = /<(.+)>; rel="next"/.exec(first.headers.get('link') ?? '') ?? [];
    expect(await server.json(next!)).toMatchObject({ requests: [failed[1]], nextCursor: null });
    expect(await server.json('/api/requests?q=is:failed&limit=1&page=2')).toMatchObject({
      requests: [failed[1]],
    });
    expect(await server.json('/api/requests/summary?q=is:failed&offset=2')).toMatchObject({
      requests: [],
      total: 2,
    });
  });

  it('take their other filters besides', async () => {
    const filters = [
      ['provider=openai', 1],
      ['session=s2', 2],
      ['model=GPT', 1],
      ['path=/v1/responses', 1],
      ['status=5xx', 1],
      ['outcome=client-aborted', 2],
      [`before=${exampleStartMs + 1_500}`, 1],
      ['start=2026-01-02T03:04:07Z&end=2026-01-03', 2],
    ] as const;
    for (const [filter, number] of filters)
      expect(await server.json(`/api/requests/summary?q=is:failed&${filter}`), filter).toMatchObject({
        requests: [{ requestId: ids[number] }],
        total: 1,
      });
    for (const filter of ['tag=blue', 'agent=agent-zero', 'model=%25', 'provider=nobody'])
      expect(await server.json(`/api/v2/requests/summary?q=is:failed&${filter}`), filter).toEqual([]);
    expect(
      await server.json('/api/requests/summary?q=model:claude*&agent=agent-zero&tag=blue'),
    ).toMatchObject({
      requests: [{ requestId: ids[0] }],
    });
  });

  it('refuse what is not understood, also where something would be deleted', async () => {
    for (const path of [
      '/api/requests',
      '/api/requests/summary',
      '/api/v2/requests',
      '/api/v2/requests/summary',
    ]) {
      const answer = await server.get(`${path}?q=mdoel:x`);
      expect([answer.status, await answer.json()], path).toMatchObject([400, { code: 'bad-parameter' }]);
    }
    const deletion = await server.get('/api/requests?q=is:failed', {
      method: 'DELETE',
      headers: { 'x-throughline-request': '1' },
    });
    expect(deletion.status).toBe(400);
    expect(await server.json('/api/requests/summary')).toMatchObject({ total: 3 });
  });
});

describe('suggested values', () => {
  it.each([
    ['status', ['200', '429', '529']],
    ['tool', ['Read', 'Write']],
    ['project', ['-home-me-my-app']],
    ['os', ['Linux', 'MacOS']],
    ['beta', ['one-2025-01-01', 'two-2025-02-02']],
  ])('of %s are what requests have, each request once', async (key, values) => {
    const answer = await server.json(`/api/v2/suggest?key=${key}`);
    expect(answer).toEqual({
      values: values.map((value) => ({ value, requests: 1 })),
      completeFrom: null,
    });
  });

  it('of rules count the default provider as well', async () => {
    expect(await server.json('/api/v2/suggest?key=route')).toMatchObject({
      values: [
        { value: 'The default provider.', requests: 2 },
        { value: 'rule of plans', requests: 1 },
      ],
    });
  });

  it('begin as wanted and fit the query', async () => {
    expect(await server.json('/api/v2/suggest?key=tool&prefix=wr')).toMatchObject({
      values: [{ value: 'Write', requests: 1 }],
    });
    expect(await server.json('/api/v2/suggest?key=status&q=is:failed&prefix=5')).toMatchObject({
      values: [{ value: '529', requests: 1 }],
    });
  });
});

/** The last line of the transcript, as the search in texts names it. */
async function lastEntry(): Promise<number> {
  const { sessions } = (await server.json('/api/v2/search?q=dumps')) as {
    sessions: { found: { entry: number }[] }[];
  };
  return sessions[0]!.found[0]!.entry;
}
