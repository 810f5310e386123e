import { readdir, rm, stat } from 'node:fs/promises';
import Database from 'better-sqlite3';
import { afterEach, describe, expect, it } from 'vitest';
import { besideStore, openDerivedStore, openStore, setAside } from '#store';
import { listenToEvents, waitFor } from '#test-support';
import { exampleExchange } from './testing/example-exchange.ts';
import { type RunningServer, runServer } from './testing/running-server.ts';

const running: RunningServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server[Symbol.asyncDispose]();
});

async function start(): Promise<RunningServer> {
  const server = await runServer({ hasThreads: true });
  running.push(server);
  return server;
}

const derivedOf = async (server: RunningServer) =>
  ((await server.json('/health')) as { derived: Record<string, unknown> }).derived;

describe('the threads of proxy-data', () => {
  it('derive what is recorded while they run, and answer from it', async () => {
    const server = await start();
    await server.store(exampleExchange({ number: 1 }), exampleExchange({ number: 2 }));
    const isDone = ({ state, through }: Record<string, unknown>) => state === 'current' && through === 2;
    await waitFor(async () => isDone(await derivedOf(server)), { what: 'both to be derived' });
    expect(await derivedOf(server)).toEqual({
      state: 'current',
      through: 2,
      of: 2,
      percent: 100,
      behind_seconds: 0,
      transcripts: { through: 0, of: 0 },
    });
    expect(await server.threads?.query.ask('derived.health', undefined)).toMatchObject({ requests: 2 });
  });

  it('tell everybody how far they are: readers of events, of health and of metrics', async () => {
    const server = await start();
    await using listener = await listenToEvents(`${server.url}/api/v2/events`);
    await server.store(...Array.from({ length: 20 }, (_, number) => exampleExchange({ number })));
    type Told = { derived: { state: string; through: number; of: number; percent: number } };
    const seen: Told['derived'][] = [];
    while (seen.at(-1)?.state !== 'current' || seen.at(-1)?.through !== 20)
      seen.push(((await listener.next('index')).json as Told).derived);
    expect(seen.at(-1)).toMatchObject({ of: 20, percent: 100 });
    const metrics = await (await server.get('/metrics')).text();
    expect(metrics).toContain('throughline_data_index_lag_requests 0\n');
    expect(metrics).toContain('throughline_data_index_lag_seconds 0\n');
    expect(metrics).toContain('throughline_data_index_lag_transcript_pieces 0\n');
  });

  it('say for how long something has been missing while they cannot work', async () => {
    const server = await start();
    await server.store(exampleExchange({ number: 1 }));
    await waitFor(async () => (await derivedOf(server)).through === 1);
    // What derives may not write while somebody else does.
    const path = besideStore({ engine: 'sqlite', path: server.databasePath }, 'derived');
    const other = new Database(path);
    other.exec('BEGIN IMMEDIATE');
    await server.store(exampleExchange({ number: 2 }));
    await waitFor(async () => Number((await derivedOf(server)).behind_seconds) > 0);
    expect(await (await server.get('/metrics')).text()).toMatch(/index_lag_seconds [0-9.]*[1-9]/);
    other.close();
    await waitFor(async () => (await derivedOf(server)).behind_seconds === 0);
  });

  it('refuse queries after they have ended', async () => {
    const server = await start();
    await server.server.drain(100);
    await expect(server.threads?.query.ask('derived.health', undefined)).rejects.toThrow('not there');
  });
});

describe('what is derived', () => {
  const derivedFiles = (server: RunningServer) =>
    ['', '-wal', '-shm'].map((suffix) => `${besideStore(storeOf(server), 'derived')}${suffix}`);
  const storeOf = (server: RunningServer) => ({ engine: 'sqlite', path: server.databasePath }) as const;
  const requestsOf = async (server: RunningServer) =>
    (await server.threads!.query.ask('derived.health', undefined)).requests;
  const isCurrent = (server: RunningServer, through: number) =>
    waitFor(
      async () => {
        const derived = await derivedOf(server);
        return derived.state === 'current' && derived.through === through;
      },
      { what: `${through} requests to be derived` },
    );

  it('is derived again when it is deleted in the middle, and says the same', async () => {
    const server = await start();
    await server.store(exampleExchange({ number: 1 }), exampleExchange({ number: 2 }));
    await isCurrent(server, 2);
    const before = await server.threads!.query.ask('statistics.sums', { by: ['askedModel', 'session'] });
    for (const file of derivedFiles(server)) await rm(file, { force: true });
    await waitFor(async () => (await requestsOf(server)) === 2, { what: 'it to be derived again' });
    await isCurrent(server, 2);
    expect(await server.threads!.query.ask('statistics.sums', { by: ['askedModel', 'session'] })).toEqual(
      before,
    );
  });

  it('is derived anew beside itself when that is asked for, and goes on after that', async () => {
    const server = await start();
    await server.store(exampleExchange({ number: 1 }));
    await isCurrent(server, 1);
    const inode = await stat(derivedFiles(server)[0]!);
    const derived = await openDerivedStore(storeOf(server), { role: 'reader' });
    await derived.askForRebuild();
    await derived.close();
    await waitFor(async () => (await stat(derivedFiles(server)[0]!)).ino !== inode.ino, {
      what: 'the new one to be in its place',
    });
    await server.store(exampleExchange({ number: 2 }));
    await isCurrent(server, 2);
    expect(await requestsOf(server)).toBe(2);
    expect(await readdir(server.dataDir)).not.toContain('throughline.derived.db.next');
  });

  it('follows a store of facts that is built anew', async () => {
    const server = await start();
    await server.store(exampleExchange({ number: 1 }), exampleExchange({ number: 2 }));
    await isCurrent(server, 2);
    await server.writer.close();
    setAside(storeOf(server), Date.now());
    const writer = await openStore(storeOf(server), { role: 'writer' });
    await writer.commit({ exchanges: [exampleExchange({ number: 3 })], positions: [] });
    await writer.close();
    await isCurrent(server, 1);
    await waitFor(async () => (await requestsOf(server)) === 1, { what: 'the readers to find the new one' });
  });
});
