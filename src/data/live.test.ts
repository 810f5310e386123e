import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { openStore } from '#store';
import { listenToEvents, waitFor } from '#test-support';
import { exampleExchange } from './testing/example-exchange.ts';
import { runServer } from './testing/running-server.ts';

const path = '/api/v2/events';

describe('live events', () => {
  it('tell what is stored, as it is stored, to every listener', async () => {
    await using data = await runServer();
    await data.store(exampleExchange({ number: 1 }));
    await using one = await listenToEvents(data.url + path);
    await using other = await listenToEvents(data.url + path);
    expect(one.response.headers.get('content-type')).toContain('text/event-stream');
    expect((await one.next('ready')).json).toEqual({ lastSequence: 1 });
    await other.next('ready');
    const second = exampleExchange({ number: 2 });
    await data.store(second);
    for (const listener of [one, other]) {
      const event = await listener.next('request-stored');
      expect(event).toMatchObject({
        id: `${await data.writer.epoch()}-2`,
        json: { requestId: second.exchange.id, statusCode: 200, sequence: 2 },
      });
    }
  });

  it('go on after a break where the listener was, without a gap and without a repeat', async () => {
    await using data = await runServer();
    await data.store(...Array.from({ length: 450 }, (_, number) => exampleExchange({ number })));
    const epoch = await data.writer.epoch();
    await using listener = await listenToEvents(data.url + path, { 'last-event-id': `${epoch}-3` });
    // A break before the next event goes on at the same place.
    expect((await listener.next('ready')).id).toBe(`${epoch}-3`);
    await data.store(exampleExchange({ number: 900 }));
    for (let sequence = 4; sequence <= 451; sequence += 1) {
      expect((await listener.next('request-stored')).id).toBe(`${epoch}-${sequence}`);
    }
  });

  it('take the place also as a parameter', async () => {
    await using data = await runServer();
    await data.store(exampleExchange({ number: 1 }), exampleExchange({ number: 2 }));
    await using listener = await listenToEvents(`${data.url}${path}?last_event_id=1`);
    expect((await listener.next('request-stored')).json).toMatchObject({ sequence: 2 });
  });

  it('tell a listener to start over when it missed too much or was somewhere else', async () => {
    await using data = await runServer();
    await data.store(...Array.from({ length: 1100 }, (_, number) => exampleExchange({ number })));
    const epoch = await data.writer.epoch();
    for (const place of ['5', `${epoch}-5`, '999999999', 'garbage', `${epoch}-`, '-1', '9'.repeat(400)]) {
      await using listener = await listenToEvents(data.url + path, { 'last-event-id': place });
      const reset = { id: `${epoch}-1100`, json: { lastSequence: 1100 } };
      expect(await listener.next('reset'), place).toMatchObject(reset);
    }
  });

  it('tell every listener to start over when the database is another one', async () => {
    await using data = await runServer();
    await data.store(...Array.from({ length: 9 }, (_, number) => exampleExchange({ number })));
    await using listener = await listenToEvents(data.url + path);
    await listener.next('ready');
    await data.writer.close();
    // In one go: the server, in this same thread, must not make new ones in between.
    for (const suffix of ['', '-wal', '-shm']) rmSync(data.databasePath + suffix, { force: true });
    const writer = await openStore({ engine: 'sqlite', path: data.databasePath }, { role: 'writer' });
    await writer.commit({ exchanges: [exampleExchange({ number: 20 })], positions: [] });
    // Whether the first one is in it already depends on when it was looked at.
    const { lastSequence } = (await listener.next('reset')).json as { lastSequence: number };
    await writer.commit({ exchanges: [exampleExchange({ number: 21 })], positions: [] });
    for (let sequence = lastSequence + 1; sequence <= 2; sequence += 1) {
      expect((await listener.next('request-stored')).json).toMatchObject({ sequence });
    }
    await writer.close();
  });

  it('tell a listener to start over that was told of another database, however much is in this one', async () => {
    await using data = await runServer();
    await data.store(exampleExchange({ number: 1 }), exampleExchange({ number: 2 }));
    const before = await listenToEvents(data.url + path);
    const { id } = await before.next('ready');
    await before[Symbol.asyncDispose]();
    await data.writer.close();
    // In one go: the server, in this same thread, must not make new ones in between.
    for (const suffix of ['', '-wal', '-shm']) rmSync(data.databasePath + suffix, { force: true });
    const writer = await openStore({ engine: 'sqlite', path: data.databasePath }, { role: 'writer' });
    const anew = Array.from({ length: 9 }, (_, number) => exampleExchange({ number: 20 + number }));
    await writer.commit({ exchanges: anew, positions: [] });

    await using after = await listenToEvents(data.url + path, { 'last-event-id': id! });
    expect((await after.next('reset')).json).toEqual({ lastSequence: 9 });
    await writer.close();
  });

  it('tell which requests are in flight when that changes', async () => {
    await using data = await runServer();
    await using listener = await listenToEvents(data.url + path);
    expect((await listener.next('open')).json).toEqual({ requests: [] });
    const { id, receivedAtMs, method, path: endpoint, coreId } = exampleExchange().exchange;
    const open = [{ id, receivedAtMs, method, path: endpoint, coreId, requestBytes: 7, responseBytes: 0 }];
    await data.recorderSays({ state: 'recording' });
    await data.writer.commit({ exchanges: [], positions: [], open });
    const inFlight = [{ requestId: id, requestBytes: 7 }];
    expect((await listener.next('open')).json).toMatchObject({ requests: inFlight });
    expect(await data.json('/api/v2/requests/open')).toMatchObject(inFlight);
    // What it wrote is still in the store, but nobody will say when these have ended.
    await data.recorderSays({ state: 'stopped' });
    expect((await listener.next('open')).json).toEqual({ requests: [] });
    expect(await data.json('/api/v2/requests/open')).toEqual([]);
  });

  it('tell of nothing in flight that a recorder wrote which was killed since', async () => {
    await using data = await runServer();
    const { id, receivedAtMs, method, path: endpoint, coreId } = exampleExchange().exchange;
    const open = [{ id, receivedAtMs, method, path: endpoint, coreId, requestBytes: 7, responseBytes: 0 }];
    await data.writer.commit({ exchanges: [], positions: [], open });
    await data.recorderSays({ state: 'recording', atMs: Date.now() - 60_000 });
    await using listener = await listenToEvents(data.url + path);
    expect((await listener.next('open')).json).toEqual({ requests: [] });
    expect(await data.json('/api/v2/requests/open')).toEqual([]);
  });

  it('tell how proxy-data is doing', async () => {
    await using data = await runServer();
    await using listener = await listenToEvents(data.url + path);
    expect((await listener.next('health')).json).toMatchObject({
      database: 'connected',
      recorder: { state: 'not-running' },
    });
  });

  it('end when the service leaves', async () => {
    await using data = await runServer();
    await using listener = await listenToEvents(data.url + path);
    await listener.next('ready');
    const [drained] = await Promise.allSettled([data.server.drain(10_000), listener.ended()]);
    expect(drained.status).toBe('fulfilled');
  });

  it('drop a listener that does not read, and nobody else', async () => {
    await using data = await runServer();
    const { port, host } = new URL(data.url);
    const lazy = connect(Number(port), '127.0.0.1');
    lazy.on('error', () => undefined);
    lazy.pause();
    lazy.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await waitFor(async () => (await metric(data.url, 'throughline_data_live_listeners')) === 1);
    await using reader = await listenToEvents(data.url + path);
    await reader.next('ready');
    const tools = Array.from({ length: 200 }, (_, i) =>
      `a-tool-with-a-rather-long-name-${i}`.padEnd(500, 'x'),
    );
    let number = 0;
    // Each event is about 100 kB; sockets hold a few megabytes, the listener's own share is one.
    await waitFor(
      async () => {
        const batch = Array.from({ length: 10 }, (_, i) =>
          exampleExchange({ number: number + i, facts: { toolsDeclared: tools } }),
        );
        number += batch.length;
        await data.store(...batch);
        for (let i = 0; i < 10; i += 1) await reader.next('request-stored');
        return (await metric(data.url, 'throughline_data_live_dropped_total')) === 1;
      },
      { timeoutMs: 50_000 },
    );
    lazy.destroy();
    await data.store(exampleExchange({ number: 5000 }));
    await reader.next('request-stored');
    expect(await metric(data.url, 'throughline_data_live_listeners')).toBe(1);
  });

  it('are not begun for HEAD', async () => {
    await using data = await runServer();
    const answer = await fetch(data.url + path, { method: 'HEAD' });
    expect(answer.status).toBe(200);
    expect(await metric(data.url, 'throughline_data_live_listeners')).toBe(0);
  });
});

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}
