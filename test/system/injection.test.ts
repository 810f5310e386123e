import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contract, type Route } from '#api';
import {
  askOnce,
  type FakeProvider,
  listStored,
  type RawHeaders,
  readBack,
  startFakeProvider,
  startThroughline,
  type Throughline,
} from '#test-support';
import { hostOf, rawStatus } from './hostile-client.ts';

// Texts that mean something to a shell, a database, a file system, a terminal or JavaScript, in every field.
let provider: FakeProvider;
let throughline: Throughline;
let addresses: string[];
let knownId: string;
const outside = 'words of a file outside';

beforeAll(async () => {
  provider = await startFakeProvider();
  throughline = await startThroughline({
    providerOrigin: provider.origin,
    config: { log: { level: 'debug' } },
  });
  addresses = [throughline.frontUrl, throughline.dataUrl];
  await askOnce(throughline.frontUrl, {
    method: 'POST',
    target: '/v1/messages',
    body: '{"model":"claude-x"}',
  });
  knownId = (await readBack(throughline, 1))[0]!.requestId;
  writeFileSync(throughline.home.join('outside.txt'), outside);
  // Somebody laid out links where a careless server would look for pages.
  for (const directory of ['assets', 'public', 'dist']) {
    mkdirSync(join(throughline.dataDir, directory), { recursive: true });
    symlinkSync(throughline.home.join('outside.txt'), join(throughline.dataDir, directory, 'link.js'));
  }
});
afterAll(async () => {
  await throughline?.stop();
  await provider?.close();
});

const getRoutes = Object.values<Route>(contract).filter(
  ({ method, answer }) => method === 'GET' && answer.kind !== 'events',
);

/** Nothing of the machine or of the program may show in an answer. */
function expectNoLeak(text: string, what: string): void {
  const leak =
    /SQLITE_|no such (?:column|table)|syntax error near|\bat \S+ \(|node:internal|\.ts:\d+|node_modules/.exec(
      text,
    );
  expect(leak?.[0], what).toBeUndefined();
  // The configuration in use is shown to whoever may ask, its paths included.
  if (!what.startsWith('/api/v2/config')) expect(text.includes(throughline.dataDir), what).toBe(false);
  expect(text.includes(outside), what).toBe(false);
}

describe('SEC-10: a path or an id that leads somewhere else', () => {
  const ids = [
    ...[
      '..',
      '../..',
      '../../../../etc/passwd',
      '..%2f..%2fetc%2fpasswd',
      '%2e%2e',
      '%2e%2e%2ftoken',
      '..%5c..%5c',
    ],
    ...[
      '%00',
      `${'f'.repeat(32)}%00`,
      '/etc/passwd',
      'C:%5C',
      'file:%2F%2F%2Fetc%2Fpasswd',
      '~',
      '.',
      '*',
      '%25',
      '_',
    ],
    ...['a'.repeat(5_000), '%', '%zz', '-1', '0x10', "'", '$(id)', '`id`', 'NaN', '__proto__', 'constructor'],
  ];

  it.each(['/api/requests/', '/api/v2/requests/'])('as id behind %s finds nothing', async (prefix) => {
    for (const url of addresses) {
      for (const id of ids) {
        for (const suffix of ['', '/body?side=request']) {
          const target = prefix + id + (prefix.includes('v2') ? suffix : '');
          const request = `GET ${target} HTTP/1.1\r\nHost: ${hostOf(url)}\r\n\r\n`;
          const answer = await rawStatus(url, request);
          // An empty id, `.` or `~` may be another route of ours; none of them is a file.
          expect([400, 404, 405], target.slice(0, 80)).toContain(answer);
        }
      }
    }
  });

  it('among the files of the pages finds only those files', async () => {
    const paths = [
      ...[
        '/assets/link.js',
        '/public/link.js',
        '/dist/link.js',
        '/assets',
        '/assets/',
        '/assets/..',
        '/assets/../token',
      ],
      ...[
        '/assets/..%2ftoken',
        '/assets/%2e%2e/token',
        '/assets/..;/token',
        '/assets//token',
        '/assets/start-page.js/',
      ],
      ...[
        '/assets/start-page.js%00',
        '/assets/start-page.js%00.css',
        '/assets/.%2e/token',
        '/assets/START-PAGE.JS',
      ],
      ...[
        '/token',
        '/secret',
        '/data/token',
        '/.env',
        '/config.yaml',
        '/package.json',
        '/throughline.db',
        '/ui/..',
      ],
      ...[
        '/proc/self/environ',
        '/etc/passwd',
        '/journal',
        '/run/state.json',
        '/status/recorder.json',
        '/index.html.bak',
      ],
    ];
    for (const url of addresses) {
      for (const target of paths) {
        const answer = await askOnce(url, { target });
        expect([400, 404], target).toContain(answer.status);
        expectNoLeak(answer.body.toString(), target);
      }
      expect((await askOnce(url, { target: '/assets/start-page.js' })).status).toBe(200);
    }
  });
});

describe('SEC-12: text that a database could take for a command', () => {
  const corpus = [
    ...[
      "'",
      '"',
      "' OR '1'='1",
      "'; DROP TABLE exchanges; --",
      '1 UNION SELECT * FROM sqlite_master',
      '%',
      '_%_%',
      '\\',
    ],
    ...[
      '*',
      '"foo" NEAR bar',
      'a OR b',
      '((((((((',
      'col:val',
      '-',
      '^x',
      "x' AND randomblob(1000000000)--",
      '\u0000',
    ],
    ...[
      '%'.repeat(1_000),
      `${'_%'.repeat(500)}x`,
      '9'.repeat(400),
      '-1',
      '1e308',
      'NaN',
      'null',
      '[]',
      '{"$gt":""}',
    ],
    ...[
      '\u202e',
      '\ud83d\ude00'.repeat(100),
      'a'.repeat(1_024),
      '{{7*7}}',
      '../../x',
      '\r\nX-Evil: 1',
      '"><script>',
    ],
  ];

  it('is an empty answer or a clear error in every parameter of every route', {
    timeout: 120_000,
  }, async () => {
    let turn = 0;
    for (const route of getRoutes) {
      const path = route.path.replace('{id}', knownId);
      for (const name of [...Object.keys(route.query.shape), 'unknown']) {
        turn += 1;
        // Each parameter gets its fifth of the corpus, and each text comes to many parameters.
        for (const value of corpus.filter((_, index) => index % 5 === turn % 5)) {
          const query = new URLSearchParams({
            ...(path.endsWith('/body') ? { side: 'request' } : {}),
            [name]: value,
          });
          const answer = await fetch(`${throughline.frontUrl}${path}?${query}`);
          const text = await answer.text();
          const what = `${path} ${name}=${value.slice(0, 40)}`;
          expect([200, 400, 404, 414], what).toContain(answer.status);
          expect(answer.headers.get('x-evil'), what).toBeNull();
          expectNoLeak(text, what);
        }
      }
    }
    expect(await listStored(throughline)).toHaveLength(1);
  });

  it('in headers of a recorded request is stored as it is and found again', async () => {
    const values = corpus.filter(
      (value) => /^[\x20-\x7e]+$/.test(value) && value.trim() === value && value.length < 200,
    );
    const headers: RawHeaders = [
      'x-claude-code-session-id',
      'x-claude-code-agent-id',
      'User-Agent',
      'X-Any',
    ].map((name, index) => [name, values[index]!] as const);
    const before = (await listStored(throughline)).length;
    for (const value of values.slice(0, 20)) {
      const own: RawHeaders = [['x-claude-code-session-id', value], ...headers.slice(1)];
      const body = JSON.stringify({ model: value, metadata: { user_id: value }, messages: [] });
      await askOnce(throughline.frontUrl, { method: 'POST', target: '/v1/messages', headers: own, body });
    }
    const stored = (await readBack(throughline, before + 20)).slice(before);
    expect(stored.map(({ sessionId }) => sessionId).sort()).toEqual(values.slice(0, 20).sort());
    for (const value of values.slice(0, 20)) {
      const query = new URLSearchParams({ session: value });
      const answer = await fetch(`${throughline.dataUrl}/api/v2/requests?${query}`);
      const { requests } = (await answer.json()) as { requests: unknown[] };
      expect(requests, value).toHaveLength(1);
    }
  });
});

describe('SEC-13: names that mean something to JavaScript', () => {
  const names = [
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    '__defineGetter__',
    'then',
  ];

  it('pollute nothing, in headers, query, bodies and events', async () => {
    const before = (await listStored(throughline)).length;
    const headers: RawHeaders = names.map((name) => [name, 'polluted'] as const);
    const query = names.map((name) => `${name}=polluted&${name}[polluted]=1&${name}.polluted=1`).join('&');
    const poison = `{${names.map((name) => `"${name}":{"polluted":true,"status":500}`).join(',')},"model":"__proto__"}`;
    const event = `event: message_start\ndata: {"type":"message_start","message":${poison}}\n\n`;
    provider.respondOnceWith({
      headers: [['content-type', 'text/event-stream'], ...headers],
      framing: 'chunked',
      body: [
        event,
        `event: __proto__\ndata: ${poison}\n\n`,
        'event: message_stop\ndata: {"type":"message_stop"}\n\n',
      ],
      trailers: headers,
    });
    const target = `/v1/messages?${query}`;
    expect(
      (await askOnce(throughline.frontUrl, { method: 'POST', target, headers, body: poison })).status,
    ).toBe(200);
    const stored = await readBack(throughline, before + 1);
    for (const url of addresses) {
      for (const route of getRoutes) {
        const path = route.path.replace('{id}', stored.at(-1)!.requestId);
        // To conversations, projects and lists the id of a request says nothing.
        const isOfRequests = /\/requests\/|^[^{]*$/.test(route.path);
        const answer = await askOnce(url, {
          target: `${path}?${path.endsWith('/body') ? 'side=request&' : ''}${query}`,
          headers,
        });
        expect(isOfRequests ? [200, 400] : [200, 400, 404], path).toContain(answer.status);
        expectNoLeak(answer.body.toString(), path);
      }
      for (const name of names) {
        for (const path of [`/api/requests/${name}`, `/${name}`, `/assets/${name}`, `/api/v2/config/${name}`])
          expect([400, 404], path).toContain((await askOnce(url, { target: path })).status);
      }
      const health = await askOnce(url, { target: '/health' });
      expect([health.status, health.body.includes('polluted')]).toEqual([200, false]);
    }
    expect((await askOnce(throughline.frontUrl, { target: '/v1/models' })).status).toBe(200);
  });
});

describe('SEC-15: text that would forge a log', () => {
  it('is one line of JSON for each event, without a control character', async () => {
    const forged = 'x","level":60,"msg":"FORGED';
    const evil = [
      `\x1b[2J\x1b]0;owned\x07`,
      '\u2028FORGED\u2029',
      '\u202eFORGED',
      forged,
      '\x9b31m',
      '\x00FORGED',
    ];
    for (const text of evil) {
      const utf8 = Buffer.from(text).toString('latin1');
      for (const url of [throughline.frontUrl, throughline.coreUrl, throughline.dataUrl]) {
        const fields = `Host: ${hostOf(url)}\r\nUser-Agent: ${utf8}\r\nX-Claude-Code-Agent-Id: ${utf8}\r\nOrigin: ${utf8}\r\n`;
        await rawStatus(url, `GET /api/requests?model=${utf8} HTTP/1.1\r\n${fields}\r\n`);
        await rawStatus(url, `GET /v1/models HTTP/1.1\r\nHost: ${utf8}\r\n\r\n`);
        await rawStatus(url, `G${utf8} /v1/models HTTP/1.1\r\n${fields}\r\n`);
        await rawStatus(url, `GET /v1/models HTTP/1.1\r\n${fields.replace(/Origin.*\r\n/, '')}\r\n`);
      }
      provider.respondOnceWith({
        raw: [Buffer.from(`HTTP/1.1 200 ${text}\r\n${text}\r\n\r\n`)],
        ending: 'fin',
      });
      await askOnce(throughline.frontUrl, {
        method: 'POST',
        target: '/v1/messages',
        body: JSON.stringify({ model: text }),
      });
      provider.respondOnceWith({ raw: [], ending: 'reset' });
      await askOnce(throughline.frontUrl, { method: 'POST', target: '/v1/messages', body: text });
    }
    const lines = throughline.logs().trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
      expect(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]/.test(line), line).toBe(false);
      const { level, service } = JSON.parse(line) as { level: number; service: string };
      expect(['core', 'recorder', 'data', 'supervisor']).toContain(service);
      expect(level).toBeLessThan(60);
    }
    expect(readFileSync(join(throughline.dataDir, 'run/state.json'), 'utf8')).not.toContain('FORGED');
  });
});
