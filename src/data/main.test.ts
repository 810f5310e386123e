import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { DataConfig } from '#config';
import type { FromService, StartOrder } from '#generation';
import { openStore } from '#store';
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
