import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { contract, type RequestLog } from '#api';
import { exampleExchange, plainAnswer } from '../testing/example-exchange.ts';
import { runServer } from '../testing/running-server.ts';

const numbered = (count: number) => Array.from({ length: count }, (_, number) => exampleExchange({ number }));

describe('one request', () => {
  it('S5: shows the request, the assembled answer and what was measured', async () => {
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

  it('S9: is found by the beginning or the end of its id, when that is its alone', async () => {
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

  it('S9, S15: that does not exist is not found', async () => {
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

  it('deletes those that the filter of the lists describes, and no others', async () => {
    await using data = await runServer();
    const [one, two, three] = numbered(3);
    await data.store(
      one!,
      { ...two!, exchange: { ...two!.exchange, sessionId: 's-2', status: 500 } },
      { ...three!, exchange: { ...three!.exchange, sessionId: 's-2', status: 200 } },
    );
    expect(await data.json('/api/requests?session=s-2&status=5xx', json)).toMatchObject({ deleted: 1 });
    const left = (await data.json('/api/v2/requests')) as { requests: { requestId: string }[] };
    expect(left.requests.map(({ requestId }) => requestId).sort()).toEqual(
      [one!, three!].map(({ exchange }) => exchange.id as string).sort(),
    );
  });

  it('says what it would delete, without deleting it', async () => {
    await using data = await runServer();
    await data.store(...numbered(3));
    const before = '2026-01-02T03:04:06.678Z';
    expect(await data.json(`/api/requests?before=${before}&dry_run=1`, json)).toEqual({
      deleted: 0,
      matched: 1,
      message: 'Nothing was deleted',
    });
    expect(await data.json('/api/requests/summary')).toMatchObject({ total: 3 });
  });

  it('deletes nothing for half a range, which would restrict nothing', async () => {
    await using data = await runServer();
    await data.store(...numbered(3));
    for (const half of ['start', 'end']) {
      const refused = await data.get(`/api/requests?${half}=2026-01-02T03:04:06.678Z`, json);
      expect(refused.status).toBe(400);
      expect(await refused.text()).toContain('half a range');
    }
    expect(await data.json('/api/requests/summary')).toMatchObject({ total: 3 });
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
