import { afterAll, beforeAll, expect, it } from 'vitest';
import { startThroughline, type Throughline, waitFor } from '#test-support';
import { StrictLoad, type Tally } from '../../bench/strict-load.ts';
import { startWorker, type Worker } from '../../bench/worker.ts';
import { runCommand } from './handover-fixture.ts';

// `bench/reloads.ts` holds nginx, HAProxy, Caddy and Throughline against the same clients. Here: those clients find
// nothing wrong with an upgrade of ours, and something with a core that is killed.
let provider: Worker;
let throughline: Throughline;
beforeAll(async () => {
  provider = await startWorker('./provider-worker.ts');
  const { port } = await provider.run<{ port: number }>({});
  throughline = await startThroughline({ providerOrigin: `http://127.0.0.1:${port}` });
});
afterAll(async () => {
  await throughline?.stop();
  await provider?.stop();
});

const startLoad = (): StrictLoad =>
  new StrictLoad({
    port: Number(new URL(throughline.frontUrl).port),
    ...{ kept: 4, fresh: 2, streams: 8, streamSeconds: 3, pauseMs: 30 },
  }).start();

it('UPG-20: the clients of the comparison see nothing of three upgrades', async () => {
  const load = startLoad();
  for (let upgrades = 0; upgrades < 3; upgrades += 1) {
    const answered = load.kept.ok;
    await waitFor(() => load.kept.ok > answered + 50);
    expect(await runCommand(throughline, ['upgrade', 'core'])).toMatchObject({ code: 0 });
  }
  await load.stop();
  expect([...load.failures]).toEqual([]);
  const tallies: readonly Tally[] = [load.kept, load.fresh, load.streams];
  for (const { ok, failed } of tallies) {
    expect(ok).toBeGreaterThan(0);
    expect(failed).toBe(0);
  }
}, 240_000);

it('UPG-20: the clients of the comparison see a core that is killed', async () => {
  const load = startLoad();
  await waitFor(() => load.kept.ok > 50);
  // A kill may come when nobody waits for anything: the next one meets somebody.
  const isSeen = (): boolean => {
    if (load.failures.size === 0) throughline.kill('core');
    return load.failures.size > 0;
  };
  await waitFor(isSeen, { intervalMs: 500 });
  await load.stop();
  expect(load.kept.failed + load.fresh.failed + load.streams.failed).toBeGreaterThan(0);
}, 120_000);
