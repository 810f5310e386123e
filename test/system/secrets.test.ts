import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contract, type Route } from '#api';
import {
  askOnce,
  type FakeProvider,
  listStored,
  openRaw,
  ownCli,
  type RawHeaders,
  readBack,
  seededRandom,
  startFakeProvider,
  startNode,
  startThroughline,
  type Throughline,
  waitFor,
  within,
} from '#test-support';
import { filesBelow, hostOf } from './hostile-client.ts';

// SEC-07: credentials are planted wherever a client or a provider may send one, and searched for everywhere.
let provider: FakeProvider;
let throughline: Throughline;
const random = seededRandom(7);
/** What must not be found anywhere, by the place where it was planted. */
const planted = new Map<string, string>();

/** A secret without any recognisable form. */
function secret(where: string): string {
  const value = random.hex(40);
  planted.set(where, value.slice(0, 16));
  return value;
}

const headerForms: readonly (readonly [name: string, value: (secret: string) => string])[] = [
  ['Authorization', (value) => `Bearer ${value}`],
  ['AUTHORIZATION', (value) => `bearer  ${value}`],
  ['authorization', (value) => value],
  ['Authorization', (value) => `Basic ${value}`],
  ['Authorization', (value) => `Digest username="u", response="${value}"`],
  ['x-api-key', (value) => value],
  ['X-API-Key', (value) => ` ${value} `],
  ['x-ApI-kEy', (value) => `sk-ant-api03-${value}`],
  ['api-key', (value) => value],
  ['X-Goog-Api-Key', (value) => value],
  ['Ocp-Apim-Subscription-Key', (value) => value],
  ['Proxy-Authorization', (value) => `Basic ${value}`],
  ['Cookie', (value) => `a=1; session=${value}; b=2`],
  ['X-Auth-Token', (value) => value],
  ['X-Amz-Security-Token', (value) => value],
  ['OpenAI-Api-Key', (value) => value],
  ['X-Throughline-Token', (value) => value],
  ['X-Note', (value) => `my key is sk-proj-${value}`],
  ['X-Forwarded-Authorization', (value) => `Bearer ${value}`],
];

function plantedHeaders(where: string): RawHeaders {
  return headerForms.map(
    ([name, form], index) => [name, form(secret(`${where}, header ${name} (${index})`))] as const,
  );
}

function plantedQuery(where: string): string {
  const names = [
    'key',
    'api_key',
    'apikey',
    'access_token',
    'KEY',
    '%6bey',
    'token',
    'client_secret',
    'X-Amz-Signature',
  ];
  const pairs = names.map((name) => `${name}=${secret(`${where}, query ${name}`)}`);
  return `beta=true&${pairs.join('&')}&sk-ant-api03-${secret(`${where}, bare key in the query`)}`;
}

beforeAll(async () => {
  provider = await startFakeProvider();
  throughline = await startThroughline({
    providerOrigin: provider.origin,
    config: {
      log: { level: 'debug' },
      providers: {
        other: { format: 'openai', base_url: provider.origin, api_key: secret('configured key') },
        third: { format: 'openai', base_url: provider.origin, api_key: `\${THIRD_KEY}` },
      },
    },
    env: { THIRD_KEY: secret('configured key from the environment') },
  });
  await plantEverywhere();
  await readBack(throughline, 7);
});
afterAll(async () => {
  await throughline?.stop();
  await provider?.close();
});

const url = (): string => throughline.frontUrl;

async function plantEverywhere(): Promise<void> {
  await inAnAnswer();
  await inTrailers();
  await inBrokenRequests();
  await inRefusedRequests();
  await inTheWayToData();
}

async function inAnAnswer(): Promise<void> {
  provider.respondOnceWith({
    status: 200,
    headers: [
      ['Set-Cookie', `id=${secret('answer, set-cookie')}; HttpOnly`],
      ['set-cookie', `again=${secret('answer, second set-cookie')}`],
      ['X-Api-Key', secret('answer, echoed x-api-key')],
      ['Authorization', `Bearer ${secret('answer, echoed authorization')}`],
    ],
    body: ['{}'],
  });
  const target = `/p/tag/v1/messages?${plantedQuery('plain request')}`;
  const headers = plantedHeaders('plain request');
  await askOnce(url(), { method: 'POST', target, headers, body: '{}' });
  // The usual answer of the fake provider repeats the path, and bodies are kept as they are.
  provider.respondOnceWith({ body: ['{}'] });
  const path = `/v1/files/sk-ant-api03-${secret('path')}/content`;
  await askOnce(url(), { target: path });
}

async function inTrailers(): Promise<void> {
  provider.respondOnceWith({
    headers: [['Trailer', 'Set-Cookie, X-Api-Key']],
    framing: 'chunked',
    body: ['{}'],
    trailers: [
      ['Set-Cookie', `late=${secret('answer, trailer set-cookie')}`],
      ['X-Api-Key', secret('answer, trailer x-api-key')],
    ],
  });
  const client = await openRaw(url());
  client.send(
    `POST /v1/messages HTTP/1.1\r\nHost: ${hostOf(url())}\r\nTransfer-Encoding: chunked\r\nTrailer: X-Api-Key\r\n\r\n` +
      `2\r\n{}\r\n0\r\nX-Api-Key: ${secret('request, trailer x-api-key')}\r\n` +
      `Authorization: Bearer ${secret('request, trailer authorization')}\r\n\r\n`,
    'POST',
  );
  await client.answer();
  client.close();
}

async function inBrokenRequests(): Promise<void> {
  provider.respondOnceWith({ raw: [], ending: 'reset' });
  const target = `/v1/messages?${plantedQuery('no answer')}`;
  await askOnce(url(), { method: 'POST', target, headers: plantedHeaders('no answer'), body: '{}' });
  const raw = `HTTP/1.1 200 OK\r\nSet-Cookie: a=${secret('invalid answer')}\r\nBad Header: x\r\n\r\n`;
  provider.respondOnceWith({ raw: [raw], ending: 'fin' });
  await askOnce(url(), { method: 'POST', target: '/v1/messages', body: '{}' });
  provider.respondOnceWith({
    headers: [['Set-Cookie', `a=${secret('answer that breaks off')}`]],
    framing: 'chunked',
    body: ['part'],
    ending: 'reset',
  });
  await askOnce(url(), { method: 'POST', target: '/v1/messages', body: '{}' });
  const client = await openRaw(url());
  const fields = plantedHeaders('upload that is left').map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `Host: ${hostOf(url())}\r\n${fields.join('')}Content-Length: 100\r\n`;
  const before = provider.requests.length;
  client.send(`POST /v1/messages?${plantedQuery('upload that is left')} HTTP/1.1\r\n${head}\r\nabc`, 'POST');
  await provider.request(before);
  client.reset();
}

async function inRefusedRequests(): Promise<void> {
  for (const [where, target, extra] of [
    ['foreign host', '/v1/messages', ['Host', 'evil.example']],
    ['foreign origin', '/v1/messages', ['Origin', 'https://evil.example']],
    ['bad target', '/v1/../messages', ['X', 'y']],
    ['upgrade', '/v1/messages', ['Upgrade', 'websocket']],
    ['expectation', '/v1/messages', ['Expect', 'wonders']],
  ] as const) {
    const headers: RawHeaders = [extra, ...plantedHeaders(where)];
    for (const address of [url(), throughline.coreUrl, throughline.dataUrl])
      await askOnce(address, { target: `${target}?${plantedQuery(where)}`, headers });
  }
  for (const address of [url(), throughline.coreUrl, throughline.dataUrl]) {
    const client = await openRaw(address);
    const fields = `Authorization: Bearer ${secret('broken head')}\r\nx-api-key : ${secret('broken field')}\r\n`;
    client.send(
      `GET /v1/x?key=${secret('broken target')} HTTP/1.1\r\nHost: ${hostOf(address)}\r\n${fields}\r\n`,
    );
    await client.waitForEnd();
    const tunnel = await openRaw(address);
    tunnel.send(
      `CONNECT x:${secret('tunnel')} HTTP/1.1\r\nProxy-Authorization: Basic ${secret('tunnel')}\r\n\r\n`,
    );
    await tunnel.waitForEnd();
  }
}

async function inTheWayToData(): Promise<void> {
  for (const address of [url(), throughline.dataUrl]) {
    for (const path of ['/api/v2/requests', '/api/requests/none', '/nothing', '/api/v2/events']) {
      const headers = plantedHeaders('API');
      await askOnce(address, { method: 'HEAD', target: `${path}?${plantedQuery('API')}`, headers });
    }
  }
  await fetch(`${throughline.dataUrl}/api/requests?before=never&key=${secret('refused deletion')}`, {
    method: 'DELETE',
  });
}

/** Names of the places whose secret is found. */
function leaksIn(text: string | Buffer): string[] {
  return [...planted].filter(([, value]) => text.includes(value)).map(([where]) => where);
}

describe('SEC-07: a credential', () => {
  it('does reach the provider, so that this is a test of something', () => {
    const seen = provider.requests.map(({ rawHead }) => rawHead.toString('latin1')).join();
    const reached = leaksIn(seen);
    expect(reached).toContain('plain request, header x-api-key (5)');
    expect(reached).toContain('no answer, query key');
    expect(reached).toContain('path');
  });

  it('S11: is in no file: journal, database and its log, status and run', async () => {
    await within(readBack(throughline, 7), 20_000, 'everything to be stored');
    // A directory that is listed while a file of it is renamed may show neither name.
    const files = await waitFor(() => {
      const found = filesBelow(throughline.home.path);
      const names = found.map((path) => path.slice(throughline.dataDir.length + 1));
      const wanted = ['throughline.db', 'status/recorder.json', 'run/state.json'];
      return wanted.every((name) => names.includes(name)) && names.some((name) => name.endsWith('.seg'))
        ? found.filter((path) => path !== throughline.home.configFile)
        : undefined;
    });
    const leaks = files.flatMap((path) => leaksIn(readFileSync(path)).map((where) => `${path}: ${where}`));
    expect(leaks).toEqual([]);
  });

  it('is in no log line of any service', () => {
    const logs = throughline.logs() + throughline.supervisor.stdout();
    expect(logs).toContain('"service":"core"');
    expect(leaksIn(logs)).toEqual([]);
    expect(logs.includes(throughline.token)).toBe(false);
  });

  it('is in no answer of the API, and the stored headers still tell that there was one', async () => {
    const ids = (await listStored(throughline)).map(({ requestId }) => requestId);
    const routes = Object.values<Route>(contract).filter(({ method }) => method === 'GET');
    const paths = routes.flatMap(({ path }) =>
      path.includes('{id}') ? ids.map((id) => path.replace('{id}', id)) : [path],
    );
    let all = '';
    for (const path of [...paths, '/health', '/metrics', '/']) {
      if (path === '/api/v2/events') continue;
      for (const side of path.endsWith('/body') ? ['?side=request', '?side=response'] : ['?limit=1000'])
        all += await (await fetch(url() + path + side)).text();
    }
    all += await (await fetch(`${throughline.coreUrl}/health`)).text();
    all += await (await fetch(`${throughline.coreUrl}/metrics`)).text();
    all += await firstEvents(7);
    expect(leaksIn(all)).toEqual([]);
    expect(all).toContain('Bearer fp:');
    expect(all.includes(throughline.token)).toBe(false);
  });

  it('is in no output of the command line', { timeout: 120_000 }, async () => {
    const [row] = await listStored(throughline);
    const lines = [
      ['status'],
      ['status', '--json'],
      ['show', row!.requestId],
      ['show', row!.requestId, '--json'],
      ['config', 'show', '--origin'],
      ['config', 'show', '--json'],
      ['config', 'validate'],
      ['db', 'info'],
      ['db', 'verify'],
    ];
    for (const line of lines) {
      const output = await runCli(line);
      expect(output, line.join(' ')).not.toBe('');
      expect(leaksIn(output), line.join(' ')).toEqual([]);
      expect(output.includes(throughline.token)).toBe(false);
    }
  });
});

async function firstEvents(count: number): Promise<string> {
  const client = await openRaw(url());
  client.sendRequest({
    target: '/api/v2/events?last_event_id=0',
    headers: [['accept', 'text/event-stream']],
  });
  const seen = (): number => client.received.toString().split('event: request-stored').length - 1;
  await waitFor(() => seen() >= count, { what: 'the stored events' });
  client.close();
  return client.received.toString();
}

async function runCli(line: readonly string[]): Promise<string> {
  const { home } = throughline;
  const env = {
    ...home.env,
    DATA_DIR: home.dataDir,
    THIRD_KEY: planted.get('configured key from the environment')!,
  };
  const program = startNode(ownCli, [...line, '--config', home.configFile], {
    env,
    cwd: home.path,
    input: '',
  });
  await program.exited;
  return program.stdout() + program.stderr();
}
