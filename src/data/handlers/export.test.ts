import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '#test-support';
import { exampleExchange, exampleStartMs } from '../testing/example-exchange.ts';
import { type RunningServer, runServer } from '../testing/running-server.ts';

const many = 1_203;
let server: RunningServer;

beforeAll(async () => {
  server = await runServer({ hasThreads: true });
  await server.store(
    exampleExchange({
      number: 0,
      request: '{"model":"claude-large-1","messages":[{"role":"user","content":"a, \\"b\\""}]}',
      facts: { askedModel: '=HYPERLINK("http://evil.invalid")', query: 'beta=true' },
    }),
    exampleExchange({ number: 1, request: Buffer.from([0xff, 0xfe, 0x00]) }),
    ...Array.from({ length: many - 2 }, (_, n) =>
      exampleExchange({ number: n + 2, request: '{}', facts: { sessionId: 'bulk' } }),
    ),
  );
  await waitFor(async () => {
    const status = server.threads?.index.status;
    return status?.state === 'current' && status.through === many;
  });
});
afterAll(() => server[Symbol.asyncDispose]());

async function exported(query: string): Promise<{ text: string; headers: Headers }> {
  const answer = await server.get(`/api/v2/requests/export?${query}`);
  expect(answer.status).toBe(200);
  return { text: await answer.text(), headers: answer.headers };
}

const notBulk = `q=${encodeURIComponent('-session:bulk')}`;

describe('an export', () => {
  it('has every request that fits, newest first, however many pages that are', async () => {
    const { text, headers } = await exported('format=jsonl');
    const rows = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { timestamp: string });
    expect(rows).toHaveLength(many);
    expect(rows[0]!.timestamp).toBe(new Date(exampleStartMs + (many - 1) * 1000).toISOString());
    expect(headers.get('content-disposition')).toBe('attachment; filename="throughline-requests.jsonl"');
    expect((await exported(`format=jsonl&${notBulk}`)).text.trimEnd().split('\n')).toHaveLength(2);
    expect((await exported('format=jsonl&limit=7')).text.trimEnd().split('\n')).toHaveLength(7);
  });

  it('as CSV quotes what needs it and makes no formula of what a client sent', async () => {
    const { text } = await exported(`format=csv&${notBulk}`);
    const [head, , first] = text.split('\r\n');
    expect(head).toMatch(/^time,request_id,session_id,/);
    expect(first).toContain(`"'=HYPERLINK(""http://evil.invalid"")"`);
    expect(first).toContain(',200,complete,end_turn,,12,5,34,');
    expect((await exported('format=csv&q=session:nobody')).text.split('\r\n')).toEqual([head, '']);
  });

  it('as an HTTP Archive has headers, times and bodies, those that are no text as base64', async () => {
    const { text } = await exported(`format=har&${notBulk}`);
    const { log } = JSON.parse(text) as { log: { version: string; entries: Record<string, never>[] } };
    expect(log.version).toBe('1.2');
    expect(log.entries).toMatchObject([
      {
        request: {
          postData: { text: Buffer.from([0xff, 0xfe, 0x00]).toString('base64'), encoding: 'base64' },
        },
      },
      {
        startedDateTime: new Date(exampleStartMs).toISOString(),
        request: {
          method: 'POST',
          queryString: [{ name: 'beta', value: 'true' }],
          postData: { text: expect.stringContaining('a, \\"b\\"') },
        },
        response: { status: 200, content: { text: expect.stringContaining('message_start') } },
      },
    ]);
    const [{ time, timings } = { time: 0, timings: {} }] = log.entries as unknown as {
      time: number;
      timings: Record<string, number>;
    }[];
    expect(Object.values(timings).reduce((sum, part) => sum + part, 0)).toBeCloseTo(time);
    expect(JSON.parse((await exported('format=har&q=session:nobody')).text).log.entries).toEqual([]);
  });

  it('without a format, or with a query that is not understood, is refused', async () => {
    expect((await server.get('/api/v2/requests/export')).status).toBe(400);
    expect((await server.get('/api/v2/requests/export?format=xml')).status).toBe(400);
    expect((await server.get('/api/v2/requests/export?format=csv&q=nope:1')).status).toBe(400);
  });
});
