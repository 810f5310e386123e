import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { contract, type RequestLog, type RequestSummary } from '#api';
import { exampleExchange, plainAnswer } from '../testing/example-exchange.ts';
import { runServer } from '../testing/running-server.ts';

type SummaryPage = {
  requests: RequestSummary[];
  total: number;
  offset: number;
  limit: number;
  nextCursor: string | null;
};

const numbered = (count: number) => Array.from({ length: count }, (_, number) => exampleExchange({ number }));

describe('lists of requests', () => {
  it('are empty arrays, never null, when nothing is stored', async () => {
    await using data = await runServer();
    expect(await data.json('/api/requests/summary')).toEqual({
      requests: [],
      total: 0,
      offset: 0,
      limit: 0,
      nextCursor: null,
    });
    expect(await data.json('/api/requests')).toEqual({ requests: [], total: 0 });
    expect(await data.json('/api/v2/requests/summary')).toEqual([]);
    expect(await data.json('/api/v2/requests')).toEqual({ requests: [], nextCursor: null });
    expect(await data.json('/api/v2/requests/open')).toEqual([]);
    expect(await data.json('/api/requests/latest-date')).toEqual({ latestDate: null });
  });

  it('have the keys that older clients read, with the status filled in', async () => {
    await using data = await runServer();
    const example = exampleExchange();
    await data.store(example);
    const page = (await data.json('/api/requests/summary')) as SummaryPage;
    expect(page).toMatchObject({ total: 1, offset: 0, limit: 0 });
    expect(page.requests[0]).toMatchObject({
      requestId: example.exchange.id,
      timestamp: '2026-01-02T03:04:05.678Z',
      method: 'POST',
      endpoint: '/v1/messages',
      model: 'claude-large-1',
      originalModel: 'claude-large-1',
      routedModel: 'claude-large-1',
      provider: 'anthropic',
      subagentName: 'reviewer',
      toolsUsed: ['Read', 'Write'],
      toolCallCount: 1,
      statusCode: 200,
      responseTime: 81,
      firstByteTime: 25,
      usage: { input_tokens: 12, output_tokens: 5, cache_read_input_tokens: 34 },
      outcome: 'complete',
      sessionId: 'session-one',
    });
  });

  it('answer exactly what the contract says', async () => {
    await using data = await runServer();
    await data.store(...numbered(3));
    await data.writer.commit({ exchanges: [], positions: [], open: [openExample()] });
    for (const key of [
      'requests.full',
      'requests.summary',
      'requests.list',
      'requests.summary.v2',
      'requests.open',
      'requests.latestDate',
    ] as const) {
      const body = await data.json(contract[key].path);
      expect(contract[key].answer.schema.safeParse(body).error, key).toBeUndefined();
    }
  });

  it('take an offset without a limit', async () => {
    await using data = await runServer();
    await data.store(...numbered(5));
    const page = (await data.json('/api/requests/summary?offset=3')) as SummaryPage;
    expect(page.requests.map((row) => row.timestamp)).toEqual([
      '2026-01-02T03:04:06.678Z',
      '2026-01-02T03:04:05.678Z',
    ]);
    expect(page).toMatchObject({ total: 5, offset: 3, limit: 0 });
  });

  it('tell total, offset and limit of the bare array in headers', async () => {
    await using data = await runServer();
    await data.store(...numbered(5));
    const answer = await data.get('/api/v2/requests/summary?offset=1&limit=2');
    expect(await answer.json()).toHaveLength(2);
    expect(['x-total-count', 'x-offset', 'x-limit'].map((name) => answer.headers.get(name))).toEqual([
      '5',
      '1',
      '2',
    ]);
    const byDefault = await data.get('/api/v2/requests/summary?limit=nonsense');
    expect(byDefault.headers.get('x-limit')).toBe('100');
  });

  it('compare times as instants, whatever their offset', async () => {
    await using data = await runServer();
    await data.store(...numbered(4));
    const second = Date.UTC(2026, 0, 2, 3, 4, 6, 678);
    const ranges = [
      ['2026-01-02T03:04:06.678Z', '2026-01-02T03:04:07.678Z'],
      ['2026-01-01T22:04:06.678-05:00', '2026-01-02T08:34:07.678+05:30'],
      [String(second), String(second + 1000)],
    ];
    for (const [start, end] of ranges) {
      const query = new URLSearchParams({ start: start!, end: end! });
      const page = (await data.json(`/api/requests/summary?${query}`)) as SummaryPage;
      expect(
        page.requests.map((row) => row.timestamp),
        start!,
      ).toEqual(['2026-01-02T03:04:06.678Z']);
    }
    expect(((await data.json(`/api/requests/summary?start=${second}`)) as SummaryPage).total).toBe(4);
    expect(((await data.json(`/api/requests/summary?since=${second}`)) as SummaryPage).total).toBe(3);
    expect((await data.get('/api/requests/summary?start=yesterday&end=today')).status).toBe(400);
  });

  it('filter by model, provider, session, agent, tag, status and outcome', async () => {
    await using data = await runServer();
    await data.store(
      exampleExchange({ number: 1 }),
      exampleExchange({
        number: 2,
        facts: {
          askedModel: 'Sonnet_100%',
          provider: 'other',
          sessionId: 's2',
          agentId: 'a2',
          tag: 'blue',
          status: 529,
          outcome: 'upstream-failed',
        },
      }),
    );
    const filters = [
      'model=sonnet',
      'model=_100%25',
      'provider=other',
      'session=s2',
      'agent=a2',
      'tag=blue',
      'status=529',
      'status=5xx',
      'status=error',
      'outcome=upstream-failed',
    ];
    for (const filter of filters) {
      const rows = (await data.json(`/api/v2/requests/summary?${filter}`)) as RequestSummary[];
      expect(
        rows.map((row) => row.provider),
        filter,
      ).toEqual(['other']);
    }
    expect(await data.json('/api/v2/requests/summary?model=%25')).toHaveLength(1);
    expect(await data.json('/api/v2/requests/summary?model=all')).toHaveLength(2);
    expect(await data.json('/api/v2/requests/summary?model=none')).toEqual([]);
  });

  it('page by cursor through everything once, also while new requests arrive', async () => {
    await using data = await runServer();
    await data.store(...numbered(7));
    const seen: string[] = [];
    let path: string | undefined = '/api/v2/requests?limit=3';
    while (path) {
      const answer = await data.get(path);
      const body = (await answer.json()) as { requests: RequestSummary[]; nextCursor: string | null };
      expect(answer.headers.get('x-next-cursor')).toBe(body.nextCursor);
      seen.push(...body.requests.map((row) => row.requestId));
      await data.store(exampleExchange({ number: 100 + seen.length }));
      path = /<(.+)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1];
    }
    expect(seen).toEqual(
      numbered(7)
        .map(({ exchange }) => exchange.id)
        .reverse(),
    );
    expect((await data.get('/api/v2/requests?cursor=bm90aGluZw')).status).toBe(400);
  });

  it('of any length are written as they are read', async () => {
    await using data = await runServer();
    await data.store(...numbered(2300));
    const page = (await data.json('/api/requests/summary')) as SummaryPage;
    expect(new Set(page.requests.map((row) => row.requestId)).size).toBe(2300);
    expect(page).toMatchObject({ total: 2300, nextCursor: null });
    const limited = (await data.json('/api/requests/summary?limit=1500&offset=10')) as SummaryPage;
    expect(limited.requests).toHaveLength(1500);
    const rest = (await data.json(`/api/requests/summary?cursor=${limited.nextCursor}`)) as SummaryPage;
    expect(rest.requests).toHaveLength(2300 - 1510);
  });

  it('show requests with their bodies page by page', async () => {
    await using data = await runServer();
    await data.store(...numbered(12));
    const first = (await data.json('/api/requests')) as { requests: RequestLog[]; total: number };
    expect(first.requests.map((row) => (row.body as { number: number }).number)).toEqual([
      11, 10, 9, 8, 7, 6, 5, 4, 3, 2,
    ]);
    expect(await data.json('/api/requests?page=2&limit=10')).toMatchObject({
      requests: [{ body: { number: 1 } }, { body: { number: 0 } }],
      total: 12,
    });
    expect(await data.json('/api/requests?page=9')).toEqual({ requests: [], total: 12 });
  });
});

describe('one request', () => {
  it('shows the request, the assembled answer and what was measured', async () => {
    await using data = await runServer();
    const example = exampleExchange({ number: 3 });
    await data.store(example);
    const { request, fullId } = (await data.json(`/api/requests/${example.exchange.id}`)) as {
      request: RequestLog;
      fullId: string;
    };
    expect(fullId).toBe(example.exchange.id);
    expect(contract['requests.one'].answer.schema.safeParse({ request, fullId }).error).toBeUndefined();
    expect(request).toMatchObject({
      body: { model: 'claude-large-1', stream: true, number: 3 },
      headers: {
        'User-Agent': ['example-agent/1'],
        'Content-Type': ['application/json'],
        'X-Api-Key': ['fp:0123'],
      },
      userAgent: 'example-agent/1',
      contentType: 'application/json',
      provider: 'anthropic',
      subagentName: 'reviewer',
      toolsUsed: ['Read', 'Write'],
      toolCallCount: 1,
      unaltered: { request: true, response: true },
      response: {
        statusCode: 200,
        headers: { 'X-Twice': ['a', 'b'] },
        body: {
          id: 'msg_example',
          content: [{ type: 'text', text: 'Good morning' }],
          stop_reason: 'end_turn',
        },
        responseTime: 81,
        firstByteTime: 25,
        isStreaming: true,
        completedAt: '2026-01-02T03:04:08.759Z',
        toolCallCount: 1,
      },
    });
    expect(request.response?.streamingChunks).toHaveLength(6);
    expect(request.response?.streamingChunks?.[5]).toBe('data: {"type":"message_stop"}');
    expect(await data.json(`/api/v2/requests/${example.exchange.id}`)).toEqual(request);
  });

  it('is found by the beginning or the end of its id, when that is its alone', async () => {
    await using data = await runServer();
    const [one, other] = [exampleExchange({ number: 1 }), exampleExchange({ number: 2 })];
    await data.store(one, other);
    const id = one.exchange.id;
    expect(await data.json(`/api/v2/requests/${id.slice(-8)}`)).toMatchObject({ requestId: id });
    expect(await data.json(`/api/v2/requests/${id.slice(0, 20).toUpperCase()}`)).toMatchObject({
      requestId: id,
    });
    expect((await data.get(`/api/v2/requests/${id.slice(0, 4)}`)).status).toBe(400);
  });

  it('that does not exist is not found', async () => {
    await using data = await runServer();
    await data.store(exampleExchange());
    for (const id of [
      '00000000000000000000000000000000',
      'ffff',
      '%25',
      '%ff',
      '__proto__',
      'x'.repeat(500),
      "'%20OR%201=1--",
    ]) {
      for (const path of [
        `/api/requests/${id}`,
        `/api/v2/requests/${id}`,
        `/api/v2/requests/${id}/body?side=request`,
      ]) {
        const answer = await data.get(path);
        expect(answer.status, path).toBe(404);
        expect(await answer.json()).toEqual({ error: 'Request not found', code: 'not-found' });
      }
    }
  });

  it('shows an error as JSON and as text, and an answer that never came not at all', async () => {
    await using data = await runServer();
    const text = '{"type":"error","error":{"type":"overloaded_error","message":"Busy"}}';
    const failed = exampleExchange({
      number: 1,
      facts: { ...plainAnswer, status: 529, usage: {} },
      response: text,
    });
    const { status: _, ...unanswered } = exampleExchange({
      number: 2,
      facts: { outcome: 'client-aborted' },
      response: '',
    }).exchange;
    await data.store(failed, { ...exampleExchange({ number: 2 }), exchange: unanswered });
    expect(await data.json(`/api/v2/requests/${failed.exchange.id}`)).toMatchObject({
      response: { statusCode: 529, body: JSON.parse(text), bodyText: text },
    });
    const log = (await data.json(`/api/v2/requests/${unanswered.id}`)) as RequestLog;
    expect(log.response).toBeUndefined();
    expect(log.outcome).toBe('client-aborted');
  });

  it('shows bodies decoded, and text where there is no JSON', async () => {
    await using data = await runServer();
    const zipped = exampleExchange({
      number: 1,
      facts: {
        isStreaming: false,
        responseHeaders: ['content-type', 'application/json', 'Content-Encoding', 'gzip'],
      },
      request: 'not { json',
      response: gzipSync('{"answer":42}'),
    });
    const broken = exampleExchange({
      number: 2,
      facts: { ...plainAnswer, responseHeaders: ['content-encoding', 'gzip'] },
      request: '',
      response: 'this is not gzip',
    });
    await data.store(zipped, broken);
    expect(await data.json(`/api/v2/requests/${zipped.exchange.id}`)).toMatchObject({
      body: null,
      bodyText: 'not { json',
      response: { body: { answer: 42 } },
    });
    const log = (await data.json(`/api/v2/requests/${broken.exchange.id}`)) as RequestLog;
    expect(log.body).toBeNull();
    expect(log.response?.bodyProblem).toBe('The content encoding cannot be undone.');
  });

  it('passes JSON on as it stands, however large its numbers and however deep', async () => {
    await using data = await runServer();
    const text = `{"n":12345678901234567890.10,"__proto__":{"x":1},"deep":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
    const example = exampleExchange({ request: text });
    await data.store(example);
    const answer = await (await data.get(`/api/v2/requests/${example.exchange.id}`)).text();
    expect(answer.includes(`"body":${text}`)).toBe(true);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it('leaves out a body over 8 MiB and says where it is', async () => {
    await using data = await runServer();
    const large = exampleExchange({
      facts: plainAnswer,
      request: JSON.stringify('x'.repeat(8 * 1024 * 1024)),
    });
    await data.store(large);
    const log = (await data.json(`/api/v2/requests/${large.exchange.id}`)) as RequestLog;
    expect(log).toMatchObject({ body: null, bodyTruncated: true });
    const body = await (await data.get(log.bodyUrl)).arrayBuffer();
    expect(createHash('sha256').update(Buffer.from(body)).digest('hex')).toBe(log.sha256.request);
  });
});

describe('the exact body', () => {
  it('comes byte for byte, with its length, as a download nothing will run', async () => {
    await using data = await runServer();
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * i) % 251));
    const example = exampleExchange({ facts: plainAnswer, response: bytes });
    await data.store(example);
    const path = `/api/v2/requests/${example.exchange.id}/body?side=response`;
    for (const method of ['GET', 'HEAD']) {
      const answer = await data.get(path, { method });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-length')).toBe('3000000');
      expect(answer.headers.get('content-type')).toBe('application/octet-stream');
      expect(answer.headers.get('content-disposition')).toMatch(/^attachment;/);
      expect(answer.headers.get('content-security-policy')).toContain('sandbox');
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      const received = Buffer.from(await answer.arrayBuffer());
      expect(received.equals(method === 'GET' ? bytes : Buffer.alloc(0))).toBe(true);
    }
  });

  it('comes decoded when asked for', async () => {
    await using data = await runServer();
    const facts = { isStreaming: false, responseHeaders: ['content-encoding', 'gzip'] };
    const example = exampleExchange({ number: 1, facts, response: gzipSync('hello') });
    const broken = exampleExchange({ number: 2, facts, response: 'hello' });
    await data.store(example, broken);
    const answer = await data.get(`/api/v2/requests/${example.exchange.id}/body?side=response&decoded=1`);
    expect(answer.headers.get('content-length')).toBe('5');
    expect(await answer.text()).toBe('hello');
    expect(
      (await data.get(`/api/v2/requests/${broken.exchange.id}/body?side=response&decoded=1`)).status,
    ).toBe(400);
    expect((await data.get(`/api/v2/requests/${example.exchange.id}/body`)).status).toBe(400);
    expect((await data.get(`/api/v2/requests/${example.exchange.id}/body?side=both`)).status).toBe(400);
  });

  it('of which a part was lost is what there is of it', async () => {
    await using data = await runServer();
    const example = exampleExchange({
      response: 'rest',
      facts: { responseBytes: 10, responseBytesMissing: 6 },
    });
    await data.store(example);
    const answer = await data.get(`/api/v2/requests/${example.exchange.id}/body?side=response`);
    expect(await answer.text()).toBe('rest');
  });

  it('that is not as long as it should be ends with a broken connection, not with a clean end', async () => {
    await using data = await runServer();
    const example = exampleExchange({ response: 'short', facts: { responseBytes: 10 } });
    await data.store(example);
    const answer = await data.get(`/api/v2/requests/${example.exchange.id}/body?side=response`);
    await expect(answer.text()).rejects.toThrow();
    expect((await data.get('/livez')).status).toBe(200);
  });
});

describe('deleting requests', () => {
  const json = { method: 'DELETE', headers: { 'content-type': 'application/json' } };

  it('deletes all of them', async () => {
    await using data = await runServer();
    await data.store(...numbered(3));
    expect(await data.json('/api/requests', json)).toEqual({
      deleted: 3,
      message: 'Request history cleared',
    });
    expect(await data.json('/api/requests/summary')).toMatchObject({ requests: [], total: 0 });
  });

  it('deletes those before a time', async () => {
    await using data = await runServer();
    await data.store(...numbered(3));
    const before = '2026-01-02T03:04:06.678Z';
    const init = { method: 'DELETE', headers: { 'x-throughline-request': '1' } };
    expect(await data.json(`/api/requests?before=${before}`, init)).toMatchObject({ deleted: 1 });
  });

  it('SEC-16: deletes nothing for a request that a page could send, or that has a parameter too many', async () => {
    await using data = await runServer();
    await data.store(...numbered(3));
    expect((await data.get('/api/requests', { method: 'DELETE' })).status).toBe(400);
    const form = { method: 'DELETE', headers: { 'content-type': 'text/plain' }, body: 'x' };
    expect((await data.get('/api/requests', form)).status).toBe(400);
    expect((await data.get('/api/requests?befor=2026-01-01', json)).status).toBe(400);
    expect((await data.get('/api/requests?before=', json)).status).toBe(400);
    expect(await data.json('/api/requests/summary')).toMatchObject({ total: 3 });
  });
});

function openExample() {
  const { id, receivedAtMs, method, path, coreId } = exampleExchange({ number: 50 }).exchange;
  return {
    id,
    receivedAtMs,
    method,
    path,
    coreId,
    provider: 'anthropic',
    requestBytes: 10,
    responseBytes: 0,
  };
}
