import { afterEach, describe, expect, it } from 'vitest';
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
