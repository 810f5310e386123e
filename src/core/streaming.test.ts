import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CoreAlone,
  type FakeProvider,
  openRaw,
  type RawConnection,
  type ScriptedAnswer,
  startCoreAlone,
  startFakeProvider,
  waitFor,
} from '#test-support';

let provider: FakeProvider;
let core: CoreAlone;
/** A core that gives nobody time. */
let hasty: CoreAlone;

beforeAll(async () => {
  provider = await startFakeProvider();
  const limits = { requestBytesMax: 32 * 1024 * 1024 };
  const timeouts = {
    upstreamFirstByteMs: 800,
    upstreamIdleMs: 800,
    clientBodyIdleMs: 800,
    clientHeadMs: 400,
  };
  core = await startCoreAlone({ providerOrigin: provider.origin, config: { limits } });
  hasty = await startCoreAlone({ providerOrigin: provider.origin, config: { timeouts } });
});
afterAll(async () => {
  await core.stop();
  await hasty.stop();
  await provider.close();
});

const post = { method: 'POST', target: '/v1/messages', body: '{"stream":true}' };
const stalled = new Promise<never>(() => undefined);

async function withClient<T>(work: (client: RawConnection) => Promise<T>, target = core): Promise<T> {
  const client = await openRaw(target.url);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** The connection on which the newest request arrived at the provider. */
async function newestRequest(before: number) {
  return waitFor(() => provider.requests[before], { what: 'the request to reach the provider' });
}

function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) / 1024;
}

describe('a stream', () => {
  it('reaches the client event by event, not when it is over', async () => {
    let release = (): void => undefined;
    const second = new Promise<void>((resolve) => {
      release = resolve;
    });
    provider.respondOnceWith({
      body: ['event: a\n\n', { until: second }, 'event: b\n\n'],
      framing: 'chunked',
    });
    await withClient(async (client) => {
      client.sendRequest(post);
      await waitFor(() => client.received.includes('event: a'));
      release();
      const answer = await client.answer();
      expect(answer.body.toString()).toBe('event: a\n\nevent: b\n\n');
    });
  });

  it('sends the head before there is any body', async () => {
    provider.respondOnceWith({ body: [{ until: delay(200) }, 'late'], framing: 'chunked' });
    await withClient(async (client) => {
      client.sendRequest(post);
      await waitFor(() => client.answers[0]);
      expect(client.answers[0]?.body.length).toBe(0);
      expect((await client.answer()).body.toString()).toBe('late');
    });
  });

  it('STR-02: a client that stops reading holds the provider back instead of filling memory', async () => {
    const piece = Buffer.alloc(1024 * 1024, 'x');
    const total = 120;
    const before = residentMiB(core.pid);
    provider.respondOnceWith({ body: Array.from({ length: total }, () => piece), framing: 'chunked' });
    await withClient(async (client) => {
      const index = provider.requests.length;
      client.sendRequest(post);
      client.socket.pause();
      await newestRequest(index);
      await delay(300);
      expect(provider.requests[index]!.isAnswered).toBe(false);
      expect(residentMiB(core.pid) - before).toBeLessThan(100);
      client.socket.resume();
      const answer = await client.answer(0, 30_000);
      expect(answer.isComplete).toBe(true);
      expect(answer.body.length).toBe(total * piece.length);
    });
  });

  it('holds the client back when the provider does not read', async () => {
    const slow = await startFakeProvider({ paused: true });
    const other = await startCoreAlone({ providerOrigin: slow.origin });
    const client = await openRaw(other.url);
    const body = Buffer.alloc(30 * 1024 * 1024, 'y');
    const before = residentMiB(other.pid);
    client.sendRequest({ method: 'POST', target: '/v1/x', body });
    await delay(400);
    expect(client.socket.writableLength).toBeGreaterThan(0);
    expect(residentMiB(other.pid) - before).toBeLessThan(100);
    slow.respondWith({ body: ['done'] });
    slow.resumeReading();
    expect((await client.answer(0, 30_000)).status).toBe(200);
    expect(slow.requests[0]!.bodyBytes).toBe(body.length);
    client.close();
    await other.stop();
    await slow.close();
  });
});

describe('STR-03: a client that leaves', () => {
  it.each(['rst', 'fin'] as const)(
    'takes the request to the provider with it in every phase (%s)',
    async (how) => {
      const phases: [string, ScriptedAnswer, (client: RawConnection) => Promise<unknown>][] = [
        [
          'while it uploads',
          { body: ['never'] },
          async (client) => {
            client.send(
              `POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\nContent-Length: 1000\r\n\r\nabc`,
              'POST',
            );
          },
        ],
        [
          'before the first byte',
          { body: [{ until: stalled }], raw: [{ until: stalled }] },
          async (client) => client.sendRequest(post),
        ],
        [
          'in the middle',
          { body: ['some', { until: stalled }], framing: 'chunked' },
          async (client) => {
            client.sendRequest(post);
            await waitFor(() => client.received.includes('some'));
          },
        ],
      ];
      for (const [phase, answer, begin] of phases) {
        const index = provider.requests.length;
        provider.respondOnceWith(answer);
        const client = await openRaw(core.url);
        await begin(client);
        const request = await newestRequest(index);
        if (how === 'rst') client.reset();
        else client.close();
        // How soon is measured by bench/abort.ts; here it counts that it happens while the answer is open.
        await waitFor(() => request.closed, { timeoutMs: 2_000, what: `upstream to be left ${phase}` });
        // The unfinished answer must not be given to the next request.
        provider.respondWith(undefined);
      }
    },
  );
});

describe('STR-04: a provider that breaks off', () => {
  it.each<[string, ScriptedAnswer]>([
    ['ends a chunked answer without its end', { body: ['part'], framing: 'chunked', ending: 'fin' }],
    ['resets a chunked answer', { body: ['part'], framing: 'chunked', ending: 'reset' }],
    ['ends before the announced length', { body: ['part'], claimedLength: 100, ending: 'fin' }],
    ['resets before the announced length', { body: ['part'], claimedLength: 100, ending: 'reset' }],
    ['resets an answer that ends with its connection', { body: ['part'], framing: 'close', ending: 'reset' }],
  ])('%s: the client sees a broken transfer, never a clean end', async (_name, answer) => {
    provider.respondOnceWith({ ...answer, body: ['part', { pauseMs: 30 }] });
    await withClient(async (client) => {
      const got = await client.ask(post);
      expect(got.isComplete).toBe(false);
      expect(got.status).toBe(200);
      await client.waitForEnd();
    });
  });

  it('breaks the connection of an HTTP/1.0 client with a reset, because a close would look like the end', async () => {
    provider.respondOnceWith({ body: ['part', { pauseMs: 50 }], framing: 'chunked', ending: 'fin' });
    await withClient(async (client) => {
      client.send(`GET /v1/x HTTP/1.0\r\nHost: 127.0.0.1:${core.port}\r\n\r\n`, 'GET');
      expect(await client.waitForEnd()).toBe('reset');
    });
  });

  it('is a 502 in the shape clients know when there was no answer yet', async () => {
    for (const ending of ['reset', 'fin'] as const) {
      provider.respondOnceWith({ raw: [], ending });
      const answer = await withClient((client) => client.ask(post));
      expect(answer.status).toBe(502);
      expect(answer.header('x-throughline-problem')).toBe('upstream-closed');
      const body = JSON.parse(answer.body.toString());
      expect(body).toMatchObject({ type: 'error', error: { type: 'api_error' } });
      expect(answer.header('request-id')).toBe(body.request_id);
    }
  });
});

describe('STR-05: a provider that falls silent', () => {
  it('is a 504 before the head, and others are not disturbed', async () => {
    provider.respondOnceWith({ raw: [{ until: stalled }] });
    await withClient(async (client) => {
      client.sendRequest(post);
      const other = await withClient((second) => second.ask(post), hasty);
      expect(other.status).toBe(200);
      const answer = await client.answer();
      expect(answer.status).toBe(504);
      expect(answer.header('x-throughline-problem')).toBe('upstream-timeout');
    }, hasty);
  });

  it('breaks the connection in the middle of an answer', async () => {
    provider.respondOnceWith({ body: ['some', { until: stalled }], framing: 'chunked' });
    const answer = await withClient((client) => client.ask(post), hasty);
    expect(answer.body.toString()).toBe('some');
    expect(answer.isComplete).toBe(false);
  });

  it('is not what a client is that stops sending its body: that is a 408', async () => {
    const answer = await withClient(async (client) => {
      client.send(
        `POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:${hasty.port}\r\nContent-Length: 9\r\n\r\nabc`,
        'POST',
      );
      return client.answer();
    }, hasty);
    expect(answer.status).toBe(408);
  });

  it('is not what a client is that reads slowly: it may take longer than every limit', async () => {
    const piece = Buffer.alloc(1024 * 1024, 'x');
    provider.respondOnceWith({ body: Array.from({ length: 40 }, () => piece), framing: 'chunked' });
    await withClient(async (client) => {
      const index = provider.requests.length;
      client.sendRequest(post);
      client.socket.pause();
      await newestRequest(index);
      await delay(1_800);
      client.socket.resume();
      expect((await client.answer(0, 30_000)).body.length).toBe(40 * piece.length);
    }, hasty);
  });
});

it('UPG-09: a core that was stopped for longer than every limit cuts nothing that went on meanwhile', async () => {
  let goOn = (): void => {};
  const later = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  provider.respondOnceWith({ body: ['before', { until: later }, ' and after'], framing: 'chunked' });
  await withClient(async (client) => {
    const index = provider.requests.length;
    client.sendRequest(post);
    await newestRequest(index);
    await waitFor(() => client.received.includes('before'));
    process.kill(hasty.pid, 'SIGSTOP');
    goOn();
    await delay(3_000);
    process.kill(hasty.pid, 'SIGCONT');
    const answer = await client.answer();
    expect([answer.isComplete, answer.body.toString()]).toEqual([true, 'before and after']);
  }, hasty);
});

describe('connections to the provider', () => {
  it('STR-06: bytes nobody asked for are never taken for the next answer', async () => {
    for (let round = 0; round < 5; round += 1) {
      provider.respondOnceWith({
        body: ['true answer'],
        unasked: 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison',
      });
      expect((await withClient((client) => client.ask(post))).body.toString()).toBe('true answer');
      const open = provider.connections.find(({ closed }) => closed === undefined);
      if (open !== undefined)
        await waitFor(() => open.closed, { what: 'the poisoned connection to be closed' });
      provider.respondOnceWith({ body: ['second answer'] });
      expect((await withClient((client) => client.ask(post))).body.toString()).toBe('second answer');
    }
  });

  it('are left in time when the provider announced a short life', async () => {
    provider.respondOnceWith({ body: ['ok'], headers: [['Keep-Alive', 'timeout=1']] });
    await withClient((client) => client.ask(post));
    const used = provider.connections.at(-1)!;
    await waitFor(() => used.closed, { timeoutMs: 2_000, what: 'the connection to be closed' });
  });
});

describe('STR-07: answers without a usual body', () => {
  it.each<[string, string, ScriptedAnswer, number]>([
    ['HEAD with a length', 'HEAD', { headers: [['content-length', '1234']], framing: 'none' }, 200],
    ['HEAD without a length', 'HEAD', { framing: 'none' }, 200],
    ['204', 'POST', { status: 204, framing: 'none' }, 204],
    ['304', 'GET', { status: 304, headers: [['etag', '"1"']], framing: 'none' }, 304],
    ['a length of zero', 'POST', { body: [], framing: 'length' }, 200],
    ['an empty chunked body', 'POST', { body: [], framing: 'chunked' }, 200],
    ['neither length nor chunks', 'POST', { body: ['until the end'], framing: 'close' }, 200],
    ['a length and a close', 'POST', { body: ['abc'], framing: 'length-and-close' }, 200],
    ['103 before the answer', 'GET', { body: ['abc'], informational: [[103, [['link', '</x>']]]] }, 200],
    ['100 before the answer', 'POST', { body: ['abc'], informational: [[100, []]] }, 200],
  ])('%s is framed correctly and the connection stays usable', async (_name, method, script, status) => {
    await withClient(async (client) => {
      provider.respondOnceWith(script);
      const first = await client.ask({
        method,
        target: '/v1/x',
        ...(method === 'POST' ? { body: 'x' } : {}),
      });
      expect(first.status).toBe(status);
      expect(first.isComplete).toBe(true);
      const names = first.rawHeaders.map(([name]) => name.toLowerCase());
      if (method === 'HEAD' || status === 204 || status === 304)
        expect(names).not.toContain('transfer-encoding');
      provider.respondOnceWith({ body: ['next'] });
      expect((await client.ask(post)).body.toString()).toBe('next');
    });
  });

  it('both a length and chunks from the provider are refused', async () => {
    provider.respondOnceWith({
      raw: [
        'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      ],
    });
    const answer = await withClient((client) => client.ask(post));
    expect(answer.status).toBe(502);
    expect(answer.header('x-throughline-problem')).toBe('upstream-invalid');
  });

  it('a reason phrase that no server may send is a 502 with a phrase of its own', async () => {
    provider.respondOnceWith({ raw: ['HTTP/1.1 200 O\x01K\r\nContent-Length: 3\r\n\r\nabc'] });
    const answer = await withClient((client) => client.ask(post));
    expect(answer.statusLine).toBe('HTTP/1.1 502 Bad Gateway');
    expect(answer.header('x-throughline-problem')).toBe('upstream-invalid');
  });

  it('a Trailer field is passed on where trailers can follow and dropped where they cannot', async () => {
    const chunked = {
      headers: [['Trailer', 'X-Sum']],
      framing: 'chunked',
      body: ['abc'],
      trailers: [['X-Sum', '1']],
    } as const;
    provider.respondOnceWith(chunked);
    expect((await withClient((client) => client.ask(post))).header('trailer')).toBe('X-Sum');
    provider.respondOnceWith({ ...chunked, framing: 'length', trailers: [] });
    const whole = await withClient((client) => client.ask(post));
    expect([whole.status, whole.header('trailer'), whole.body.toString()]).toEqual([200, undefined, 'abc']);
    provider.respondOnceWith({ headers: chunked.headers, framing: 'none' });
    expect((await withClient((client) => client.ask({ ...post, method: 'HEAD', body: '' }))).status).toBe(
      200,
    );
    provider.respondOnceWith(chunked);
    await withClient(async (client) => {
      client.send(`GET /v1/x HTTP/1.0\r\nHost: 127.0.0.1:${core.port}\r\n\r\n`, 'GET');
      const old = await client.answer();
      expect([old.status, old.body.toString()]).toEqual([200, 'abc']);
    });
  });
});

describe('uploads', () => {
  it('STR-11: "Expect: 100-continue" is answered, and not asked of the provider', async () => {
    provider.respondOnceWith({ body: ['ok'] });
    const index = provider.requests.length;
    const answer = await withClient(async (client) => {
      client.send(
        `POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n`,
        'POST',
      );
      await waitFor(() => client.informational[0]);
      expect(client.informational[0]!.status).toBe(100);
      client.send('abc');
      return client.answer();
    });
    expect(answer.status).toBe(200);
    expect(provider.requests[index]!.header('expect')).toBeUndefined();
    expect(provider.requests[index]!.body.toString()).toBe('abc');
  });

  it('STR-11: an HTTP/1.0 client gets no interim answer, whatever it expects', async () => {
    provider.respondOnceWith({ body: ['ok'] });
    await withClient(async (client) => {
      client.send(
        `POST /v1/x HTTP/1.0\r\nHost: 127.0.0.1:${core.port}\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc`,
        'POST',
      );
      expect((await client.answer()).status).toBe(200);
      expect(client.informational).toEqual([]);
    });
  });

  it('STR-11: any other expectation is a 417 and reaches nobody', async () => {
    const index = provider.requests.length;
    const answer = await withClient((client) => client.ask({ ...post, headers: [['Expect', 'wonders']] }));
    expect(answer.status).toBe(417);
    expect(provider.requests.length).toBe(index);
  });

  it('STR-14: 32 MB pass, one byte more is a 413 before the body is read', async () => {
    const body = Buffer.alloc(32 * 1024 * 1024, 'z');
    provider.respondOnceWith({ body: ['ok'] });
    const whole = await withClient((client) => client.ask({ method: 'POST', target: '/v1/x', body }, 30_000));
    expect(whole.status).toBe(200);
    const index = provider.requests.length;
    const refused = await withClient(async (client) => {
      client.send(
        `POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\nContent-Length: ${body.length + 1}\r\n\r\n`,
        'POST',
      );
      return client.answer();
    });
    expect(refused.status).toBe(413);
    expect(refused.header('x-throughline-problem')).toBe('body-too-large');
    expect(provider.requests.length).toBe(index);
  });

  it('STR-14: a chunked body without a length is cut off at the limit with 413', async () => {
    const piece = Buffer.alloc(1024 * 1024, 'z');
    const index = provider.requests.length;
    const answer = await withClient(async (client) => {
      client.send(
        `POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\nTransfer-Encoding: chunked\r\n\r\n`,
        'POST',
      );
      for (let i = 0; i < 40; i += 1)
        client.send(Buffer.concat([Buffer.from('100000\r\n'), piece, Buffer.from('\r\n')]));
      client.send('0\r\n\r\n');
      return client.answer(0, 30_000);
    });
    expect(answer.status).toBe(413);
    await waitFor(() => provider.requests[index]?.closed);
    expect(provider.requests[index]!.isComplete).toBe(false);
  });

  it('STR-15: pipelined requests are answered in their order', async () => {
    provider.respondWith(async (request) => {
      if (request.target.endsWith('slow')) await delay(150);
      return { body: [request.target] };
    });
    const answers = await withClient(async (client) => {
      for (const name of ['slow', 'quick', 'last']) client.sendRequest({ target: `/v1/${name}` });
      return Promise.all([client.answer(0), client.answer(1), client.answer(2)]);
    });
    provider.respondWith(undefined);
    expect(answers.map(({ body }) => body.toString())).toEqual(['/v1/slow', '/v1/quick', '/v1/last']);
  });

  it('STR-15: an answer that comes while the client still uploads is relayed, and the connection stays usable', async () => {
    provider.respondOnceWith({ status: 400, body: ['enough'], early: true });
    await withClient(async (client) => {
      client.send(
        `POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\nContent-Length: 200000\r\n\r\nstart`,
        'POST',
      );
      const early = await client.answer();
      expect(early.status).toBe(400);
      expect(early.body.toString()).toBe('enough');
      client.send(Buffer.alloc(199_995, 'r'));
      provider.respondOnceWith({ body: ['next'] });
      expect((await client.ask(post)).body.toString()).toBe('next');
    });
  });

  it('STR-15: a provider that answered early is left, also when the upload ends at that very moment', async () => {
    const first = provider.requests.length;
    for (let round = 0; round < 60; round += 1) {
      provider.respondOnceWith({ status: 429, body: ['enough'], framing: 'chunked', early: true });
      await withClient(async (client) => {
        client.send(
          `POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\nContent-Length: 6\r\n\r\nabc`,
          'POST',
        );
        await waitFor(() => client.received.includes('enough'));
        client.send('def');
        await client.answer();
      });
    }
    const early = provider.requests.slice(first);
    expect(early).toHaveLength(60);
    await waitFor(() => early.every(({ isComplete, closed }) => isComplete || closed !== undefined), {
      what: 'every unfinished request to be given up',
    });
  });
});

describe('STR-12, STR-13: clients that take their time', () => {
  it('STR-12: heads that come byte by byte are closed, others are served meanwhile', async () => {
    const slow = await Promise.all(Array.from({ length: 100 }, () => openRaw(hasty.url)));
    for (const client of slow) client.send('POST /v1/x HTTP/1.1\r\nHo', 'POST');
    expect((await withClient((client) => client.ask(post), hasty)).status).toBe(200);
    await Promise.all(slow.map((client) => client.waitForEnd(5_000)));
    expect(slow[0]!.received.toString()).toMatch(/^HTTP\/1\.1 408 |^$/);
  });

  it('STR-13: many slow readers of long streams all get everything', async () => {
    const event = `data: ${'e'.repeat(1_000)}\n\n`;
    provider.respondWith({ body: Array.from({ length: 100 }, () => event), framing: 'chunked' });
    const clients = await Promise.all(Array.from({ length: 50 }, () => openRaw(core.url)));
    for (const client of clients) {
      client.sendRequest(post);
      client.socket.pause();
    }
    await delay(300);
    for (const client of clients) client.socket.resume();
    const answers = await Promise.all(clients.map((client) => client.answer(0, 30_000)));
    provider.respondWith(undefined);
    expect(answers.every(({ isComplete, body }) => isComplete && body.length === event.length * 100)).toBe(
      true,
    );
    for (const client of clients) client.close();
  });
});
