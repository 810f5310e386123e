import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createMounts,
  createWitness,
  type FakeProvider,
  makeTempHome,
  startFakeProvider,
  startThroughline,
  type TempHome,
  type Throughline,
  type Witness,
  witnessedAnswer,
} from '#test-support';
import { becomes, expectAlive, get } from './health-check.ts';

// What health checks say while a disk is full, read-only or gone, and after it is repaired. The journal and the
// database have a disk each.
const mounts = createMounts();
let provider: FakeProvider;
let home: TempHome;
let throughline: Throughline;
let witness: Witness;
const journal = (): string => join(home.dataDir, 'journal');
const database = (): string => join(home.path, 'database');

beforeAll(async () => {
  provider = await startFakeProvider();
  provider.respondWith((request) => witnessedAnswer(request));
  home = makeTempHome('health');
  for (const place of [journal(), database()])
    mounts.add(place, ['-t', 'tmpfs', '-o', 'size=32m,mode=700', 'none']);
  throughline = await startThroughline({
    providerOrigin: provider.origin,
    home,
    config: { journal: { ballast: '1MiB', quota: '1GB' } },
    env: { DB_PATH: join(database(), 'throughline.db') },
  });
  witness = createWitness(throughline.coreUrl, { seed: 950 });
  await witness.ask();
  await becomes(throughline.coreUrl, 200);
});
afterEach(async () => {
  for (const url of [throughline.coreUrl, throughline.dataUrl]) await becomes(url, 200);
  await expectAlive(throughline, witness);
});
afterAll(async () => {
  await throughline?.stop();
  await provider?.close();
  mounts.removeAll();
  home?.remove();
});

/** Fills what is left of the disk; gives what to delete. */
function fill(place: string): string {
  const file = join(place, 'filler');
  try {
    execFileSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=64k'], { stdio: 'pipe' });
  } catch {
    // It ends with an error when the disk is full, which is what is wanted.
  }
  return file;
}

/** What core says as long as this is broken; traffic and liveness have not changed. */
async function impairedBy(): Promise<string> {
  const said = await becomes(throughline.coreUrl, 503);
  expect(said).not.toContain(home.path);
  await expectAlive(throughline, witness);
  return JSON.parse(said).degraded.join();
}

/** What is stored can be read all the while. */
async function expectReadable(): Promise<void> {
  for (const path of ['/health', '/readyz'])
    expect((await get(`${throughline.dataUrl}${path}`)).status).toBe(200);
}

describe('health is 503 and then 200 again', () => {
  it('when the disk of the journal is full', { timeout: 120_000 }, async () => {
    const filler = fill(journal());
    const traffic = witness.start(4);
    try {
      expect(await impairedBy()).toMatch(/^journal: .*Free some space/);
      await expectReadable();
    } finally {
      await traffic.stop();
      rmSync(filler);
    }
  });

  it('when the disk of the database is full', { timeout: 120_000 }, async () => {
    const filler = fill(database());
    const traffic = witness.start(4);
    try {
      expect(await impairedBy()).toMatch(/^recorder: .*Free some space/);
      await expectReadable();
    } finally {
      await traffic.stop();
      rmSync(filler);
    }
  });

  it('when a disk that can only be read stands where the journal was', { timeout: 120_000 }, async () => {
    mounts.add(journal(), ['-t', 'tmpfs', '-o', 'ro', 'none']);
    try {
      expect(await impairedBy()).toMatch(/journal: The journal cannot be written/);
      await expectReadable();
    } finally {
      await mounts.remove(journal());
    }
  });

  it('when a disk that can only be read stands where the database was', { timeout: 120_000 }, async () => {
    mounts.add(database(), ['-t', 'tmpfs', '-o', 'ro', 'none']);
    try {
      expect(await impairedBy()).toMatch(/^recorder: /);
      const said = await becomes(throughline.dataUrl, 503);
      expect(JSON.parse(said)).toMatchObject({ status: 'unavailable', database: 'unavailable' });
      expect((await get(`${throughline.dataUrl}/readyz`)).status).toBe(503);
    } finally {
      await mounts.remove(database());
    }
  });
});
