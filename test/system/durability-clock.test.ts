import { existsSync, globSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  askOnce,
  createWitness,
  type FakeProvider,
  listStored,
  makeTempHome,
  type ReadRequest,
  recordFaults,
  startFakeProvider,
  startThroughline,
  type TempHome,
  type Throughline,
  type Witness,
  waitFor,
  witnessedAnswer,
} from '#test-support';

// All services run with a wall clock that the test moves (libfaketime); the monotonic clock goes on as it is.
let provider: FakeProvider;
let home: TempHome;
let throughline: Throughline;
let witness: Witness;

/** `+3600` moves the clock by seconds, `@2026-10-25 00:59:58` sets it. The next look at the clock sees it. */
function setClock(rule: string): void {
  const file = join(home.path, 'clock');
  writeFileSync(`${file}.new`, `${rule}\n`);
  renameSync(`${file}.new`, file);
}

beforeAll(async () => {
  const library = globSync('/usr/lib/*/faketime/libfaketime.so.1').find((path) => existsSync(path));
  if (library === undefined)
    throw new Error('this test moves the clock with libfaketime: install the package libfaketime');
  provider = await startFakeProvider();
  provider.respondWith((request) => witnessedAnswer(request));
  home = makeTempHome('clock');
  setClock('+0');
  throughline = await startThroughline({
    providerOrigin: provider.origin,
    home,
    config: { server: { timeouts: { upstream_first_byte: '2s' } } },
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: join(home.path, 'clock'),
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
      TZ: 'Europe/Berlin',
    },
  });
  witness = createWitness(throughline.frontUrl, { seed: 700, pauseMs: 5 });
});
afterAll(async () => {
  await throughline?.stop();
  await provider?.close();
  home?.remove();
});

interface Row extends ReadRequest {
  readonly timestamp: string;
  readonly sequence: number;
  readonly responseTime?: number;
  readonly firstByteTime?: number;
}

async function rows(): Promise<Row[]> {
  return (await listStored(throughline)) as Row[];
}

describe('a clock that jumps', () => {
  const jumps = [
    ['an hour ahead', '+3600'],
    ['an hour back', '-3600'],
    ['to 1970', '@1970-01-01 01:00:05'],
    ['to the end of summer time', '@2026-10-25 02:59:59'],
    ['to the year 2040', '@2040-01-01 00:00:00'],
    ['to where it was', '+0'],
  ] as const;

  it.each(jumps)(
    'CR-08: %s loses no exchange and makes no negative time',
    { timeout: 60_000 },
    async (_, rule) => {
      const pids = throughline.pids();
      const known = new Set((await rows()).map(({ requestId }) => requestId));
      const traffic = witness.start(3);
      const first = witness.seen.length;
      await waitFor(() => witness.seen.length > first + 8);
      setClock(rule);
      await waitFor(() => witness.seen.length > first + 30);
      await traffic.stop();
      expect(witness.seen.filter(({ isComplete }) => !isComplete)).toEqual([]);
      expect(await recordFaults(throughline, witness.seen.slice(first))).toEqual([]);
      const fresh = (await rows()).filter(({ requestId }) => !known.has(requestId));
      for (const row of fresh) {
        expect(row.outcome).toBe('complete');
        // Nobody waited for long, whatever the clock said meanwhile.
        for (const time of [row.responseTime, row.firstByteTime]) {
          expect(time).toBeGreaterThanOrEqual(0);
          expect(time).toBeLessThan(60_000);
        }
      }
      expect(throughline.pids()).toEqual(pids);
      const health = (await (await fetch(`${throughline.coreUrl}/health`)).json()) as {
        uptime_seconds: number;
      };
      expect(health.uptime_seconds).toBeGreaterThanOrEqual(0);
    },
  );

  it('CR-08: keeps the order of storing whatever the times say', async () => {
    const stored = await rows();
    const sequences = stored.map(({ sequence }) => sequence).sort((a, b) => a - b);
    expect(new Set(sequences).size).toBe(stored.length);
    const bySequence = [...stored].sort((a, b) => a.sequence - b.sequence);
    const order = bySequence.map(({ sessionId }) => Number(sessionId?.split('-')[2]));
    // Three clients at a time: an exchange is stored near its turn, not where a wrong clock would put it.
    for (const [place, number] of order.entries()) expect(Math.abs(place + 1 - number)).toBeLessThan(20);
  });

  it('CR-08: neither shortens nor lengthens a timeout', { timeout: 30_000 }, async () => {
    provider.respondOnceWith({ body: [], ending: 'stall', raw: [] });
    const startedAtMs = performance.now();
    const waiting = askOnce(throughline.frontUrl, { method: 'POST', target: '/v1/messages', body: '{}' });
    await provider.request(provider.requests.length);
    setClock('+7200');
    setClock('-7200');
    expect((await waiting).status).toBe(504);
    expect(performance.now() - startedAtMs).toBeGreaterThan(1_900);
  });
});
