import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createWitness,
  type FakeProvider,
  makeTempHome,
  recordFaults,
  startFakeProvider,
  startThroughline,
  type Throughline,
  witnessedAnswer,
} from '#test-support';

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
  provider.respondWith((request) => witnessedAnswer(request));
});
afterAll(() => provider?.close());

/** Core, recorder and proxy-data as three programs that find nothing and begin at the same moment. */
async function startAllAtOnce(): Promise<void> {
  const home = makeTempHome('first');
  const started = await Promise.allSettled(
    (['core', 'record', 'data'] as const).map((command) =>
      startThroughline({ command, providerOrigin: provider.origin, home }),
    ),
  );
  const running = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  try {
    for (const one of started) if (one.status === 'rejected') throw one.reason;
    const [core, , data] = running as [Throughline, Throughline, Throughline];
    const witness = createWitness(core.coreUrl, { seed: 500 });
    await witness.run(3, 1);
    expect(witness.seen.map(({ isComplete }) => isComplete)).toEqual([true, true, true]);
    expect(await recordFaults({ ...data, frontUrl: data.dataUrl }, witness.seen)).toEqual([]);
    expect(new Set(running.map(({ token }) => token)).size).toBe(1);
    for (const name of ['token', 'secret', 'throughline.db'])
      expect(statSync(join(home.dataDir, name)).mode & 0o777).toBe(0o600);
  } finally {
    await Promise.all(running.map((one) => one.stop()));
    home.remove();
  }
}

describe('a first start', () => {
  it('works 12 times out of 12 when all services begin at the same moment', {
    timeout: 600_000,
  }, async () => {
    for (let round = 1; round <= 12; round += 1) await startAllAtOnce();
  });
});
