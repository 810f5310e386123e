import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { contract } from '#api';
import { openStore } from '#store';
import { listenToEvents, openRaw, waitFor } from '#test-support';
import { exampleExchange } from './testing/example-exchange.ts';
import { runServer } from './testing/running-server.ts';

describe('health', () => {
  it('has the keys that older clients read and says how the recorder is doing', async () => {
    await using data = await runServer();
    await data.store(exampleExchange());
    await data.recorderSays({ state: 'recording' });
    const answer = await data.get('/health');
    const body = await answer.json();
    expect(answer.status).toBe(200);
    expect(contract['health.data'].answer.schema.safeParse(body).error).toBeUndefined();
    expect(body).toMatchObject({
      status: 'ok',
      service: 'proxy-data',
      version: '1.2.3',
      database: 'connected',
      indexer: 'not_configured',
      database_detail: { engine: 'sqlite', exchanges: 1 },
      recorder: { state: 'recording', lag_ms: 5 },
    });
  });

  it('names no directory of the disk', async () => {
    await using data = await runServer();
    const trouble = 'The disk of /home/someone/.local/data/throughline.db is full; free some space.';
    await data.recorderSays({ state: 'waiting-for-store', trouble });
    expect(await data.json('/health')).toMatchObject({
      status: 'degraded',
      recorder: { trouble: 'The disk of throughline.db is full; free some space.' },
    });
  });

  it('is degraded, not broken, while no recorder runs', async () => {
    await using data = await runServer();
    await data.recorderSays({ state: 'recording', atMs: Date.now() - 60_000 });
    expect(await data.json('/health')).toMatchObject({
      status: 'degraded',
      recorder: { state: 'not-running' },
    });
    await writeFile(join(data.dataDir, 'status', 'recorder.json'), 'not json');
    expect((await data.get('/readyz')).status).toBe(200);
  });

  it('D15: is 503 while the database cannot be read, and recovers by itself', async () => {
    await using data = await runServer();
    await data.store(exampleExchange());
    await using listener = await listenToEvents(`${data.url}/api/v2/events`);
    await listener.next('ready');
    await data.writer.close();
    // The server opens a new one as soon as it misses the old one: who comes first is not known.
    await waitFor(async () => {
      for (const suffix of ['', '-wal', '-shm']) await rm(data.databasePath + suffix, { force: true });
      return mkdir(data.databasePath).then(
        () => true,
        () => false,
      );
    });

    const broken = await waitFor(async () => {
      const answer = await data.get('/health');
      return answer.status === 503 && (await answer.json());
    });
    expect(broken).toMatchObject({ status: 'unavailable', database: 'unavailable' });
    expect((await data.get('/readyz')).status).toBe(503);
    expect((await data.get('/livez')).status).toBe(200);
    const list = await data.get('/api/requests/summary');
    expect(list.status).toBe(503);
    expect(list.headers.get('retry-after')).toBe('1');
    expect(await list.json()).toMatchObject({ code: 'store-unavailable' });
    expect(JSON.stringify(broken)).not.toContain(data.dataDir);
    expect((await listener.next('health')).json).toMatchObject({ database: 'unavailable' });

    await rm(data.databasePath, { recursive: true });
    const writer = await openStore({ engine: 'sqlite', path: data.databasePath }, { role: 'writer' });
    await writer.commit({ exchanges: [exampleExchange({ number: 7 })], positions: [] });
    await waitFor(async () => (await data.get('/readyz')).status === 200);
    expect(await data.json('/api/requests/summary')).toMatchObject({ total: 1 });
    await writer.close();
  });

  it('reads the new database after another one took its place', async () => {
    await using data = await runServer();
    await data.store(exampleExchange({ number: 1 }), exampleExchange({ number: 2 }));
    expect(await data.json('/api/requests/summary')).toMatchObject({ total: 2 });
    await data.writer.close();
    for (const suffix of ['', '-wal', '-shm']) {
      await rename(data.databasePath + suffix, `${data.databasePath}.old${suffix}`).catch(() => undefined);
    }
    const writer = await openStore({ engine: 'sqlite', path: data.databasePath }, { role: 'writer' });
    await writer.commit({ exchanges: [exampleExchange({ number: 3 })], positions: [] });
    await waitFor(async () => ((await data.json('/api/requests/summary')) as { total: number }).total === 1);
    await writer.close();
  });

  it('tells whoever is still connected that the service leaves; it is alive until then', async () => {
    await using data = await runServer();
    const client = await openRaw(data.url);
    expect((await client.ask({ target: '/readyz' })).status).toBe(200);
    const left = data.server.drain(10_000, { keepsIdle: true });
    const other = await client.ask({ target: '/readyz' });
    expect([other.status, other.body.toString(), other.header('connection')]).toEqual([
      503,
      'leaving\n',
      'close',
    ]);
    client.close();
    await left;
  });

  it('of a damaged database is 503', async () => {
    await using data = await runServer();
    await data.writer.close();
    for (const suffix of ['-wal', '-shm']) await rm(data.databasePath + suffix, { force: true });
    await writeFile(data.databasePath, Buffer.alloc(8192, 7));
    await waitFor(async () => (await data.get('/health')).status === 503);
    expect((await data.get('/api/v2/requests')).status).toBe(503);
  });
});

describe('metrics', () => {
  it('count answers by route, never by what a client wrote', async () => {
    await using data = await runServer();
    await data.get('/api/requests/summary');
    await data.get('/api/requests/%22hostile%22%0Alabel');
    await data.get('/no/such/"path"');
    const text = await waitFor(async () => {
      const metrics = await (await data.get('/metrics')).text();
      return metrics.includes('route="other"') ? metrics : undefined;
    });
    expect(text).toContain('throughline_data_requests_total{route="requests.summary",status="2xx"} 1');
    expect(text).toContain('throughline_data_request_seconds_count{route="requests.summary"} 1');
    expect(text).not.toContain('hostile');
    for (const line of text.trimEnd().split('\n')) expect(line).toMatch(/^(#.*|[a-z_]+(\{[^}]*\})? [\d.]+)$/);
  });
});
