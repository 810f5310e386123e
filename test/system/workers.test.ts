import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askReplace, type ServiceStatus } from '#supervisor';
import {
  askOnce,
  createWitness,
  type FakeProvider,
  isRunning,
  startFakeProvider,
  startThroughline,
  type Throughline,
  waitFor,
  witnessedAnswer,
} from '#test-support';
import { expectStored, runCommand, stateOf } from './handover-fixture.ts';
import { StrictClients } from './strict-client.ts';

// Several processes of proxy-core at once, with real streams: what happens to one, and to all of them.
let provider: FakeProvider;
let throughline: Throughline;
/** Lets the answers to `held` requests go on behind their first event. */
let finish: () => void;

beforeEach(async () => {
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  provider = await startFakeProvider();
  provider.respondWith((request) => {
    const name = request.header('x-claude-code-session-id') ?? '';
    if (!name.startsWith('held')) return witnessedAnswer(request, name.startsWith('long') ? 1_500 : 4);
    const { body: [first = '', ...rest] = [], ...answer } = witnessedAnswer(request, 0);
    return { ...answer, body: [first, { until: finished }, ...rest] };
  });
});
afterEach(async () => {
  await throughline?.stop();
  await provider?.close();
});

async function start(workers: number): Promise<void> {
  throughline = await startThroughline({ providerOrigin: provider.origin, config: { core: { workers } } });
}

function core(): ServiceStatus {
  return stateOf(throughline).services.find(({ service }) => service === 'core')!;
}

const pids = (): number[] => core().workers.map(({ pid = 0 }) => pid);

/** So many answers that do not end yet; and the worker that has most of them. */
async function holdStreams(count: number) {
  const streams = new StrictClients(throughline.frontUrl, 'held').startStreams(count);
  const open = await waitFor(async () => {
    const now = await openExchanges();
    return now.reduce((sum, one) => sum + one, 0) === count ? now : undefined;
  });
  const most = open.indexOf(Math.max(...open));
  return { streams, open: open[most]!, pid: pids()[most]! };
}

/** Of each worker, whichever answers. */
async function openExchanges(): Promise<number[]> {
  const { body } = await askOnce(throughline.coreUrl, { target: '/metrics' });
  const lines = body.toString().matchAll(/^throughline_open_exchanges\{worker="\d+"\} (\d+)$/gm);
  return [...lines].map(([, open]) => Number(open));
}

describe('several workers', () => {
  it.each([
    [2, 6],
    [4, 3],
  ])(
    'UPG-02: %i workers are handed over %i times under load, and nobody notices',
    async (workers, count) => {
      const handOvers = Number(process.env.THROUGHLINE_TEST_HANDOVERS ?? count);
      await start(workers);
      const kept = new StrictClients(throughline.frontUrl, 'kept').start(6, 20);
      const streams = new StrictClients(throughline.frontUrl, 'long').startStreams(20);
      const witness = createWitness(throughline.frontUrl, { seed: workers, pauseMs: 30 });
      const fresh = witness.start(3);
      await waitFor(() => kept.seen.length > 20 && provider.requests.length > 50);
      for (let generation = 2; generation <= handOvers + 1; generation += 1) {
        const { services } = await askReplace(stateOf(throughline).controlSocket, { services: ['core'] });
        expect(services).toMatchObject([{ ok: true, workers }]);
      }
      await fresh.stop();
      await Promise.all([kept.stop(), streams.stop()]);
      const seen = [...kept.seen, ...streams.seen, ...witness.seen];
      expect(
        seen.filter((one) => !one.isComplete || one.status !== 200 || one.failure !== undefined),
      ).toEqual([]);
      await waitFor(() => core().generation === handOvers + 1);
      expect(core().workers.map((one) => one.state)).toEqual(Array(workers).fill('ready'));
      await expectStored(throughline, seen);
      console.log(`${seen.length} requests in ${handOvers} hand-overs of ${workers} workers`);
    },
    240_000,
  );

  it('are as many as the configuration says, also after a reload, and the status names each', async () => {
    await start(2);
    const { configFile } = throughline.home;
    const text = readFileSync(configFile, 'utf8');
    writeFileSync(configFile, text.replace('"workers": 2', '"workers": 3'));
    const reloaded = await runCommand(throughline, ['reload']);
    expect(reloaded.stdout).toMatch(/✔ core +version .*, generation 2, 3 workers/);
    const { stdout } = await runCommand(throughline, ['status']);
    expect(stdout).toMatch(/✔ core +ready, 3 workers, generation 2/);
    for (const worker of core().workers)
      expect(stdout).toContain(`worker ${worker.worker}  ready, pid ${worker.pid}, generation 2`);
  }, 120_000);
});

describe('one of two workers', () => {
  it('that is killed costs its own streams and no other, and is back', async () => {
    await start(2);
    const { streams, open, pid } = await holdStreams(12);
    process.kill(pid, 'SIGKILL');
    const witness = createWitness(throughline.frontUrl, { seed: 20 });
    const fresh = witness.start(3);
    await waitFor(() => core().state === 'ready' && !pids().includes(pid), { timeoutMs: 30_000 });
    await waitFor(() => witness.seen.length > 10);
    await fresh.stop();
    finish();
    await streams.stop();
    expect(streams.failures).toHaveLength(open);
    expect(witness.seen.filter((one) => !one.isComplete || one.status !== 200)).toEqual([]);
    expect(
      core()
        .workers.map(({ generation }) => generation)
        .sort(),
    ).toEqual([1, 2]);
    await expectStored(throughline, [...streams.seen, ...witness.seen]);
  }, 120_000);

  it('UPG-09: that hangs is replaced while the other one answers, and finishes its streams when it wakes up', async () => {
    await start(2);
    const { streams, open, pid } = await holdStreams(12);
    expect(open).toBeGreaterThan(0);
    const witness = createWitness(throughline.frontUrl, { seed: 21, pauseMs: 20 });
    process.kill(pid, 'SIGSTOP');
    const fresh = witness.start(3);
    try {
      // Asked and answered by the other worker, long before anything is done about this one.
      await waitFor(() => witness.seen.length > 0);
      expect(pids()).toContain(pid);
      await waitFor(() => core().state === 'ready' && !pids().includes(pid), { timeoutMs: 60_000 });
      expect(core().retiring.map((one) => one.pid)).toContain(pid);
      expect(throughline.logs()).toContain('core does not answer any more');
      await waitFor(async () => (await askOnce(throughline.coreUrl, { target: '/health' })).status === 200);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    finish();
    await streams.stop();
    await fresh.stop();
    const seen = [...streams.seen, ...witness.seen];
    expect(seen.filter((one) => !one.isComplete || one.status !== 200)).toEqual([]);
    await waitFor(() => !isRunning(pid) && core().retiring.length === 0, {
      what: 'the worker that hung to leave',
      timeoutMs: 30_000,
    });
    await expectStored(throughline, seen);
  }, 180_000);
});
