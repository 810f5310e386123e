import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createWitness,
  type FakeProvider,
  listStored,
  makeTempHome,
  readBody,
  recordFaults,
  startFakeProvider,
  startThroughline,
  type TempHome,
  type Throughline,
  type Witness,
  waitFor,
  witnessedAnswer,
} from '#test-support';

// Disks that are full, read-only or gone. Traffic must not notice; what is lost must be counted.
let provider: FakeProvider;
let home: TempHome;
let throughline: Throughline;
let witness: Witness;
const mounted: string[] = [];

beforeEach(async () => {
  provider = await startFakeProvider();
  provider.respondWith((request) => witnessedAnswer(request));
  home = makeTempHome('disk');
});
afterEach(async () => {
  await throughline?.stop();
  await provider?.close();
  // Lazily, because a process that is just ending may still have a file open.
  for (const place of mounted.splice(0)) execFileSync('umount', ['--lazy', place]);
  home?.remove();
});

/** A small disk of its own at this place. Needs the rights of root and the program `mount`. */
function mountSmallDisk(place: string, size: string): void {
  mkdirSync(place, { recursive: true, mode: 0o700 });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'none', place], { stdio: 'pipe' });
  } catch (cause) {
    throw new Error('this test mounts a small tmpfs: run it as root, in a container that may mount', {
      cause,
    });
  }
  mounted.push(place);
}

function unmount(place: string): void {
  execFileSync('umount', ['--lazy', place]);
  mounted.splice(mounted.indexOf(place), 1);
}

function remount(place: string, options: string): void {
  execFileSync('mount', ['-o', `remount,${options}`, place], { stdio: 'pipe' });
}

/** Fills what is left of the disk. */
function fill(place: string): string {
  const file = join(place, 'filler');
  try {
    execFileSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=64k'], { stdio: 'pipe' });
  } catch {
    // It ends with an error when the disk is full, which is what is wanted.
  }
  return file;
}

async function start(config: Record<string, unknown> = {}, env: Record<string, string> = {}): Promise<void> {
  throughline = await startThroughline({ providerOrigin: provider.origin, home, config, env });
  witness = createWitness(throughline.frontUrl, { seed: 600, pauseMs: 5 });
}

interface CoreHealth {
  readonly status: string;
  readonly forwarding: string;
  readonly degraded: readonly string[];
  readonly journal: {
    readonly healthy: boolean;
    readonly trouble?: string;
    readonly bytesDropped: Record<string, number>;
  };
}

async function coreHealth(): Promise<CoreHealth> {
  return (await (await fetch(`${throughline.coreUrl}/health`)).json()) as CoreHealth;
}

const becomes = (status: string): Promise<CoreHealth> =>
  waitFor(
    async () => {
      const health = await coreHealth();
      return health.status === status ? health : undefined;
    },
    { timeoutMs: 30_000, intervalMs: 50, what: `core to be ${status}` },
  );

const incomplete = () => witness.seen.filter(({ isComplete }) => !isComplete);

describe('a disk that is full', () => {
  it('DUR-02: of the database delays nothing, and everything is stored when there is room again', {
    timeout: 90_000,
  }, async () => {
    const place = join(home.path, 'database');
    mountSmallDisk(place, '24m');
    await start({}, { DB_PATH: join(place, 'throughline.db') });
    await witness.run(20, 4);
    expect(await recordFaults(throughline, witness.seen)).toEqual([]);
    const traffic = witness.start(4);
    fill(place);
    const { forwarding } = await becomes('degraded');
    expect(forwarding).toBe('ok');
    const first = witness.seen.length;
    await waitFor(() => witness.seen.length > first + 60, { timeoutMs: 30_000 });
    remount(place, 'size=100m');
    await traffic.stop();
    expect(incomplete()).toEqual([]);
    expect(await recordFaults(throughline, witness.seen, 60_000)).toEqual([]);
    await becomes('ok');
  });

  it('DUR-02: of the journal drops bodies, forwards them, and counts every byte', {
    timeout: 90_000,
  }, async () => {
    const place = join(home.dataDir, 'journal');
    mountSmallDisk(place, '24m');
    await start({ journal: { ballast: '1MiB', quota: '1GB' } });
    await witness.run(10, 2);
    expect(await recordFaults(throughline, witness.seen)).toEqual([]);
    const filler = fill(place);
    const traffic = witness.start(4);
    const full = await becomes('degraded');
    expect(full.journal.trouble).toContain('space');
    const first = witness.seen.length;
    await waitFor(() => witness.seen.length > first + 40, { timeoutMs: 30_000 });
    await traffic.stop();
    expect(incomplete()).toEqual([]);
    rmSync(filler);
    await becomes('ok');
    const count = witness.seen.length;
    await witness.run(10, 2);
    expect(await recordFaults(throughline, witness.seen.slice(count))).toEqual([]);
    // Every exchange of the time in between has its row, and its gaps are exactly what its bodies lack.
    const rows = await waitFor(async () => {
      const all = await listStored(throughline);
      return all.length >= witness.seen.length ? all : undefined;
    });
    expect(rows).toHaveLength(witness.seen.length);
    let missing = 0;
    for (const row of rows) {
      const seen = witness.seen.find(({ marker }) => marker === row.sessionId)!;
      const request = await readBody(throughline, row.requestId, 'request');
      const response = await readBody(throughline, row.requestId, 'response');
      expect(row).toMatchObject({ outcome: 'complete', requestBytes: seen.request.length });
      expect(row.responseBytes).toBe(seen.body.length);
      missing += seen.request.length + seen.body.length - request.length - response.length;
    }
    expect(missing).toBeGreaterThan(0);
    const { bytesDropped } = (await coreHealth()).journal;
    expect(Object.values(bytesDropped).reduce((sum, bytes) => sum + bytes, 0)).toBe(missing);
  });
});

describe('a journal directory in trouble', () => {
  it('DUR-18: is made again when it was deleted, and recording goes on', { timeout: 60_000 }, async () => {
    await start();
    await witness.run(10, 2);
    expect(await recordFaults(throughline, witness.seen)).toEqual([]);
    const traffic = witness.start(3);
    const first = witness.seen.length;
    await waitFor(() => witness.seen.length > first + 10);
    rmSync(join(throughline.dataDir, 'journal'), { recursive: true });
    await waitFor(() => existsSync(join(throughline.dataDir, 'journal')), {
      what: 'the directory to be there',
    });
    const later = witness.seen.length;
    await waitFor(() => witness.seen.length > later + 20);
    await traffic.stop();
    expect(incomplete()).toEqual([]);
    expect(await recordFaults(throughline, witness.seen)).toEqual([]);
  });

  const journal = (): string => join(home.dataDir, 'journal');
  const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  const hindrances: readonly (readonly [title: string, hinder: () => void, relieve: () => void])[] = [
    ['read-only', () => mountSmallDisk(journal(), '1m,ro'), () => unmount(journal())],
    [
      'a file',
      () => {
        renameSync(journal(), `${journal()}-before`);
        // Core makes the directory again when it finds it missing just now.
        for (let tries = 1; !isFile(journal()); tries += 1) {
          try {
            writeFileSync(journal(), '');
          } catch (error) {
            if (tries > 20) throw error;
            rmSync(journal(), { recursive: true, force: true });
          }
        }
      },
      () => {
        rmSync(journal());
        renameSync(`${journal()}-before`, journal());
      },
    ],
  ];

  it.each(hindrances)(
    'CR-09: that becomes %s: core forwards, says so and records again later',
    {
      timeout: 60_000,
    },
    async (_, hinder, relieve) => {
      await start();
      await witness.run(5, 1);
      expect(await recordFaults(throughline, witness.seen)).toEqual([]);
      const pid = throughline.pids().core;
      hinder();
      const { forwarding, journal: state } = await waitFor(
        async () => {
          const health = await coreHealth();
          return health.journal.healthy ? undefined : health;
        },
        { timeoutMs: 30_000, intervalMs: 50, what: 'core to find its journal in trouble' },
      );
      expect(forwarding).toBe('ok');
      await becomes('degraded');
      expect(state.trouble).toContain('journal');
      await witness.run(20, 4);
      expect(incomplete()).toEqual([]);
      relieve();
      await becomes('ok');
      const count = witness.seen.length;
      await witness.run(5, 1);
      expect(await recordFaults(throughline, witness.seen.slice(count))).toEqual([]);
      expect(throughline.pids().core).toBe(pid);
    },
  );

  it('CR-09: that is read-only from the start: core forwards and records later', {
    timeout: 60_000,
  }, async () => {
    mkdirSync(journal());
    mountSmallDisk(journal(), '1m,ro');
    throughline = await startThroughline({ providerOrigin: provider.origin, home, command: 'core' });
    witness = createWitness(throughline.coreUrl, { seed: 600 });
    expect((await coreHealth()).degraded.join()).toContain('journal');
    await witness.run(10, 2);
    expect(incomplete()).toEqual([]);
    unmount(journal());
    await waitFor(async () => (await coreHealth()).journal.healthy, { what: 'the journal to be healthy' });
    await witness.run(5, 1);
    await throughline.stop();
    await start();
    const stored = await waitFor(async () => {
      const rows = await listStored(throughline);
      return rows.length >= 5 ? rows : undefined;
    });
    expect(stored.length).toBeGreaterThanOrEqual(5);
  });
});
