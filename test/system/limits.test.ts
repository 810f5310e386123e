import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import {
  answerWithDigest,
  askOnce,
  listStored,
  makeTempDir,
  openRaw,
  projectDirectory,
  type RawHeaders,
  readBack,
  readBody,
  startFakeProvider,
  startLoadProvider,
  startThroughline,
  type Throughline,
  waitFor,
} from '#test-support';
import { coreMetric, forgetPeak, hostOf, peakMiB, residentMiB } from './hostile-client.ts';
import { countAnswer } from './load-client.ts';

// What happens at the limits: time, size, descriptors, and bodies that are more than they seem.
const mebibyte = 1024 * 1024;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: Parameters<typeof startThroughline>[0]): Promise<Throughline> {
  const throughline = await startThroughline(options);
  cleanups.push(() => throughline.stop());
  return throughline;
}

describe('STR-12: clients that send as slowly as they can', () => {
  it('are closed at every address while others are served', { timeout: 120_000 }, async () => {
    const provider = await startFakeProvider();
    cleanups.push(() => provider.close());
    const throughline = await start({
      providerOrigin: provider.origin,
      config: { server: { timeouts: { client_head: '2s', client_body_idle: '2s' } } },
    });
    const groups = await Promise.all(
      ([throughline.frontUrl, throughline.coreUrl, throughline.dataUrl] as const).map(async (url, index) => {
        const clients = await Promise.all(
          Array.from({ length: [250, 100, 100][index]! }, () => openRaw(url)),
        );
        const half = index === 2 ? clients.length : clients.length / 2;
        const host = `Host: ${hostOf(url)}\r\n`;
        for (const client of clients.slice(0, half))
          client.send('GET /v1/models HTTP/1.1\r\nX-Slow: ', 'GET');
        for (const client of clients.slice(half))
          client.send(`POST /v1/messages HTTP/1.1\r\n${host}Content-Length: 100000\r\n\r\n`, 'POST');
        return { url, clients, slowHeads: clients.slice(0, half) };
      }),
    );
    // One byte of a head now and then must not count as progress.
    const dripping = setInterval(() => {
      for (const { slowHeads } of groups)
        for (const client of slowHeads) if (client.ended === undefined) client.send('x');
    }, 500);
    cleanups.push(() => clearInterval(dripping));
    for (const { url } of groups) {
      const answer = await askOnce(url, {
        target: url === throughline.dataUrl ? '/api/v2/requests' : '/v1/models',
      });
      expect(answer.status).toBe(200);
    }
    await waitFor(() => groups.every(({ clients }) => clients.every(({ ended }) => ended !== undefined)), {
      timeoutMs: 25_000,
      what: 'every slow client to be closed',
    });
    const statuses = groups.flatMap(({ clients }) => clients.map(({ answers }) => answers[0]?.status));
    expect(new Set(statuses)).toEqual(new Set([408]));
    expect(await coreMetric(throughline.coreUrl, 'throughline_open_exchanges')).toBe(0);
  });
});

describe('STR-14: bodies at the limit of the record', () => {
  it('are forwarded whole, and what is not recorded is counted to the byte', {
    timeout: 180_000,
  }, async () => {
    await using provider = await startLoadProvider(answerWithDigest);
    const throughline = await start({
      providerOrigin: provider.origin,
      config: { journal: { body_bytes: '32MiB', pending_bytes: '256MiB' } },
    });
    const limit = 32 * mebibyte;
    const piece = randomBytes(mebibyte);
    const pieces = (count: number): Buffer[] => Array.from({ length: count }, () => piece);
    const sent = [
      { bytes: limit, length: limit, body: pieces(32) },
      { bytes: limit + 1, length: limit + 1, body: [...pieces(32), Buffer.from('x')] },
      { bytes: 100 * mebibyte, body: pieces(100) },
    ];
    const pid = throughline.pids().core!;
    forgetPeak(pid);
    const before = residentMiB(pid);
    for (const { body, ...rest } of sent) {
      const answer = await countAnswer(`${throughline.frontUrl}/v1/messages`, { body, ...rest });
      expect(answer).toMatchObject({ status: 200, isComplete: true });
    }
    expect(peakMiB(pid) - before).toBeLessThan(256);
    const stored = await readBack(throughline, 3, 60_000);
    for (const [index, { requestId, requestBytes, outcome }] of stored.entries()) {
      const whole = sent[index]!.bytes;
      expect([requestBytes, outcome]).toEqual([whole, 'complete']);
      const detail = (await (await fetch(`${throughline.dataUrl}/api/v2/requests/${requestId}`)).json()) as {
        bytesMissing: { request: number };
      };
      const kept = await readBody(throughline, requestId, 'request');
      expect(kept.length + detail.bytesMissing.request).toBe(whole);
      expect(kept.length).toBe(Math.min(whole, limit));
      expect(kept.equals(Buffer.concat(pieces(32)))).toBe(true);
    }
  });

  it('beyond a configured limit are refused: at once with a length, in the middle without', async () => {
    const provider = await startFakeProvider();
    cleanups.push(() => provider.close());
    const throughline = await start({
      providerOrigin: provider.origin,
      config: { server: { limits: { body_bytes: '1MiB' } } },
    });
    const ask = (bytes: number, framing: RawHeaders[number]) =>
      askOnce(throughline.frontUrl, {
        method: 'POST',
        target: '/v1/messages',
        headers: [framing],
        body:
          framing[1] === 'chunked'
            ? Buffer.concat([
                Buffer.from(`${bytes.toString(16)}\r\n`),
                Buffer.alloc(bytes),
                Buffer.from('\r\n0\r\n\r\n'),
              ])
            : Buffer.alloc(bytes),
      });
    expect((await ask(mebibyte, ['Content-Length', String(mebibyte)])).status).toBe(200);
    expect((await ask(mebibyte, ['Transfer-Encoding', 'chunked'])).status).toBe(200);
    const reached = provider.requests.length;
    expect((await ask(mebibyte + 1, ['Content-Length', String(mebibyte + 1)])).status).toBe(413);
    expect(provider.requests.length).toBe(reached);
    expect((await ask(mebibyte + 1, ['Transfer-Encoding', 'chunked'])).status).toBe(413);
    expect(provider.requests.slice(reached).filter(({ isComplete }) => isComplete)).toEqual([]);
  });
});

describe('CR-04: fewer descriptors than streams', () => {
  it('the surplus gets 503, nobody else notices, and it passes', { timeout: 120_000 }, async () => {
    const release = Promise.withResolvers<void>();
    await using provider = await startLoadProvider((_request, response) => {
      response.write('begun');
      void release.promise.then(() => response.end('done'));
    });
    const temp = makeTempDir('descriptors');
    cleanups.push(temp.remove);
    const cli = limitedCli(temp.path, 600);
    const throughline = await start({ command: 'core', providerOrigin: provider.origin, cli });
    const pid = throughline.pids().core;
    const max = await coreMetric(throughline.coreUrl, 'throughline_open_exchanges_max');
    expect(max).toBeLessThan(200);
    const url = `${throughline.frontUrl}/v1/messages`;
    const streams = Array.from({ length: max }, () => countAnswer(url));
    await waitFor(() => provider.received === max, { what: 'all allowed streams' });
    const surplus = await Promise.all(Array.from({ length: 50 }, () => countAnswer(url)));
    expect(surplus.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 503));
    const refused = await askOnce(throughline.frontUrl, { target: '/v1/models' });
    expect([refused.header('retry-after'), refused.header('x-throughline-problem')]).toEqual([
      '1',
      'too-busy',
    ]);
    // Ten times more connections than there are descriptors.
    const flood = await Promise.all(Array.from({ length: 1_500 }, () => openRaw(throughline.frontUrl)));
    for (const client of flood) client.close();
    release.resolve();
    const answers = await Promise.all(streams);
    expect(
      answers.every(({ status, isComplete, bytes }) => status === 200 && isComplete && bytes === 9),
    ).toBe(true);
    const again = await waitFor(
      () => askOnce(throughline.frontUrl, { method: 'POST', target: '/v1/messages' }, 2_000),
      { what: 'an answer after the flood' },
    );
    expect(again.status).toBe(200);
    expect(throughline.pids().core).toBe(pid);
    expect(await coreMetric(throughline.coreUrl, 'throughline_uncaught_errors_total')).toBe(0);
  });
});

describe('STR-20: bodies that are more than they seem', () => {
  it('are forwarded untouched, recorded as they are, and marked', { timeout: 120_000 }, async () => {
    const provider = await startFakeProvider();
    cleanups.push(() => provider.close());
    const throughline = await start({ providerOrigin: provider.origin });
    const bomb = gzipSync(Buffer.alloc(300 * mebibyte), { level: 9 });
    const nested = Array.from({ length: 50 }).reduce<Buffer>((inner) => gzipSync(inner), Buffer.from('{}'));
    const json: RawHeaders[number] = ['content-type', 'application/json'];
    const bodies: [body: Buffer, encoding: string][] = [
      [bomb, 'gzip'],
      [gzipSync(bomb), 'gzip, gzip'],
      [nested, Array.from({ length: 50 }, () => 'gzip').join(', ')],
      [Buffer.from('this is no gzip'), 'gzip'],
      [gzipSync('{"a":1}').subarray(0, 12), 'gzip'],
      [Buffer.from('{}'), 'unheard-of'],
      [Buffer.from('{}'), `${'x'.repeat(2_000)}, gzip`],
      [Buffer.from(`${'['.repeat(200_000)}`), 'identity'],
    ];
    const recorder = throughline.pids().recorder!;
    forgetPeak(recorder);
    const before = residentMiB(recorder);
    for (const [body, encoding] of bodies) {
      const headers: RawHeaders = [json, ['content-encoding', encoding]];
      provider.respondOnceWith({ headers, body: [body] });
      const answer = await askOnce(throughline.frontUrl, {
        method: 'POST',
        target: '/v1/messages',
        headers,
        body,
      });
      expect(answer.body.equals(body), encoding.slice(0, 40)).toBe(true);
      expect(provider.requests.at(-1)!.body.equals(body), encoding.slice(0, 40)).toBe(true);
    }
    const stored = await readBack(throughline, bodies.length, 60_000);
    for (const [index, { requestId }] of stored.entries()) {
      for (const side of ['request', 'response'] as const)
        expect((await readBody(throughline, requestId, side)).equals(bodies[index]![0])).toBe(true);
      const detail = await fetch(`${throughline.dataUrl}/api/v2/requests/${requestId}`);
      expect(detail.status).toBe(200);
      const { cause } = (await detail.json()) as { cause?: string };
      if (index < 4) expect(cause).toContain('undecodable');
      const decoded = await fetch(
        `${throughline.dataUrl}/api/v2/requests/${requestId}/body?side=response&decoded=1`,
      );
      expect([200, 400]).toContain(decoded.status);
      await decoded.arrayBuffer();
    }
    expect(throughline.pids().recorder).toBe(recorder);
    expect(peakMiB(recorder) - before).toBeLessThan(300);
    expect((await listStored(throughline)).length).toBe(bodies.length);
  });
});

/** The CLI under a limit of open files, which its services inherit. */
function limitedCli(directory: string, descriptorsMax: number): string {
  const path = join(directory, 'limited-cli.mjs');
  const cli = pathToFileURL(join(projectDirectory, 'src/cli/main.ts')).href;
  writeFileSync(
    path,
    `import { execFileSync } from 'node:child_process';
execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=${descriptorsMax}:${descriptorsMax}']);
await import(${JSON.stringify(cli)});
`,
  );
  return path;
}
