import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { askReplace } from '#supervisor';
import {
  type FakeProvider,
  listStored,
  openRaw,
  type RawAnswer,
  type RawConnection,
  readBody,
  seededRandom,
  slices,
  startFakeProvider,
  startThroughline,
  type Throughline,
  waitFor,
  within,
  witnessedAnswer,
} from '#test-support';
import { expectStored, stateOf } from './handover-fixture.ts';
import { StrictClients } from './strict-client.ts';

// What a client may be in the middle of when core is replaced: about to use an idle connection, sending for minutes,
// waiting to be let in. None of it is cut.
let provider: FakeProvider;
let throughline: Throughline;
beforeEach(async () => {
  provider = await startFakeProvider();
  provider.respondWith((request) => witnessedAnswer(request));
  throughline = await startThroughline({
    providerOrigin: provider.origin,
    config: { server: { timeouts: { keep_alive: '1s' } } },
  });
});
afterEach(async () => {
  await throughline?.stop();
  await provider?.close();
});

const core = () => stateOf(throughline).services.find(({ service }) => service === 'core');
const replaceCore = () => askReplace(stateOf(throughline).controlSocket, { services: ['core'] });

/** Idle connections that are asked again; `THROUGHLINE_TEST_IDLE_TRIES=10000` is the long run. */
const idleTries = Number(process.env.THROUGHLINE_TEST_IDLE_TRIES ?? 200);
const triesAtOnce = 100;

it(
  `UPG-11: ${idleTries} idle connections are asked again just when they may end, and none is reset`,
  async () => {
    const failures: string[] = [];
    for (let tries = 0; tries < idleTries; ) {
      const clients = Array.from({ length: triesAtOnce }, () => new IdleClient(throughline.frontUrl));
      await Promise.all(clients.map((client) => client.ask()));
      const replaced = replaceCore();
      // From 50 ms before the promised end to 50 ms after it.
      const again = clients.map((client, index) => client.askWhenOver(index - triesAtOnce / 2));
      const outcomes = (await Promise.all(again)).filter((outcome) => outcome !== 'late');
      expect(await replaced).toMatchObject({ ok: true });
      tries += outcomes.length;
      failures.push(...outcomes.filter((outcome) => outcome !== 'answered'));
    }
    expect(failures).toEqual([]);
  },
  90_000 + idleTries * 100,
);

/** Uses its connection again when that has been idle for as long as the answer allowed. */
class IdleClient {
  readonly #connection: Promise<RawConnection>;
  #lastByteAtMs = 0;
  #promisedMs = 0;

  constructor(url: string) {
    this.#connection = openRaw(url);
  }

  async ask(): Promise<RawAnswer> {
    const connection = await this.#connection;
    connection.socket.on('data', () => {
      this.#lastByteAtMs = performance.now();
    });
    const request = { method: 'POST', target: '/v1/messages', body: '{"model":"claude-fake"}' };
    const answer = await connection.ask(request, 30_000);
    this.#promisedMs = Number(/^timeout=(\d+)$/.exec(answer.header('keep-alive') ?? '')?.[1]) * 1000;
    return answer;
  }

  /** @returns what went wrong otherwise; `late` when the machine kept it from asking until a second later */
  async askWhenOver(offsetMs: number): Promise<string> {
    const connection = await this.#connection;
    const dueAtMs = this.#lastByteAtMs + this.#promisedMs + offsetMs;
    await delay(Math.max(0, dueAtMs - performance.now()));
    if (performance.now() > dueAtMs + 1_000) {
      connection.close();
      return 'late';
    }
    try {
      const { status, isComplete } = await this.ask();
      return status === 200 && isComplete ? 'answered' : `${offsetMs} ms: ${status}, ${connection.ended}`;
    } catch (error) {
      return `${offsetMs} ms: ${(error as Error).message}`;
    } finally {
      connection.close();
    }
  }
}

it('UPG-12: an upload of 32 MB that takes its time goes on across three replacements, byte for byte', async () => {
  const sent = Buffer.alloc(32 * 1024 * 1024, seededRandom(12).bytes(65_521));
  const pieces = slices(sent, 128 * 1024);
  provider.respondOnceWith(async (request) => {
    await request.completed;
    return { headers: [['content-type', 'application/octet-stream']], body: [digest(request.body)] };
  });
  const connection = await openRaw(throughline.frontUrl);
  const head = `POST /v1/messages HTTP/1.1\r\nHost: ${new URL(throughline.frontUrl).host}\r\nContent-Length: ${sent.length}\r\n\r\n`;
  connection.send(head, 'POST');
  let replacing: Promise<unknown> = Promise.resolve();
  for (const [index, piece] of pieces.entries()) {
    // A quarter of it before each replacement, and the last one after all of them; slowly meanwhile.
    if (index % 64 === 63) await replacing;
    if (index % 64 === 0 && index > 0) replacing = replaceCore().then(({ ok }) => expect(ok).toBe(true));
    if (!connection.socket.write(piece)) await once(connection.socket, 'drain');
    await delay(20);
  }
  const answer = await connection.answer(0, 60_000);
  connection.close();
  expect([answer.status, answer.isComplete, answer.body.toString()]).toEqual([200, true, digest(sent)]);
  expect(core()?.generation).toBe(4);
  const stored = await waitFor(() => listStored(throughline).then((rows) => rows[0]), { timeoutMs: 30_000 });
  expect((await readBody(throughline, stored.requestId, 'request')).equals(sent)).toBe(true);
}, 120_000);

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Connections that wait to be let in; `THROUGHLINE_TEST_QUEUED=4000` is nearly all that the queue holds. */
const queued = Number(process.env.THROUGHLINE_TEST_QUEUED ?? 1_500);

it(`UPG-13: ${queued} connections that wait in the queue of a core that hangs are all answered by the next one`, async () => {
  const old = core();
  process.kill(old?.pid ?? 0, 'SIGSTOP');
  const streams = new StrictClients(throughline.frontUrl, 'queued').startStreams(50);
  const probes = Array.from({ length: queued - 50 }, () => probe(throughline.frontUrl));
  try {
    await waitFor(() => waitingAt(throughline.frontUrl) === queued, {
      what: 'all to wait in the queue',
      intervalMs: 50,
    });
    expect(await replaceCore()).toMatchObject({ ok: true });
  } finally {
    process.kill(old?.pid ?? 0, 'SIGCONT');
  }
  const answers = await within(Promise.all(probes), 60_000, 'an answer for everybody');
  expect(answers.filter((answer) => !/^HTTP\/1\.1 200 .*ok\n$/s.test(answer))).toEqual([]);
  await streams.stop();
  expect(streams.failures).toEqual([]);
  await expectStored(throughline, streams.seen);
}, 150_000);

/** Connections that stand and were not accepted yet. */
function waitingAt(url: string): number {
  const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, '0');
  const rows = readFileSync('/proc/net/tcp', 'latin1').split('\n');
  const listener = rows
    .map((row) => row.trim().split(/\s+/))
    .find((row) => row[1]?.endsWith(`:${port}`) && row[3] === '0A');
  return Number.parseInt(listener?.[4]?.split(':')[1] ?? '0', 16);
}

/** Everything that comes back on a connection of its own until it ends, or the code of its failure. */
function probe(url: string): Promise<string> {
  const { hostname, port, host } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (piece) => {
      text += piece;
    });
    socket.on('end', () => resolve(text));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(`${error.code} after ${text}`));
    socket.write(`GET /livez HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  });
}
