import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { waitFor } from '#test-support';
import { exampleExchange, plainAnswer } from '../testing/example-exchange.ts';
import { runServer } from '../testing/running-server.ts';

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

  it('is said to be pruned when it was, everywhere, and the rest of its request is shown', async () => {
    await using data = await runServer({ hasThreads: true });
    const example = exampleExchange({ facts: plainAnswer, response: 'hello' });
    await data.store(example);
    const { id } = example.exchange;
    await data.writer.pruneBodies({}, Date.UTC(2026, 10, 2));
    const sentence =
      'The bodies of this request were deleted on 2026-11-02; everything else about it is kept.';
    for (const side of ['request', 'response', 'response&decoded=1']) {
      const answer = await data.get(`/api/v2/requests/${id}/body?side=${side}`);
      expect(answer.status).toBe(410);
      expect(await answer.json()).toEqual({ error: sentence, code: 'body-pruned' });
    }
    expect(await data.json(`/api/v2/requests/${id}`)).toMatchObject({
      body: null,
      bodyProblem: sentence,
      bodiesPrunedAt: '2026-11-02T00:00:00.000Z',
      response: { statusCode: 200, bodyProblem: sentence },
    });
    const outline = `/api/v2/requests/${id}/outline`;
    const isAnswered = async () => (await data.get(outline)).status === 200;
    await waitFor(isAnswered, { what: 'the outline' });
    expect(await data.json(outline)).toMatchObject({
      blocks: [],
      problems: [expect.stringContaining(sentence), expect.stringContaining(sentence)],
    });
    const har = await data.get('/api/v2/requests/export?format=har');
    expect([har.status, JSON.parse(await har.text()).log.entries.length]).toEqual([200, 1]);
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
