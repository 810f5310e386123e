import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  askOnce,
  createWitness,
  type FakeProvider,
  listenToEvents,
  listStored,
  makeTempHome,
  readBack,
  readBody,
  recordFaults,
  startFakeProvider,
  startThroughline,
  type TempHome,
  type Throughline,
  type ThroughlineOptions,
  waitFor,
  witnessedAnswer,
} from '#test-support';

// Each service as a program of its own on one data directory: what works while the others are absent.
let provider: FakeProvider;
let home: TempHome;
const running: Throughline[] = [];

beforeAll(async () => {
  provider = await startFakeProvider();
  home = makeTempHome('alone');
});
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
  provider.respondWith(undefined);
});
afterAll(async () => {
  await provider?.close();
  home?.remove();
});

async function start(command: ThroughlineOptions['command']): Promise<Throughline> {
  const one = await startThroughline({
    command: command ?? 'up',
    providerOrigin: provider.origin,
    home,
  });
  running.push(one);
  return one;
}

/** What proxy-data says, asked at its own address. */
const through = (data: Throughline): Throughline => ({ ...data, frontUrl: data.dataUrl });

async function ask(url: string, text: string): Promise<Anthropic.Message> {
  const client = new Anthropic({ apiKey: 'sk-ant-test', baseURL: url, maxRetries: 0 });
  const messages = [{ role: 'user' as const, content: text }];
  return client.messages.stream({ model: 'claude-fake', max_tokens: 64, messages }).finalMessage();
}

describe('each service without the others', () => {
  it('core works while proxy-data is stopped: a real client is answered, and its exchange kept', async () => {
    const core = await start('core');
    await start('record');
    const message = await ask(core.coreUrl, 'nobody is looking');
    expect(message.content.length).toBeGreaterThan(0);
    const page = await askOnce(core.frontUrl, { target: '/api/v2/requests' });
    expect(page.status).toBe(503);
    expect(page.header('retry-after')).toBe('1');

    const data = through(await start('data'));
    const [row] = await waitFor(async () => {
      const rows = await listStored(data);
      return rows.length > 0 ? rows : undefined;
    });
    expect(row).toMatchObject({ outcome: 'complete', statusCode: 200, model: 'claude-fake' });
    const request = await readBody(data, row!.requestId, 'request');
    expect(request.equals(provider.requests[0]!.body)).toBe(true);
    expect((await readBody(data, row!.requestId, 'response')).toString()).toContain(message.id);
  });

  it('core works while recorder and proxy-data are stopped, and what they missed is stored later', async () => {
    provider.respondWith((request) => witnessedAnswer(request));
    const core = await start('core');
    const witness = createWitness(core.coreUrl, { seed: 400 });
    await witness.run(30, 4);
    expect(witness.seen.filter(({ isComplete }) => !isComplete)).toEqual([]);
    await core.stop();
    running.splice(0);
    await start('record');
    expect(await recordFaults(through(await start('data')), witness.seen)).toEqual([]);
  });

  it('proxy-data serves what is stored while core and recorder are stopped', async () => {
    const data = through(await start('data'));
    const rows = await listStored(data);
    expect(rows.length).toBeGreaterThan(30);
    for (const { requestId } of rows.slice(0, 3))
      expect((await readBody(data, requestId, 'response')).length).toBeGreaterThan(100);
    const health = await fetch(`${data.dataUrl}/health`);
    expect(health.status).toBe(200);
    const state = expect.stringMatching(/^(stopped|not-running)$/);
    expect(await health.json()).toMatchObject({ status: 'degraded', recorder: { state } });
  });

  it('recorder and proxy-data open the same database from different working directories', async () => {
    using place = makeTempHome('places');
    for (const name of ['a', 'b', 'c', 'kept']) mkdirSync(place.join(name));
    // Relative to the configuration file, wherever that is read from.
    const config = { storage: { db_path: 'kept/exchanges.db' } };
    const startIn = async (directory: string, command: 'core' | 'record' | 'data'): Promise<Throughline> => {
      const cwd = place.join(directory);
      const one = await startThroughline({
        command,
        providerOrigin: provider.origin,
        home: place,
        config,
        cwd,
      });
      running.push(one);
      return one;
    };
    const core = await startIn('a', 'core');
    await startIn('b', 'record');
    const data = through(await startIn('c', 'data'));
    const message = await ask(core.coreUrl, 'where am I');
    const [row] = await readBack(data, 1);
    expect((await readBody(data, row!.requestId, 'response')).toString()).toContain(message.id);
    const databases = readdirSync(place.path, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.db'),
    );
    const named = ['exchanges.db', 'exchanges.derived.db', 'exchanges.transcripts.db'];
    expect(databases.sort()).toEqual(named.map((name) => join('kept', name)));
    for (const name of ['a', 'b', 'c']) expect(readdirSync(place.join(name))).toEqual([]);
    for (const one of running.splice(0).reverse()) await one.stop();
  });

  it('an exchange appears end to end without being asked for: it is announced, and there when it is read', async () => {
    const all = await start('up');
    await using listener = await listenToEvents(`${all.frontUrl}/api/v2/events`);
    await listener.next('ready');
    const message = await ask(all.frontUrl, 'tell me when it is there');
    const { json } = await listener.next('request-stored');
    const { requestId } = json as { requestId: string };
    // Both are asked for once.
    expect((await listStored(all)).at(-1)).toMatchObject({ requestId, outcome: 'complete' });
    expect((await readBody(all, requestId, 'response')).toString()).toContain(message.id);
  });

  it('DUR-20: an exchange can be read moments after its answer', async () => {
    const all = await start('up');
    const before = (await listStored(all)).length;
    await ask(all.frontUrl, 'look at once');
    const answeredAtMs = performance.now();
    await waitFor(async () => (await listStored(all)).length > before, { timeoutMs: 10_000 });
    console.log(`visible ${(performance.now() - answeredAtMs).toFixed(0)} ms after the answer`);
  });

  it('is all there after a stop and another start', async () => {
    const first = await start('up');
    const before = await listStored(first);
    const bodies = await Promise.all(
      before.slice(-5).map(({ requestId }) => readBody(first, requestId, 'response')),
    );
    await first.stop();
    running.splice(0);
    expect(first.supervisor.exit()).toEqual({ code: 0, signal: null });
    const second = await start('up');
    expect(await listStored(second)).toEqual(before);
    for (const [index, { requestId }] of before.slice(-5).entries())
      expect((await readBody(second, requestId, 'response')).equals(bodies[index]!)).toBe(true);
    expect(second.token).toBe(first.token);
    await ask(second.frontUrl, 'and on it goes');
    await waitFor(async () => (await listStored(second)).length === before.length + 1);
  });
});
