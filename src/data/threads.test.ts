import { readdir, rm, stat } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { besideStore, openDerivedStore, openStore, setAside } from '#store';
import { waitFor } from '#test-support';
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
    expect(await derivedOf(server)).toEqual({ state: 'current', through: 2, of: 2 });
    expect(await server.threads?.query.ask('derived.health', undefined)).toMatchObject({ requests: 2 });
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
