import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  answerWithDigest,
  askOnce,
  type BuiltPackage,
  buildPackage,
  openRaw,
  seededRandom,
  startFakeProvider,
  startLoadProvider,
  startThroughline,
  type Throughline,
  type ThroughlineOptions,
  waitFor,
} from '#test-support';
import { coreMetric, forgetPeak, hostOf, memoryNow, peakMiB } from './hostile-client.ts';
import { countAnswer, ImpatientClient } from './load-client.ts';

// What core holds stays bounded, whatever clients and providers do. Recorder and proxy-data are left out, so that
// the two cores of the machine belong to the load.
const mebibyte = 1024 * 1024;
/** The bar for a core as users run it, with a thousand streams; none of these loads may need more. */
const residentMiBMax = 150;
let built: BuiltPackage;
beforeAll(async () => {
  built = await buildPackage();
});
afterAll(() => built.remove());
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startCore(
  providerOrigin: string,
  config: ThroughlineOptions['config'] = {},
): Promise<BoundedCore> {
  const throughline = await startThroughline({ cli: built.cli, command: 'core', providerOrigin, config });
  cleanups.push(() => throughline.stop());
  const corePid = throughline.pids().core!;
  forgetPeak(corePid);
  return { ...throughline, corePid, peakMiB: () => peakMiB(corePid) };
}

type BoundedCore = Throughline & {
  readonly corePid: number;
  /** Highest resident memory since the start. */
  peakMiB(): number;
};

/** Nothing is open any more, nobody crashed and the next request is answered. */
async function expectAtRest(throughline: BoundedCore): Promise<void> {
  await waitFor(async () => (await coreMetric(throughline.coreUrl, 'throughline_open_exchanges')) === 0, {
    what: 'every exchange to be over',
  });
  expect(await coreMetric(throughline.coreUrl, 'throughline_uncaught_errors_total')).toBe(0);
  expect(throughline.pids().core).toBe(throughline.corePid);
  expect((await askOnce(throughline.frontUrl, { target: '/v1/models' })).status).toBe(200);
}

describe('memory stays bounded', () => {
  it('with 300 slow streams at once, each of which arrives whole', { timeout: 120_000 }, async () => {
    const events = 20;
    const allAreHere = Promise.withResolvers<void>();
    await using provider = await startLoadProvider(async (_request, response) => {
      response.flushHeaders();
      // However long the machine takes to open them: none is over before all are open.
      await allAreHere.promise;
      let sent = 0;
      const timer = setInterval(() => {
        sent += 1;
        response.write('x'.repeat(200));
        if (sent < events) return;
        clearInterval(timer);
        response.end();
      }, 100);
    });
    const throughline = await startCore(provider.origin);
    const streams = Array.from({ length: 300 }, () => countAnswer(`${throughline.frontUrl}/v1/messages`));
    await waitFor(async () => (await coreMetric(throughline.coreUrl, 'throughline_open_exchanges')) === 300, {
      timeoutMs: 60_000,
      what: '300 open streams',
    });
    allAreHere.resolve();
    const whole = { status: 200, bytes: events * 200, isComplete: true };
    expect(await Promise.all(streams)).toEqual(Array.from({ length: 300 }, () => whole));
    expect(throughline.peakMiB()).toBeLessThan(residentMiBMax);
    await expectAtRest(throughline);
  });

  it('with twelve bodies of 32 MB at once, each of which arrives unchanged', {
    timeout: 180_000,
  }, async () => {
    await using provider = await startLoadProvider(answerWithDigest);
    const throughline = await startCore(provider.origin);
    const answers = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const piece = Buffer.alloc(mebibyte, index);
        const hash = createHash('sha256');
        for (let i = 0; i < 32; i += 1) hash.update(piece);
        const answer = await fetch(`${throughline.frontUrl}/v1/messages`, {
          method: 'POST',
          body: ReadableStream.from(Array.from({ length: 32 }, () => piece)),
          duplex: 'half',
        });
        return (await answer.text()) === `${32 * mebibyte} ${hash.digest('hex')}`;
      }),
    );
    expect(answers).toEqual(Array.from({ length: 12 }, () => true));
    // 64 MiB of them may wait for the disk.
    expect(throughline.peakMiB()).toBeLessThan(residentMiBMax + 64);
    await expectAtRest(throughline);
  });

  it('STR-02: with a client that stops reading an answer of 256 MB', { timeout: 120_000 }, async () => {
    const total = 256 * mebibyte;
    const piece = Buffer.alloc(mebibyte, 'x');
    const provider = await startFakeProvider();
    cleanups.push(() => provider.close());
    const throughline = await startCore(provider.origin, { journal: { body_bytes: '8MiB' } });
    for (let i = 0; i < 20; i += 1) await askOnce(throughline.frontUrl, { target: '/v1/models' });
    provider.respondOnceWith({ body: Array.from({ length: 256 }, () => piece), framing: 'chunked' });
    const before = throughline.peakMiB();
    const client = await stubbornReader(throughline.frontUrl);
    const connection = await waitFor(() => provider.connections.at(-1));
    const held = await untilStill(() => connection.bytesSent);
    expect(held).toBeLessThan(total / 4);
    expect(throughline.peakMiB()).toBeLessThan(before + 32);
    expect(throughline.peakMiB()).toBeLessThan(residentMiBMax);
    client.socket.resume();
    await waitFor(() => client.bytes() > total, { timeoutMs: 60_000, what: 'the rest of the answer' });
    // While hundreds of megabytes rush through, buffers that were sent wait for a collection; they stay few.
    expect(throughline.peakMiB()).toBeLessThan(residentMiBMax + 64);
    client.socket.destroy();
    await expectAtRest(throughline);
  });

  it('STR-13: with 80 clients that read a little now and then', { timeout: 120_000 }, async () => {
    // More than the buffers of both ends of a connection hold, so that no answer is over before it is read.
    const total = 16 * mebibyte;
    const piece = Buffer.alloc(64 * 1024, 'y');
    let sent = 0;
    await using provider = await startLoadProvider(async (_request, response) => {
      response.writeHead(200, { 'content-length': total });
      for (let left = total; left > 0 && !response.destroyed; left -= piece.length) {
        sent += piece.length;
        if (!response.write(piece)) await once(response, 'drain').catch(() => undefined);
      }
      response.end();
    });
    const throughline = await startCore(provider.origin, { journal: { body_bytes: '64KiB' } });
    const clients = await Promise.all(Array.from({ length: 80 }, () => stubbornReader(throughline.frontUrl)));
    await waitFor(async () => (await coreMetric(throughline.coreUrl, 'throughline_open_exchanges')) === 80, {
      timeoutMs: 60_000,
      what: '80 open answers',
    });
    for (let round = 0; round < 5; round += 1) {
      for (const { socket } of clients) socket.read(100);
      await untilStill(() => sent);
    }
    expect(sent).toBeLessThan(80 * total);
    expect(throughline.peakMiB()).toBeLessThan(residentMiBMax);
    for (const { socket } of clients) socket.resume();
    await waitFor(() => clients.every(({ bytes }) => bytes() > total), {
      timeoutMs: 60_000,
      what: 'every slow reader to have everything',
    });
    for (const { socket } of clients) socket.destroy();
    await expectAtRest(throughline);
  });

  it('over 20,000 exchanges of which every fifth is left', { timeout: 300_000 }, async () => {
    const answer = Buffer.alloc(4_000, 'a');
    await using provider = await startLoadProvider((request, response) => {
      request.resume();
      // Half of the answer a moment later, so that a client can leave in between.
      request.on('end', () => {
        response.writeHead(200, { 'content-length': answer.length }).write(answer.subarray(0, 2_000));
        setImmediate(() => response.end(answer.subarray(2_000)));
      });
    });
    const throughline = await startCore(provider.origin);
    const body = Buffer.alloc(2_000, 'b');
    const random = seededRandom(20);
    const leaving = [-1_500, -1, 0, 1, 2_000];
    let left = 20_000;
    let whole = 0;
    const work = async (): Promise<void> => {
      const client = new ImpatientClient(throughline.frontUrl, answer.length);
      while (left > 0) {
        left -= 1;
        const isLeft = random.next() < 0.2;
        const arrived = await client.ask(body, isLeft ? random.pick(leaving) : undefined);
        if (!isLeft) whole += arrived ? 1 : -1_000_000;
      }
      client.leave();
    };
    await Promise.all(Array.from({ length: 32 }, work));
    expect(whole).toBeGreaterThan(15_000);
    console.log(
      `core took at most ${throughline.peakMiB().toFixed(0)} MiB; ${memoryNow(throughline.corePid)}`,
    );
    expect(throughline.peakMiB()).toBeLessThan(residentMiBMax);
    await expectAtRest(throughline);
    // Idle ones are given up after some seconds; abandoned ones must not stay behind them.
    await waitFor(async () => (await provider.connections()) === 0, {
      timeoutMs: 20_000,
      what: 'no connection to the provider to be left behind',
    });
  });
});

describe('STR-03: clients that reset their connection', () => {
  it('in any phase, by the hundred, take their request to the provider with them', {
    timeout: 120_000,
  }, async () => {
    const provider = await startFakeProvider();
    cleanups.push(() => provider.close());
    const throughline = await startCore(provider.origin);
    const never = new Promise<never>(() => undefined);
    const phases = {
      upload: { body: ['never'] },
      'first byte': { raw: [{ until: never }] },
      middle: { framing: 'chunked', body: ['event: a\n\n', { until: never }] },
      end: { framing: 'chunked', body: ['event: a\n\n', 'event: z\n\n'] },
    } as const;
    for (const [phase, answer] of Object.entries(phases)) {
      provider.forget();
      provider.respondWith(answer);
      const host = hostOf(throughline.frontUrl);
      for (let round = 0; round < 5; round += 1) {
        const clients = await Promise.all(Array.from({ length: 50 }, () => openRaw(throughline.frontUrl)));
        const before = provider.requests.length;
        for (const client of clients) {
          const length = phase === 'upload' ? 1_000 : 2;
          client.send(
            `POST /v1/messages HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${length}\r\n\r\n{}`,
            'POST',
          );
        }
        await waitFor(() => provider.requests.length === before + 50, { what: `the requests (${phase})` });
        if (phase === 'middle')
          await waitFor(() => clients.every((client) => client.received.includes('event: a')));
        if (phase === 'end')
          await waitFor(() => clients.every((client) => client.received.includes('event: z')));
        for (const client of clients) client.reset();
        if (phase === 'end') continue;
        await waitFor(() => provider.requests.every(({ closed }) => closed !== undefined), {
          what: `the provider to be left (${phase})`,
        });
      }
      provider.respondWith(undefined);
      await expectAtRest(throughline);
    }
    const metrics = await (await fetch(`${throughline.coreUrl}/metrics`)).text();
    expect(metrics).toContain('throughline_exchange_ends_total{end="client-gone"} 750');
    expect(metrics).toContain('throughline_exchange_ends_total{end="finished"} 254');
  });
});

/** Waits until a provider is held back: what it has sent does not grow any more. */
function untilStill(bytesSent: () => number): Promise<number> {
  const look = async (): Promise<number> => {
    const then = bytesSent();
    await delay(300);
    return bytesSent() === then ? then : 0;
  };
  return waitFor(look, { timeoutMs: 60_000, what: 'the provider to be held back' });
}

/** Asks and does not read what comes. */
async function stubbornReader(url: string): Promise<{ readonly socket: Socket; bytes(): number }> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port) });
  let bytes = 0;
  socket.on('error', () => undefined);
  socket.on('data', (piece) => {
    bytes += piece.length;
  });
  socket.pause();
  socket.write(`POST /v1/messages HTTP/1.1\r\nHost: ${hostOf(url)}\r\nContent-Length: 2\r\n\r\n{}`);
  return { socket, bytes: () => bytes };
}
