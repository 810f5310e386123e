import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createMounts,
  createWitness,
  type FakeProvider,
  makeTempHome,
  recordFaults,
  startFakeProvider,
  startThroughline,
  type TempHome,
  type Throughline,
  type Witnessed,
  waitFor,
  witnessedAnswer,
} from '#test-support';

// In a container the data directory may lie on the overlay file system of the image.
const mounts = createMounts();
let provider: FakeProvider;
let home: TempHome;
let throughline: Throughline;

beforeEach(async () => {
  provider = await startFakeProvider();
  provider.respondWith((request) => witnessedAnswer(request));
  home = makeTempHome('overlay');
  // An overlay cannot be the upper layer of another one, and that is what the machine of the test may have.
  mounts.add(join(home.path, 'disk'), ['-t', 'tmpfs', '-o', 'size=256m,mode=700', 'none']);
});
afterEach(async () => {
  await throughline?.stop();
  await provider?.close();
  mounts.removeAll();
  home?.remove();
});

/** The data directory as a container sees it: changes in `upper`, what the image brought in `lower`. */
function mountOverlay({ lower, upper }: { readonly lower: string; readonly upper: string }): void {
  const [below, above, work] = [lower, upper, `${upper}-work`].map((name) => join(home.path, 'disk', name));
  for (const directory of [below!, above!, work!]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  const options = `lowerdir=${below},upperdir=${above},workdir=${work}`;
  mounts.add(home.dataDir, ['-t', 'overlay', '-o', options, 'overlay']);
}

const start = (): Promise<Throughline> => startThroughline({ providerOrigin: provider.origin, home });

/** So many exchanges, all of which arrive whole. */
async function ask(seed: number, count: number): Promise<readonly Witnessed[]> {
  const witness = createWitness(throughline.frontUrl, { seed });
  await witness.run(count, 3);
  expect(witness.seen.filter(({ isComplete }) => !isComplete)).toEqual([]);
  return witness.seen;
}

describe('DUR-19: a data directory on an overlay file system', () => {
  it('keeps every exchange, also when the recorder is killed', { timeout: 120_000 }, async () => {
    mountOverlay({ lower: 'image', upper: 'changes' });
    throughline = await start();
    const seen = [...(await ask(1, 20))];
    expect(await recordFaults(throughline, seen)).toEqual([]);
    const killed = throughline.kill('recorder');
    seen.push(...(await ask(2, 20)));
    await waitFor(() => ![undefined, killed].includes(throughline.pids().recorder));
    expect(await recordFaults(throughline, seen)).toEqual([]);
    expect((await fetch(`${throughline.frontUrl}/health`)).status).toBe(200);
  });

  it('goes on with the database that an image brought', { timeout: 120_000 }, async () => {
    mountOverlay({ lower: 'image', upper: 'changes' });
    throughline = await start();
    const seen = [...(await ask(3, 10))];
    expect(await recordFaults(throughline, seen)).toEqual([]);
    await throughline.stop();
    await mounts.remove(home.dataDir);
    mountOverlay({ lower: 'changes', upper: 'more-changes' });
    throughline = await start();
    expect(await recordFaults(throughline, seen)).toEqual([]);
    seen.push(...(await ask(4, 10)));
    expect(await recordFaults(throughline, seen)).toEqual([]);
  });
});
