import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExchangeClosed, JournalEntry } from '#exchange';
import { createFrameReader, listJournals } from '#journal/read';
import {
  askOnce,
  type CoreAlone,
  type FakeProvider,
  openRaw,
  startCoreAlone,
  startFakeProvider,
  waitFor,
} from '#test-support';

let provider: FakeProvider;
let core: CoreAlone;

beforeAll(async () => {
  provider = await startFakeProvider();
  core = await startCoreAlone({
    providerOrigin: provider.origin,
    config: { timeouts: { upstreamFirstByteMs: 300 }, limits: { requestBytesMax: 100_000 } },
  });
});
afterAll(async () => {
  await core.stop();
  await provider.close();
});

type ExchangeEntry = Exclude<JournalEntry, { kind: 'segment-opened' }>;

/** Every frame on disk, by exchange in the order of acceptance. */
async function journaled(from = core): Promise<ExchangeEntry[][]> {
  const exchanges = new Map<string, ExchangeEntry[]>();
  for (const { segments } of await listJournals(from.journalDirectory)) {
    for (const { coreId, number: segmentNumber, path } of segments) {
      for (const { entry } of createFrameReader({ coreId, segmentNumber }).feed(readFileSync(path))) {
        if (entry.kind === 'segment-opened') continue;
        const frames = exchanges.get(entry.exchangeId) ?? [];
        frames.push(entry);
        exchanges.set(entry.exchangeId, frames);
      }
    }
  }
  return [...exchanges.keys()].sort().map((id) => exchanges.get(id)!);
}

const kinds = (frames: ExchangeEntry[]): string[] => frames.map(({ kind }) => kind);
const closedOf = (frames: ExchangeEntry[]): ExchangeClosed | undefined =>
  frames.find((frame) => frame.kind === 'exchange-closed')?.payload;

function bodyOf(frames: ExchangeEntry[], kind: 'request-bytes' | 'response-bytes'): Buffer {
  return Buffer.concat(frames.flatMap((frame) => (frame.kind === kind ? [frame.bytes] : [])));
}

/** The frames of the exchange that ended last, once they tell its end. */
async function lastClosed(count: number): Promise<ExchangeEntry[]> {
  return waitFor(
    async (): Promise<ExchangeEntry[] | undefined> => {
      const last = (await journaled())[count];
      return last !== undefined && closedOf(last) !== undefined ? last : undefined;
    },
    { what: 'the end of the exchange in the journal' },
  );
}

const post = {
  method: 'POST',
  target: '/p/shop/v1/messages?beta=true&key=sk-ant-in-the-query-0123456789',
  headers: [
    ['x-api-key', 'sk-ant-planted-key-0123456789abcdef'],
    ['Authorization', 'Bearer sk-ant-oat01-planted-token-0123456789'],
    ['X-Odd-Case', 'Kept'],
  ] as [string, string][],
  body: '{"model":"m","messages":[]}',
};

describe('the journal of an exchange', () => {
  it('is on disk, whole, when the client has seen the end of the answer', async () => {
    for (const script of [
      { body: ['event: a\n\n', 'event: b\n\n'], framing: 'chunked' },
      { body: ['one', 'two'], framing: 'length' },
      { body: ['one', 'two'], framing: 'close' },
      { status: 204, framing: 'none' },
      { body: [], framing: 'length' },
    ] as const) {
      const count = (await journaled()).length;
      provider.respondOnceWith(script);
      const answer = await askOnce(core.url, post);
      // Read at once: nothing is awaited but the answer.
      const frames = (await journaled())[count]!;
      expect(closedOf(frames)?.end).toBe('finished');
      expect(bodyOf(frames, 'response-bytes').equals(answer.body)).toBe(true);
    }
  });

  it('tells its story in order, with equal checksums at every end', async () => {
    const count = (await journaled()).length;
    provider.respondOnceWith({
      status: 201,
      statusText: 'Made',
      headers: [['request-id', 'req_1']],
      body: ['{"a"', ':1}'],
    });
    const answer = await askOnce(core.url, post);
    expect(answer.status).toBe(201);
    const frames = (await journaled())[count]!;
    expect(kinds(frames).filter((kind) => !kind.endsWith('-bytes'))).toEqual([
      ...[
        'exchange-opened',
        'route-chosen',
        'attempt-started',
        'attempt-ended',
        'response-opened',
        'exchange-closed',
      ],
    ]);
    expect(frames[0]).toMatchObject({ payload: { method: 'POST', tag: 'shop', httpVersion: '1.1' } });
    expect(frames[1]).toMatchObject({ payload: { provider: 'anthropic', format: 'anthropic' } });
    expect(frames.find(({ kind }) => kind === 'response-opened')).toMatchObject({
      payload: { source: 'provider', status: 201, statusText: 'Made' },
    });
    expect(bodyOf(frames, 'request-bytes').toString()).toBe(post.body);
    const closed = closedOf(frames)!;
    const request = { bytes: post.body.length, crc32: crc32(post.body) };
    const response = { bytes: 7, crc32: crc32('{"a":1}') };
    expect(closed).toMatchObject({ requestReceived: request, requestSent: request, requestComplete: true });
    expect(closed).toMatchObject({ responseReceived: response, responseSent: response });
    const { forwardedAtUs, firstByteAtUs, lastByteAtUs } = closed;
    expect(forwardedAtUs!).toBeGreaterThanOrEqual(frames[0]!.atUs - 1);
    expect(firstByteAtUs!).toBeGreaterThanOrEqual(forwardedAtUs!);
    expect(lastByteAtUs!).toBeGreaterThanOrEqual(firstByteAtUs!);
  });

  it('SEC-07: never holds a credential of the client', async () => {
    await askOnce(core.url, post);
    for (const { segments } of await listJournals(core.journalDirectory)) {
      for (const { path } of segments)
        expect(readFileSync(path, 'latin1')).not.toMatch(/planted|in-the-query/);
    }
  });

  it('SEC-07: never holds a credential that came in a trailer, nor passes it on', async () => {
    const count = (await journaled()).length;
    provider.respondOnceWith({
      body: ['ok'],
      framing: 'chunked',
      trailers: [
        ['Set-Cookie', 'sid=planted-in-a-trailer'],
        ['X-Sum', '1'],
      ],
    });
    const client = await openRaw(core.url);
    client.send(
      `POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Api-Key: planted-in-a-trailer\r\nX-Throughline-Token: planted\r\nX-Up: 1\r\n\r\n`,
      'POST',
    );
    const answer = await client.answer();
    client.close();
    expect(answer.trailers).toContainEqual(['X-Sum', '1']);
    expect(provider.requests.at(-1)!.trailers).toEqual([['X-Up', '1']]);
    const frames = await lastClosed(count);
    expect(closedOf(frames)?.requestTrailers).toContain('X-Up');
    expect(JSON.stringify(closedOf(frames))).toContain('fp:');
    expect(JSON.stringify(frames)).not.toContain('planted');
  });

  it('STR-03: says when the client left, with the bytes it had got', async () => {
    const count = (await journaled()).length;
    provider.respondOnceWith({ body: ['some', { until: new Promise(() => undefined) }], framing: 'chunked' });
    const client = await openRaw(core.url);
    client.sendRequest(post);
    await waitFor(() => client.received.includes('some'));
    client.reset();
    const frames = await lastClosed(count);
    expect(closedOf(frames)).toMatchObject({ end: 'client-gone', responseSent: { bytes: 4 } });
    expect(bodyOf(frames, 'response-bytes').toString()).toBe('some');
  });

  it('says when the client left while it uploaded', async () => {
    const count = (await journaled()).length;
    const client = await openRaw(core.url);
    client.send(
      `POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\nContent-Length: 9\r\n\r\nabc`,
      'POST',
    );
    await waitFor(async () => (await journaled())[count]?.some(({ kind }) => kind === 'request-bytes'));
    client.reset();
    const frames = await lastClosed(count);
    expect(closedOf(frames)).toMatchObject({
      end: 'client-gone',
      requestComplete: false,
      requestReceived: { bytes: 3 },
    });
    expect(frames.find(({ kind }) => kind === 'attempt-ended')).toMatchObject({
      payload: { result: 'abandoned' },
    });
  });

  it('STR-04: says when the provider broke off, fell silent or was not there', async () => {
    let count = (await journaled()).length;
    provider.respondOnceWith({ body: ['some', { pauseMs: 20 }], framing: 'chunked', ending: 'reset' });
    await askOnce(core.url, post);
    expect(closedOf(await lastClosed(count))).toMatchObject({
      end: 'upstream-broken',
      problem: 'upstream-closed',
    });
    count += 1;
    provider.respondOnceWith({ raw: [{ until: new Promise(() => undefined) }] });
    await askOnce(core.url, post);
    const silent = await lastClosed(count);
    expect(closedOf(silent)).toMatchObject({ end: 'answered-by-us', problem: 'upstream-timeout' });
    expect(silent.find(({ kind }) => kind === 'attempt-ended')).toMatchObject({
      payload: { result: 'timed-out' },
    });
    expect(silent.find(({ kind }) => kind === 'response-opened')).toMatchObject({
      payload: { source: 'throughline', status: 504 },
    });
    expect(bodyOf(silent, 'response-bytes').toString()).toContain('timeout_error');
  });

  it('records nothing of what was refused at the door', async () => {
    const count = (await journaled()).length;
    await askOnce(core.url, { ...post, headers: [['Host', 'evil.example']] });
    await askOnce(core.url, { ...post, target: '/v1/../x' });
    await askOnce(core.url, { ...post, headers: [['Content-Length', '100001']], body: '' });
    expect((await journaled()).length).toBe(count);
  });

  it('CR-01: holds every byte that a client has seen when core is killed', async () => {
    const mortal = await startCoreAlone({ providerOrigin: provider.origin });
    const event = `data: ${'x'.repeat(500)}\n\n`;
    provider.respondOnceWith({ body: Array(50).fill(event), framing: 'chunked' });
    const whole = await askOnce(mortal.url, post);
    const client = await openRaw(mortal.url);
    provider.respondOnceWith({
      body: [...Array(50).fill(event), { until: new Promise(() => undefined) }],
      framing: 'chunked',
    });
    client.sendRequest(post);
    await waitFor(() => (client.answers[0]?.body.length ?? 0) >= event.length * 50);
    await waitFor(async () => {
      const open = (await journaled(mortal)).at(-1)!;
      return bodyOf(open, 'response-bytes').length >= event.length * 50;
    });
    await mortal.kill();
    const exchanges = await journaled(mortal);
    expect(closedOf(exchanges[0]!)?.end).toBe('finished');
    expect(bodyOf(exchanges[0]!, 'response-bytes').equals(whole.body)).toBe(true);
    expect(closedOf(exchanges.at(-1)!)).toBeUndefined();
    await mortal.stop();
  });
});
