import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Database from 'better-sqlite3';
import { afterEach, describe, expect, it } from 'vitest';
import type { DataConfig } from '#config';
import type { FromService, StartOrder } from '#generation';
import { openStore, openTranscripts } from '#store';
import {
  endProcess,
  listenToEvents,
  makeTempDir,
  type OwnProcess,
  startNode,
  type TempDir,
  waitFor,
} from '#test-support';
import { exampleExchange } from './testing/example-exchange.ts';

const started: { process: OwnProcess; dir: TempDir }[] = [];
afterEach(async () => {
  for (const { process, dir } of started.splice(0)) {
    await endProcess(process);
    dir.remove();
  }
});

function orderFor(dir: TempDir, port = 0): StartOrder {
  const access = {
    allowedHosts: [],
    allowedOrigins: [],
    tokenRequired: false,
    token: 't'.repeat(64),
    checkPeerUser: true,
  };
  const config: DataConfig = {
    dataDir: dir.path,
    journalDirectory: dir.join('journal'),
    store: { engine: 'sqlite', path: dir.join('throughline.db') },
    access,
    ports: [],
    claudeDirs: [],
    transcripts: { roots: [], keepsDeleted: true },
    prices: [],
    logLevel: 'info',
    routing: { providers: [], defaultProvider: 'anthropic', routes: [] },
    shown: {
      providers: { anthropic: { format: 'anthropic' } },
      subagents: { enable: true, mappings: { a: 'p:m' } },
    },
  };
  return {
    service: 'data',
    generation: 4,
    version: '9.9.9',
    listeners: [{ purpose: 'data', host: '127.0.0.1', port }],
    config,
  };
}

function start(dir: TempDir, input: 'ipc' | string): OwnProcess {
  const env = { PATH: process.env.PATH ?? '', HOME: dir.path };
  const own = startNode('src/data/main.ts', [], { env, input });
  started.push({ process: own, dir });
  return own;
}

/** Starts the service like the supervisor does and gives what it reported. */
async function startWithIpc(
  dir: TempDir,
  order: StartOrder,
): Promise<{ own: OwnProcess; report: FromService }> {
  const own = start(dir, 'ipc');
  const report = new Promise<FromService>((resolve) =>
    own.child.once('message', (message) => resolve(message as FromService)),
  );
  own.child.send({ type: 'start', order });
  return { own, report: await report };
}

const storeOf = (dir: TempDir) => ({ engine: 'sqlite', path: dir.join('throughline.db') }) as const;

/** Adds a step that this release does not know. */
async function makeNewer(opening: Promise<{ close(): Promise<void> }>, path: string): Promise<void> {
  await (await opening).close();
  const database = new Database(path);
  database.exec("INSERT INTO migrations (version, name, checksum, applied_at_ms) VALUES (9999, 'x', 'y', 0)");
  database.close();
}

function urlOf(report: FromService): string {
  if (report.type !== 'ready') throw new Error(JSON.stringify(report));
  return `http://127.0.0.1:${report.addresses[0]!.port}`;
}

describe('proxy-data', () => {
  it('starts before there is a database, and shows what comes', async () => {
    const dir = makeTempDir('data');
    const { own, report } = await startWithIpc(dir, orderFor(dir));
    expect(report).toMatchObject({ type: 'ready', generation: 4, version: '9.9.9' });
    const url = urlOf(report);
    expect(await (await fetch(`${url}/api/requests/summary`)).json()).toMatchObject({
      requests: [],
      total: 0,
    });
    const writer = await openStore(
      { engine: 'sqlite', path: dir.join('throughline.db') },
      { role: 'writer' },
    );
    await writer.commit({ exchanges: [exampleExchange()], positions: [] });
    await writer.close();
    expect(await (await fetch(`${url}/api/requests/summary`)).json()).toMatchObject({ total: 1 });
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({
      version: '9.9.9',
      database: 'connected',
    });
    expect(await (await fetch(`${url}/api/v2/config/subagents`)).json()).toEqual({
      enable: true,
      mappings: { a: 'p:m' },
    });
    expect(await (await fetch(`${url}/api/v2/config/providers`)).json()).toEqual({
      anthropic: { format: 'anthropic' },
    });
    for (const line of own.stderr().trim().split('\n'))
      expect(JSON.parse(line)).toMatchObject({ service: 'data' });
  });

  it('starts from an order on standard input', async () => {
    const dir = makeTempDir('data');
    const own = start(dir, JSON.stringify(orderFor(dir)));
    const line = await waitFor(() => own.stdout().split('\n')[0]);
    expect(JSON.parse(line)).toMatchObject({ type: 'ready' });
  });

  it('leaves when asked: live streams end, then the process', async () => {
    const dir = makeTempDir('data');
    const { own, report } = await startWithIpc(dir, orderFor(dir));
    await using listener = await listenToEvents(`${urlOf(report)}/api/v2/events`);
    await listener.next('ready');
    own.child.send({ type: 'drain' });
    await listener.ended();
    expect(await own.exited).toEqual({ code: 0, signal: null });
  });

  it('leaves when its supervisor is gone', async () => {
    const dir = makeTempDir('data');
    const { own } = await startWithIpc(dir, orderFor(dir));
    own.child.disconnect();
    expect(await own.exited).toEqual({ code: 0, signal: null });
  });

  it.each<[string, (dir: TempDir) => void | Promise<void>, RegExp]>([
    [
      'the place of the index is taken',
      (dir) => mkdirSync(dir.join('throughline.derived.db')),
      /throughline\.derived\.db is no file.*Move it away/,
    ],
    [
      'the archive of transcripts is no database',
      (dir) => writeFileSync(dir.join('throughline.transcripts.db'), 'no database at all, '.repeat(500)),
      /throughline\.transcripts\.db: the file is not a database.*Or move .* away/,
    ],
    [
      'the archive of transcripts is of a newer release',
      (dir) => makeNewer(openTranscripts(storeOf(dir)), dir.join('throughline.transcripts.db')),
      /throughline\.transcripts\.db was written by a newer version.*Upgrade.*Or move .* away/,
    ],
    [
      'the database is of a newer release',
      (dir) => makeNewer(openStore(storeOf(dir), { role: 'writer' }), dir.join('throughline.db')),
      /throughline\.db was written by a newer version.*Upgrade/,
    ],
    [
      'the place of transcripts is a file',
      (dir) => writeFileSync(dir.join('projects'), ''),
      /projects is no directory.*transcripts\.\*/,
    ],
  ])('does not start when its index cannot work, as when %s', async (_what, spoil, reason) => {
    const dir = makeTempDir('data');
    await spoil(dir);
    const order = orderFor(dir);
    const config = order.config as DataConfig;
    const roots = [{ kind: 'claude', directory: dir.join('projects') }] as const;
    const { own, report } = await startWithIpc(dir, {
      ...order,
      config: { ...config, transcripts: { roots, keepsDeleted: true } } satisfies DataConfig,
    });
    expect(report).toMatchObject({ type: 'failed', sentence: expect.stringMatching(reason) });
    expect((await own.exited).code).toBe(1);
  });

  it('says why it cannot start', async () => {
    const dir = makeTempDir('data');
    const taken = createServer().listen(0, '127.0.0.1');
    await waitFor(() => taken.listening);
    const port = (taken.address() as AddressInfo).port;
    const { own, report } = await startWithIpc(dir, orderFor(dir, port));
    expect(report).toMatchObject({ type: 'failed', sentence: expect.stringContaining('EADDRINUSE') });
    expect((await own.exited).code).toBe(1);
    taken.close();
  });
});
