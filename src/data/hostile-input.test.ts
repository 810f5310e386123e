import { describe, expect, it } from 'vitest';
import { contract, type Route } from '#api';
import { exampleExchange } from './testing/example-exchange.ts';
import { type RunningServer, runServer } from './testing/running-server.ts';

const routes = Object.values<Route>(contract).filter(
  ({ method, answer }) => method === 'GET' && answer.kind !== 'events',
);

/** For paths with an id that is not one of a request. */
const exampleIds: Readonly<Record<string, string>> = {
  '/api/v2/claude/projects/{id}': '-home-me',
  '/api/v2/claude/todos/{id}': 'session-one',
  '/api/v2/claude/plans/{id}': '1',
  '/api/conversations/{id}': 'session-one',
  '/api/v2/conversations/{id}': 'session-one',
  '/api/v2/sessions/{id}': 'nobody',
  '/api/v2/sessions/{id}/thread': 'nobody',
};

/** Of an id that nobody knows there is simply nothing. */
const isEmptyForUnknown: ReadonlySet<string> = new Set([
  '/api/v2/conversations/{id}/messages',
  '/api/v2/conversations/{id}/usage',
]);

function examplePath({ path }: Route): string {
  return path.replace('{id}', exampleIds[path] ?? exampleExchange().exchange.id);
}

/** What some routes cannot do without. */
const needed =
  'side=request&start=2026-01-01&end=2026-01-03&q=disk&key=model&project=-home-me&at=a0.b0&path=/v1/messages&format=jsonl';

const corpus = [
  `' OR '1'='1`,
  `'; DROP TABLE exchanges; --`,
  `" UNION SELECT name FROM sqlite_master --`,
  '%',
  '_%_',
  '\\',
  '*?[a-z]',
  '(((((((((((((((((((((((((((((((((',
  'NEAR(a b, 0) AND "x" OR NOT *',
  '__proto__',
  'constructor',
  '[object Object]',
  '\u0000',
  'a\u0000b',
  '\r\nX-Injected: yes',
  '\u202e\u2028\u2029\ud800',
  '9'.repeat(400),
  '-1',
  '1e308',
  'NaN',
  'Infinity',
  '0x10',
  '9007199254740993',
  '../../../../etc/passwd',
  '<script>alert(1)</script>',
  '{{7*7}}$' + '{7*7}',
  'A'.repeat(1024),
  'A'.repeat(1025),
  '[]',
  '{"$gt":""}',
];
const rawCorpus = [
  '%ff',
  '%c0%af',
  '%',
  '%zz',
  '%u0041',
  '%ed%a0%80',
  '+',
  '&&&===',
  '=',
  '?',
  '%00',
  '__proto__[x]=1',
  'constructor.prototype.x=1',
];
const leak = /sqlite|SELECT|syntax error|no such|\/tmp\/|node_modules|\.ts:\d|at [A-Za-z]+ \(/;

async function check(data: RunningServer, path: string): Promise<void> {
  const answer = await data.get(path);
  const text = await answer.text();
  const shown = `${path.slice(0, 200)} → ${answer.status} ${text.slice(0, 200)}`;
  expect([200, 400, 404], shown).toContain(answer.status);
  expect(answer.headers.get('x-injected'), shown).toBeNull();
  if (answer.status !== 200) expect(withoutQuotation(text), shown).not.toMatch(leak);
}

function decodedOr(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** An error in a query shows the query that was sent, with a caret under it. */
function withoutQuotation(text: string): string {
  return text.replace(/^\{"error":".*?\\n *\^+\\n/, '');
}

describe('hostile input', () => {
  it('SEC-12: in any parameter of any route is an empty answer or a clear error, never a leak', async () => {
    await using data = await runServer({ hasThreads: true });
    await data.store(exampleExchange());
    for (const route of routes) {
      const path = examplePath(route);
      for (const name of Object.keys(route.query.shape)) {
        for (const value of corpus)
          await check(data, `${path}?${name}=${encodeURIComponent(value.toWellFormed())}&${needed}`);
        for (const value of rawCorpus) await check(data, `${path}?${name}=${value}&${needed}`);
      }
    }
    expect(await data.json('/api/requests/summary')).toMatchObject({ total: 1 });
    expect(data.logged.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  });

  it('SEC-12: in the id of a request finds nothing', async () => {
    await using data = await runServer({ hasThreads: true });
    await data.store(exampleExchange());
    for (const route of routes.filter(({ path }) => path.includes('{id}'))) {
      for (const value of [
        ...corpus.map((text) => encodeURIComponent(text.toWellFormed())),
        '%ff',
        '%c0%af',
        '%25',
        '%ed%a0%80',
      ]) {
        const answer = await data.get(`${route.path.replace('{id}', value)}?side=request`);
        // `..` is taken out by whoever builds the address, and other routes may be left.
        const expected = isEmptyForUnknown.has(route.path) ? [200, 404, 400] : [404, 400];
        if (!value.includes('..')) expect(expected, value).toContain(answer.status);
        // An answer may repeat the id that was asked for.
        const text = (await answer.text()).replace(JSON.stringify(decodedOr(value)), '');
        expect(text).not.toMatch(leak);
      }
    }
  });

  it('SEC-12: in headers and in too many parameters is borne', async () => {
    await using data = await runServer({ hasThreads: true });
    await data.store(exampleExchange());
    const headers = {
      'last-event-id': `' OR 1=1`,
      'x-forwarded-for': '__proto__',
      accept: '*/*;q=NaN',
      range: 'bytes=9-1',
    };
    for (const route of routes) {
      const path = examplePath(route);
      const answer = await data.get(`${path}?${needed}`, { headers });
      expect(answer.status, path).toBe(Object.hasOwn(exampleIds, route.path) ? 404 : 200);
      await answer.arrayBuffer();
    }
    const many = Array.from({ length: 1000 }, (_, i) => `p${i}=1`).join('&');
    expect((await data.get(`/api/requests/summary?${many}`)).status).toBe(400);
    expect((await data.get(`/api/requests/summary?model=${'a'.repeat(20_000)}`)).status).toBe(400);
  });

  it('SEC-13: pollutes no prototype, neither from the query nor from what was recorded', async () => {
    await using data = await runServer();
    const hostile = exampleExchange({
      facts: {
        requestHeaders: ['__proto__', 'polluted', 'constructor', 'x', 'toString', 'y'],
        tag: '__proto__',
        toolsDeclared: ['__proto__', 'constructor'],
      },
      request: '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
      response:
        'event: message_start\ndata: {"__proto__":{"polluted":1},"type":"message_start","message":{"__proto__":{"polluted":1},"usage":{"__proto__":{"polluted":1}}}}\n\n',
    });
    await data.store(hostile);
    for (const query of [
      '__proto__=1',
      '__proto__[polluted]=1',
      'constructor[prototype][polluted]=1',
      'hasOwnProperty=1',
    ]) {
      for (const path of [
        '/api/requests/summary',
        '/api/requests',
        `/api/v2/requests/${hostile.exchange.id}`,
      ]) {
        expect((await data.get(`${path}?${query}`)).status).toBe(200);
      }
    }
    const text = await (await data.get(`/api/v2/requests/${hostile.exchange.id}`)).text();
    expect(text).toContain('"__proto__":["polluted"]');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
