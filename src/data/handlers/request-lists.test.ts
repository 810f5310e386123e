import { describe, expect, it } from 'vitest';
import { contract, type RequestLog, type RequestSummary } from '#api';
import { createStoreAccess } from '../store-access.ts';
import { exampleExchange } from '../testing/example-exchange.ts';
import { runServer } from '../testing/running-server.ts';
import { requestListHandlers } from './request-lists.ts';

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

  it('S4: have the keys that older clients read, with the status filled in', async () => {
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

  it('S13: take an offset without a limit', async () => {
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

  it('S6: compare times as instants, whatever their offset', async () => {
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

  it('S12: filter by model, provider, session, agent, tag, status and outcome', async () => {
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

  it('S8: read the bodies of the page that was asked for, and no others', async () => {
    await using data = await runServer();
    await data.store(...numbered(12));
    const read: string[] = [];
    const watched = new Proxy(data.writer, {
      get(store, name) {
        const value: unknown = Reflect.get(store, name);
        if (typeof value !== 'function') return value;
        return (...given: unknown[]) => {
          if (name === 'body') read.push(String(given[0]));
          return value.apply(store, given) as unknown;
        };
      },
    });
    const access = createStoreAccess(async () => watched, { nowMs: Date.now, pauseMs: 1 });
    const ask = () => Promise.reject(new Error('nothing is derived here'));
    const handler = requestListHandlers({ access, ask, nowMs: Date.now })['requests.full'];
    const answer = await handler({
      query: { page: 2, limit: 3, tz: 'UTC' },
      id: '',
      request: new Request('http://localhost/api/requests'),
      isHead: false,
      breakOff: () => undefined,
    });
    const { requests } = (await (answer as Response).json()) as { requests: RequestLog[] };
    expect(requests.map(({ requestId }) => requestId)).toEqual([...new Set(read)]);
    expect(requests).toHaveLength(3);
  });

  it('S14: show a request of which hardly anything is known, and count it like any other', async () => {
    await using data = await runServer();
    const known = exampleExchange({ number: 1 });
    const { askedModel: _, answeredModel: __, status: ___, ...facts } = known.exchange;
    await data.store(exampleExchange({ number: 2 }), { ...known, exchange: facts });
    const page = (await data.json('/api/requests/summary')) as SummaryPage;
    expect(page).toMatchObject({ total: 2, requests: [{}, { requestId: facts.id }] });
    expect(page.requests[1]).not.toHaveProperty('model');
    expect(await data.json('/api/requests')).toMatchObject({
      total: 2,
      requests: [{}, { requestId: facts.id }],
    });
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
