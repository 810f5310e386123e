import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFrameReader, listJournals } from '#journal/read';
import {
  createWitness,
  type FakeProvider,
  listStored,
  recordFaults,
  recordSettled,
  type ServiceName,
  seededRandom,
  startFakeProvider,
  startThroughline,
  type Throughline,
  type Witness,
  waitFor,
  witnessedAnswer,
} from '#test-support';

// The services are killed at random moments under traffic; afterwards the record is compared with what the clients saw.
let provider: FakeProvider;
let throughline: Throughline;

beforeEach(async () => {
  provider = await startFakeProvider();
  provider.respondWith((request) => witnessedAnswer(request, 12));
  throughline = await startThroughline({ providerOrigin: provider.origin });
});
afterEach(async () => {
  await throughline?.stop();
  await provider?.close();
});

/** Ids of exchanges whose end is in the journal. */
async function closedInJournal(): Promise<Set<string>> {
  const closed = new Set<string>();
  for (const { coreId, segments } of await listJournals(join(throughline.dataDir, 'journal'))) {
    for (const { number: segmentNumber, path } of segments) {
      const reader = createFrameReader({ coreId, segmentNumber });
      for (const { entry } of [...reader.feed(readFileSync(path)), ...reader.finish()])
        if (entry.kind === 'exchange-closed') closed.add(entry.exchangeId);
    }
  }
  return closed;
}

/** Kills a service whenever the clients have seen some more answers complete, a random few milliseconds later. */
function killRepeatedly(service: ServiceName, witness: Witness, seed: number) {
  const random = seededRandom(seed);
  const complete = (): number => witness.seen.filter(({ isComplete }) => isComplete).length;
  let isStopped = false;
  let kills = 0;
  let killed = 0;
  const ended = (async () => {
    while (!isStopped) {
      const next = complete() + random.integer(5, 45);
      const isDue = (): boolean => isStopped || (complete() >= next && isBack());
      await waitFor(isDue, { timeoutMs: 60_000, what: `${service} to serve again` });
      await delay(random.integer(0, 30));
      if (isStopped) break;
      killed = throughline.kill(service);
      kills += 1;
    }
  })();
  const isBack = (): boolean => ![undefined, killed].includes(throughline.pids()[service]);
  return {
    async stop() {
      isStopped = true;
      await ended;
      return kills;
    },
  };
}

describe('nothing is lost', () => {
  it('CR-01: when core is killed at random moments of 500 exchanges', { timeout: 180_000 }, async () => {
    const witness = createWitness(throughline.frontUrl, { seed: 1 });
    const killing = killRepeatedly('core', witness, 7);
    await witness.run(500, 8);
    const kills = await killing.stop();
    await recordSettled(throughline);

    const cut = witness.seen.filter(({ isComplete }) => !isComplete);
    const refused = witness.seen.filter(({ failure }) => failure === 'ECONNREFUSED');
    console.log(`core was killed ${kills} times; ${cut.length} of 500 exchanges were cut`);
    expect(kills).toBeGreaterThan(3);
    expect(cut.length).toBeLessThanOrEqual(kills * 8);
    expect(refused).toEqual([]);
    expect(await recordFaults(throughline, witness.seen)).toEqual([]);

    const stored = await listStored(throughline);
    const closed = await closedInJournal();
    expect(new Set(stored.map((row) => row.requestId)).size).toBe(stored.length);
    const complete = stored.filter((row) => row.outcome === 'complete').map((row) => row.requestId);
    expect(new Set(complete)).toEqual(closed);
    const outcomes = new Set(stored.map((row) => row.outcome));
    expect([...outcomes].sort()).toEqual(['complete', 'interrupted']);
  });

  it('CR-10: when the recorder is killed again and again while it stores', { timeout: 180_000 }, async () => {
    const witness = createWitness(throughline.frontUrl, { seed: 2, pauseMs: 5 });
    const killing = killRepeatedly('recorder', witness, 8);
    await witness.run(500, 4);
    const kills = await killing.stop();
    await recordSettled(throughline);
    console.log(`the recorder was killed ${kills} times`);
    expect(kills).toBeGreaterThan(1);
    expect(witness.seen.filter(({ isComplete }) => !isComplete)).toEqual([]);
    expect(await recordFaults(throughline, witness.seen)).toEqual([]);
    expect(await listStored(throughline)).toHaveLength(500);
  });
});
