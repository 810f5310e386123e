import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type CutDisk,
  createCutDisk,
  createMounts,
  createWitness,
  type FakeProvider,
  makeTempHome,
  recordFaults,
  startFakeProvider,
  startThroughline,
  type TempHome,
  type Throughline,
  type ThroughlineOptions,
  type Witness,
  type Witnessed,
  waitFor,
  witnessedAnswer,
} from '#test-support';
import { coreMetric } from './hostile-client.ts';

// The power goes while exchanges are under way: everything the kernel had not written to the disk is lost.
const mounts = createMounts();
let provider: FakeProvider;
let home: TempHome;
let disk: CutDisk;
let throughline: Throughline;
let witness: Witness;
let seed = 1_100;

beforeEach(async () => {
  provider = await startFakeProvider();
  provider.respondWith((request) => witnessedAnswer(request));
  home = makeTempHome('power');
  disk = createCutDisk(mounts, home.dataDir, join(home.path, 'disk'));
  chmodSync(home.dataDir, 0o700);
});
afterEach(async () => {
  await throughline?.stop();
  await provider?.close();
  mounts.removeAll();
  home?.remove();
});

async function start(options: Partial<ThroughlineOptions> = {}): Promise<void> {
  throughline = await startThroughline({ providerOrigin: provider.origin, home, ...options });
  seed += 1;
  witness = createWitness(throughline.coreUrl, { seed, pauseMs: 5 });
}

/** The end of everything at once; gives what clients had seen until then. */
async function losePower(): Promise<readonly Witnessed[]> {
  const seen = [...witness.seen];
  disk.cut();
  await throughline.crash();
  await disk.restore();
  return seen;
}

const complete = (): number => witness.seen.filter(({ isComplete }) => isComplete).length;

describe('DUR-11: after a power cut', () => {
  it.each(['core', 'up'] as const)(
    'with "power", every answer that a client saw complete is there ("%s")',
    { timeout: 120_000 },
    async (command) => {
      // Small segments, so that exchanges spread over several.
      await start({ command, config: { journal: { durability: 'power', segment_bytes: '64KiB' } } });
      const traffic = witness.start(6);
      await waitFor(() => complete() > 50, { timeoutMs: 60_000, what: 'clients to see answers' });
      const seen = await losePower();
      await traffic.stop();
      await start();
      expect(seen.filter(({ isComplete }) => isComplete).length).toBeGreaterThan(50);
      expect(await recordFaults(throughline, seen)).toEqual([]);
      await witness.run(5, 1);
      expect(await recordFaults(throughline, witness.seen)).toEqual([]);
    },
  );

  it('with "process", everything is there that core no longer counts as not synced', {
    timeout: 120_000,
  }, async () => {
    await start({ command: 'core', config: { journal: { fsync_interval: '3s' } } });
    await witness.run(20, 6);
    await waitFor(
      async () => (await coreMetric(throughline.coreUrl, 'throughline_journal_unsynced_bytes')) === 0,
      { what: 'the journal to be synced' },
    );
    const synced = witness.seen.length;
    const traffic = witness.start(6);
    await waitFor(() => witness.seen.length > synced + 15, { what: 'more answers' });
    const seen = await losePower();
    await traffic.stop();
    await start();
    expect(await recordFaults(throughline, seen.slice(0, synced))).toEqual([]);
    const late = await recordFaults(throughline, seen.slice(synced), 2_000);
    console.log(`of ${seen.length - synced} later exchanges the power took ${late.length}`);
    expect(late.filter((fault) => !fault.endsWith('is missing') && !fault.includes('interrupted'))).toEqual(
      [],
    );
  });
});
