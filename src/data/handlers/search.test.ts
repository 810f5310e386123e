import { mkdirSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { makeTempDir, waitFor } from '#test-support';
import { exampleExchange, exampleStartMs } from '../testing/example-exchange.ts';
import { type RunningServer, runServer } from '../testing/running-server.ts';

const queriesToTry = Number(process.env.THROUGHLINE_FUZZ_REQUESTS ?? 300);

let server: RunningServer;

/** Three requests: a question and its follow-up in one session, another question in another. */
beforeAll(async () => {
  server = await runServer({ hasThreads: true });
  const ask = (...texts: string[]) =>
    JSON.stringify({
      model: 'claude-large-1',
      messages: texts.map((content) => ({ role: 'user', content })),
    });
  await server.store(
    exampleExchange({ number: 0, request: ask('Why is the disk full?') }),
    exampleExchange({ number: 1, request: ask('Why is the disk full?', 'Look at fs.rmSync(path) again') }),
    exampleExchange({
      number: 2,
      request: ask('Write about a disk'),
      facts: {
        sessionId: 'session-two',
        status: 529,
        errorType: 'overloaded_error',
        answeredModel: 'claude-small-1',
      },
    }),
  );
  await waitFor(async () => (await found('disk')).sessions.length === 2);
});
afterAll(() => server[Symbol.asyncDispose]());

describe('the search in texts', () => {
  it('answers sessions with the places and what was found in them', async () => {
    const { sessions, total, isComplete } = await found('disk -about');
    expect({ total, isComplete }).toEqual({ total: 1, isComplete: true });
    const [first] = (await server.writer.storedAfter(0, 1)).map(({ id }) => id);
    expect(sessions[0]).toMatchObject({
      sessionId: 'session-one',
      matches: 1,
      found: [
        {
          source: 'wire',
          requestId: first,
          role: 'user',
          kind: 'text',
          snippet: { text: 'Why is the disk full?', highlights: [[11, 15]] },
        },
      ],
    });
  });

  it('finds pieces of code that are quoted', async () => {
    expect(sessionsIn(await found('"mSync(pa"'))).toEqual(['session-one']);
  });

  it('takes conditions on requests beside the words', async () => {
    expect(sessionsIn(await found('disk model:claude-small*'))).toEqual(['session-two']);
    expect(sessionsIn(await found('disk -is:failed'))).toEqual(['session-one']);
    expect(sessionsIn(await found('disk', '&session=session-two'))).toEqual(['session-two']);
    expect(sessionsIn(await found('disk', `&since=${exampleStartMs + 1500}`))).toEqual(['session-two']);
  });

  it('refuses a query with the place and the nearest key', async () => {
    const response = await server.get(`/api/v2/search?q=${encodeURIComponent('disk mdoel:x')}`);
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: string };
    expect(error.split('\n').slice(0, 2)).toEqual(['disk mdoel:x', '     ^^^^^']);
    expect(error).toContain('Did you mean `model`?');
  });

  it('refuses a query without a word, and one that mixes words and keys', async () => {
    for (const q of ['-disk', 'model:x', 'disk OR model:x', '->'])
      expect((await server.get(`/api/v2/search?q=${encodeURIComponent(q)}`)).status, q).toBe(400);
    expect((await server.get('/api/v2/search')).status).toBe(400);
  });
});

describe('the search in conversations for older clients', () => {
  it.each(['/api/conversations/search', '/api/v2/conversations/search'])(
    '%s keeps its shape',
    async (path) => {
      expect(await server.json(`${path}?q=disk%20full`)).toEqual({
        query: 'disk full',
        results: [
          {
            conversationId: 'session-one',
            projectName: '',
            projectPath: '',
            matchCount: 1,
            lastActivity: new Date(exampleStartMs).toISOString(),
          },
        ],
        total: 1,
        limit: 50,
        offset: 0,
      });
      const empty = { results: [], total: 0, limit: 50, offset: 0 };
      expect(await server.json(`${path}?q=%20`)).toEqual({ query: ' ', ...empty });
      expect(await server.json(`${path}?q=nowhere&limit=1000`)).toEqual({ query: 'nowhere', ...empty });
      const missing = await server.get(`${path}?q=`);
      expect([missing.status, await missing.json()]).toEqual([
        400,
        { error: "Query parameter 'q' is required", code: 'bad-parameter' },
      ]);
    },
  );

  it('finds what only stands in a transcript, with its project', async () => {
    const home = makeTempDir('transcripts');
    onTestFinished(() => home.remove());
    const line = {
      type: 'user',
      uuid: 'u1',
      sessionId: 'session-three',
      timestamp: '2026-11-01T10:00:00.000Z',
      message: { role: 'user', content: 'Count the whales' },
    };
    mkdirSync(home.join('-home-me-sea'));
    writeFileSync(home.join('-home-me-sea/session-three.jsonl'), `${JSON.stringify(line)}\n`);
    const roots = [{ kind: 'claude', directory: home.path }] as const;
    await using other = await runServer({ hasThreads: true, transcripts: { roots, keepsDeleted: true } });
    const ask = (more: string) => other.json(`/api/conversations/search?q=whales${more}`);
    const project = '-home-me-sea';
    const expected = {
      total: 1,
      results: [
        {
          conversationId: 'session-three',
          projectName: project,
          projectPath: project,
          matchCount: 1,
          lastActivity: '2026-11-01T10:00:00.000Z',
        },
      ],
    };
    await waitFor(
      async () => ((await ask(`&project=${project}`)) as Found['conversations']).results.length > 0,
    );
    expect(await ask('')).toMatchObject(expected);
    expect(await ask(`&project=${project}`)).toMatchObject(expected);
    expect(await ask('&project=-home-me')).toMatchObject({ total: 0, results: [] });
  });

  it('I8: asks for all words, knows phrases and beginnings, and does not find names of types', async () => {
    const conversations = async (q: string) =>
      ((await server.json(`/api/conversations/search?q=${encodeURIComponent(q)}`)) as { total: number })
        .total;
    expect(await conversations('disk nowhere')).toBe(0);
    expect(await conversations('disk OR nowhere')).toBe(2);
    expect(await conversations('"the disk"')).toBe(1);
    expect(await conversations('dis*')).toBe(2);
    expect(await conversations('user')).toBe(0);
    expect(await conversations('error: "disk')).toBe(0);
  });

  it('pages', async () => {
    const page = (await server.json(
      '/api/conversations/search?q=disk&limit=1&offset=1',
    )) as Found['conversations'];
    expect(page.results.map(({ conversationId }) => conversationId)).toEqual(['session-one']);
    expect(page.total).toBe(2);
  });
});

describe('the search among requests', () => {
  it('lists what fits, newest first, page by page', async () => {
    const all = await requests('');
    expect(all.requests).toHaveLength(3);
    const first = await requests('', '&limit=2');
    const second = await requests('', `&limit=2&cursor=${first.nextCursor}`);
    expect([...first.requests, ...second.requests]).toEqual(all.requests);
    expect(second.nextCursor).toBeNull();
  });

  it('fulfils each key', async () => {
    const numbers = async (q: string) =>
      (await requests(q)).requests.map(({ timestamp }) =>
        Math.round((Date.parse(timestamp) - exampleStartMs) / 1000),
      );
    expect(await numbers('model:claude-small-1')).toEqual([2]);
    expect(await numbers('model:CLAUDE-LARGE-1-dated')).toEqual([1, 0]);
    expect(await numbers('model:!claude-small-1')).toEqual([1, 0]);
    expect(await numbers('provider:anth*')).toEqual([2, 1, 0]);
    expect(await numbers('status:5xx')).toEqual([2]);
    expect(await numbers('-status:5xx')).toEqual([1, 0]);
    expect(await numbers('error:*')).toEqual([2]);
    expect(await numbers('error:overloaded_error OR id:0000')).toEqual([2]);
    expect(await numbers('tool:read')).toEqual([2, 1, 0]);
    expect(await numbers('tools.n:>1')).toEqual([]);
    expect(await numbers('agent:reviewer session:session-two')).toEqual([2]);
    expect(await numbers('in:12 out:>=5 cr:30..40 tokens:>40')).toEqual([2, 1, 0]);
    expect(await numbers('cost:>0')).toEqual([]);
    expect(await numbers('-has:cost')).toEqual([2, 1, 0]);
    expect(await numbers('dur:<1h size:>10b stream:true stop:end_turn path:/v1/messages ver:2.1.0')).toEqual([
      2, 1, 0,
    ]);
    expect(await numbers('is:failed')).toEqual([2]);
    expect(await numbers('is:done')).toEqual([1, 0]);
    expect(await numbers('is:(aborted,rate-limited,cache-miss)')).toEqual([]);
    expect(await numbers('is:subagent has:tools')).toEqual([2, 1, 0]);
    expect(await numbers('tag:x')).toEqual([]);
    expect(await numbers('has:thinking')).toEqual([]);
    expect(await numbers('time:2026-01-02')).toEqual([2, 1, 0]);
    expect(await numbers('time:today')).toEqual([]);
    expect(await numbers('time:<2026-01-02T03:04:06Z')).toEqual([0]);
  });

  it('finds the request with which something was said first', async () => {
    const { requests: rows } = await requests('"disk full" OR rmSync');
    expect(rows.map(({ timestamp }) => timestamp)).toEqual(
      [1, 0].map((number) => new Date(exampleStartMs + number * 1000).toISOString()),
    );
    expect((await requests('disk status:529')).requests).toHaveLength(1);
    expect((await requests('-disk')).requests).toHaveLength(1);
  });

  it('counts by time and by value', async () => {
    expect(await server.json('/api/v2/requests/histogram?bucket=86400')).toEqual({
      query: '',
      bucketSeconds: 86400,
      buckets: [{ from: '2026-01-02T00:00:00.000Z', requests: 3, failed: 1 }],
      completeFrom: null,
    });
    expect(await server.json('/api/v2/requests/histogram?bucket=1&q=session:session-one')).toMatchObject({
      buckets: [
        { requests: 1, failed: 0 },
        { requests: 1, failed: 0 },
      ],
    });
    expect(await server.json('/api/v2/suggest?key=model')).toEqual({
      values: [
        { value: 'claude-large-1-dated', requests: 2 },
        { value: 'claude-small-1', requests: 1 },
      ],
      completeFrom: null,
    });
    expect(await server.json('/api/v2/suggest?key=session&prefix=SESSION-T&q=is:failed')).toMatchObject({
      values: [{ value: 'session-two', requests: 1 }],
    });
    expect((await server.get('/api/v2/suggest?key=constructor')).status).toBe(400);
    expect((await server.get('/api/v2/requests/histogram?tz=Nowhere')).status).toBe(400);
  });
});

describe('any text as a query', () => {
  it('is answered or refused, and never breaks anything', async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'model:',
        'time:',
        'is:',
        'cost:>',
        'id:',
        'in:',
        'mdoel:',
        'tool:(',
        'status:',
        'has:',
      ),
      fc.constantFrom(
        '"',
        '(',
        ')',
        '-',
        '*',
        ' OR ',
        ' AND ',
        ' NOT ',
        '!',
        '..',
        '\u0000',
        '\ud800',
        '%',
        "'",
        '\\',
        '_',
      ),
      fc.constantFrom(
        'disk',
        'NEAR(a b, 2)',
        '{text}: x',
        '^disk',
        '5xx',
        'failed',
        '2h',
        '10k',
        'größe',
        '日本語',
      ),
      fc.string({ maxLength: 5 }),
    );
    const text = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(' '));
    const paths = [
      '/api/v2/search',
      '/api/v2/requests/search',
      '/api/conversations/search',
      '/api/v2/requests/histogram',
    ];
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(text, fc.constantFrom(...paths), async (q, path) => {
        const response = await server.get(`${path}?${new URLSearchParams({ q })}`);
        await response.text();
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
        expect([200, 400]).toContain(response.status);
      }),
      { numRuns: queriesToTry },
    );
    expect([...statuses.keys()].sort()).toEqual([200, 400]);
    expect((await found('disk')).sessions).toHaveLength(2);
  });
});

interface Found {
  readonly texts: {
    readonly sessions: readonly { readonly sessionId: string | null }[];
    readonly total: number;
    readonly isComplete: boolean;
  };
  readonly requests: {
    readonly requests: readonly { readonly timestamp: string }[];
    readonly nextCursor: string | null;
  };
  readonly conversations: {
    readonly results: readonly { readonly conversationId: string }[];
    readonly total: number;
  };
}

async function found(q: string, more = ''): Promise<Found['texts']> {
  const answer = (await server.json(`/api/v2/search?q=${encodeURIComponent(q)}${more}`)) as Found['texts'];
  return 'sessions' in answer ? answer : { sessions: [], total: 0, isComplete: false };
}

function sessionsIn({ sessions }: Found['texts']) {
  return sessions.map(({ sessionId }) => sessionId);
}

async function requests(q: string, more = ''): Promise<Found['requests']> {
  return (await server.json(
    `/api/v2/requests/search?q=${encodeURIComponent(q)}${more}`,
  )) as Found['requests'];
}
