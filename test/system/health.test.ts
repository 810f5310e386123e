import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createWitness,
  endProcess,
  type FakeProvider,
  makeTempHome,
  projectDirectory,
  startFakeProvider,
  startNode,
  startThroughline,
  type TempHome,
  type Throughline,
  type Witness,
  waitFor,
  witnessedAnswer,
} from '#test-support';
import { becomes, expectAlive, get } from './health-check.ts';

// What health checks and metrics say while something is really broken, and after it is repaired.
let provider: FakeProvider;

beforeAll(async () => {
  provider = await startFakeProvider();
  provider.respondWith((request) => witnessedAnswer(request));
});
afterAll(() => provider?.close());

describe('health while one thing is broken', () => {
  let home: TempHome;
  let throughline: Throughline;
  let witness: Witness;
  const mounted: string[] = [];

  beforeAll(async () => {
    home = makeTempHome('health');
    const place = join(home.path, 'database');
    mkdirSync(place, { mode: 0o700 });
    // Needs the rights of root, as every test that fills a disk.
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m,mode=700', 'none', place], { stdio: 'pipe' });
    mounted.push(place);
    throughline = await startThroughline({
      providerOrigin: provider.origin,
      home,
      env: { DB_PATH: join(place, 'throughline.db') },
    });
    witness = createWitness(throughline.coreUrl, { seed: 900 });
    await witness.ask();
    await becomes(throughline.coreUrl, 200);
  });
  afterEach(() => becomes(throughline.coreUrl, 200));
  afterAll(async () => {
    await throughline?.stop();
    for (const place of mounted) execFileSync('umount', ['--lazy', place]);
    home?.remove();
  });

  const database = (): string => join(home.path, 'database', 'throughline.db');

  it('names a journal that cannot be written', { timeout: 90_000 }, async () => {
    const journal = join(home.dataDir, 'journal');
    renameSync(journal, `${journal}-before`);
    writeFileSync(journal, '');
    const said = await becomes(throughline.coreUrl, 503);
    expect(JSON.parse(said).degraded.join()).toContain('journal');
    expect(said).not.toContain(home.path);
    await expectAlive(throughline, witness);
    rmSync(journal);
    renameSync(`${journal}-before`, journal);
    await becomes(throughline.coreUrl, 200);
  });

  it('names a database that is locked', { timeout: 90_000 }, async () => {
    const holder = join(projectDirectory, 'src/store/testing/hold-database.ts');
    const other = startNode(holder, [database(), 'BEGIN IMMEDIATE'], { env: {}, input: '' });
    try {
      const said = await becomes(throughline.coreUrl, 503);
      expect(JSON.parse(said)).toMatchObject({
        database: 'unavailable',
        forwarding: 'ok',
        degraded: [expect.stringContaining('recorder: ')],
      });
      await expectAlive(throughline, witness);
      // Reading goes on.
      expect((await get(`${throughline.dataUrl}/health`)).status).toBe(200);
      expect((await get(`${throughline.coreUrl}/metrics`)).text).toMatch(/^throughline_recorder_up 0$/m);
    } finally {
      await endProcess(other);
    }
    await becomes(throughline.coreUrl, 200);
  });

  it('names a disk that is full', { timeout: 90_000 }, async () => {
    const filler = join(home.path, 'database', 'filler');
    const fill = (): void => {
      try {
        execFileSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k'], { stdio: 'pipe' });
      } catch {
        // It ends with an error when the disk is full, which is what is wanted.
      }
    };
    fill();
    const traffic = witness.start(4);
    const said = await becomes(throughline.coreUrl, 503);
    expect(JSON.parse(said).degraded.join()).toContain('full');
    expect(said).not.toContain(home.path);
    await traffic.stop();
    await expectAlive(throughline, witness);
    rmSync(filler);
    await becomes(throughline.coreUrl, 200);
  });

  it('names a database that cannot be opened, in both services', { timeout: 90_000 }, async () => {
    const files = ['', '-wal', '-shm'].map((suffix) => database() + suffix);
    for (const file of files) rmSync(file, { force: true });
    mkdirSync(database());
    const said = [await becomes(throughline.coreUrl, 503), await becomes(throughline.dataUrl, 503)];
    for (const text of said) expect(text).not.toContain(home.path);
    expect(JSON.parse(said[1]!)).toMatchObject({ status: 'unavailable', database: 'unavailable' });
    expect((await get(`${throughline.dataUrl}/readyz`)).status).toBe(503);
    await expectAlive(throughline, witness);
    rmSync(database(), { recursive: true });
    await becomes(throughline.coreUrl, 200);
    await becomes(throughline.dataUrl, 200);
  });

  it('is well again by itself after database and journal were deleted', { timeout: 90_000 }, async () => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(database() + suffix, { force: true });
    rmSync(join(home.dataDir, 'journal'), { recursive: true });
    await waitFor(async () => {
      await expectAlive(throughline, witness);
      const data = JSON.parse((await get(`${throughline.dataUrl}/health`)).text);
      return data.status === 'ok' && data.database_detail.exchanges > 0;
    });
    await becomes(throughline.coreUrl, 200);
  });

  it('is well again by itself after the database was overwritten', { timeout: 90_000 }, async () => {
    writeFileSync(database(), Buffer.alloc(200_000, 7));
    await witness.run(5, 1);
    await becomes(throughline.coreUrl, 200);
    await becomes(throughline.dataUrl, 200);
    await expectAlive(throughline, witness);
  });
});

it('names a recorder that is gone', { timeout: 90_000 }, async () => {
  const home = makeTempHome('health');
  const start = (command: 'core' | 'record'): Promise<Throughline> =>
    startThroughline({ command, providerOrigin: provider.origin, home });
  const core = await start('core');
  const first = await start('record');
  let second: Throughline | undefined;
  try {
    await waitFor(async () => (await get(`${core.coreUrl}/health`)).text.includes('"database":"connected"'));
    const pid = first.pids().recorder!;
    // Its supervisor first, so that nobody brings it back.
    process.kill(first.supervisor.pid, 'SIGKILL');
    process.kill(pid, 'SIGKILL');
    const said = await becomes(core.coreUrl, 503);
    expect(JSON.parse(said).degraded).toEqual([
      'recorder: no recorder is running; records wait in the journal',
    ]);
    expect((await get(`${core.coreUrl}/readyz`)).status).toBe(200);
    second = await start('record');
    await becomes(core.coreUrl, 200);
  } finally {
    await Promise.all([core.stop(), first.stop(), second?.stop()]);
    home.remove();
  }
});

describe('docs/operating.md', () => {
  it('describes every metric of both services and no other', async () => {
    await using throughline = await startThroughline({ providerOrigin: provider.origin });
    const documented = readFileSync(join(projectDirectory, 'docs/operating.md'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| `throughline_'));
    const [core, data] = [
      helps((await get(`${throughline.coreUrl}/metrics`)).text),
      helps((await get(`${throughline.dataUrl}/metrics`)).text),
    ];
    const rows = [...new Map([...core, ...data])].map(([name, help]) => {
      const where = [core.has(name) ? 'core' : '', data.has(name) ? 'data' : ''].filter(Boolean).join(', ');
      return `| \`${name}\` | ${where} | ${help} |`;
    });
    expect(documented.sort()).toEqual(rows.sort());
  });
});

function helps(text: string): Map<string, string> {
  const lines = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)];
  const types = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
  expect(types).toEqual(lines.map(([, name]) => name));
  return new Map(lines.map(([, name = '', help = '']) => [name, help]));
}
