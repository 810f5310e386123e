import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createWitness,
  endProcess,
  type FakeProvider,
  listStored,
  medianMs,
  type OwnProcess,
  ownCli,
  projectDirectory,
  recordFaults,
  startFakeProvider,
  startNode,
  startThroughline,
  type Throughline,
  type Witness,
  waitFor,
  witnessedAnswer,
} from '#test-support';

// The database is locked, read, deleted from and copied by others while exchanges are recorded.
let provider: FakeProvider;
let throughline: Throughline;
let witness: Witness;
let seed = 100;

beforeAll(async () => {
  provider = await startFakeProvider();
  provider.respondWith((request) => witnessedAnswer(request));
  throughline = await startThroughline({ providerOrigin: provider.origin });
});
beforeEach(() => {
  seed += 1;
  witness = createWitness(throughline.frontUrl, { seed, pauseMs: 40 });
});
afterAll(async () => {
  await throughline?.stop();
  await provider?.close();
});

const database = (): string => join(throughline.dataDir, 'throughline.db');
const cli = (args: readonly string[], env: Record<string, string> = {}): OwnProcess =>
  startNode(ownCli, [...args, '--config', throughline.home.configFile], {
    env: { ...throughline.home.env, DATA_DIR: throughline.dataDir, ...env },
    cwd: throughline.home.path,
    input: '',
  });

async function health(url: string): Promise<Record<string, unknown>> {
  return (await (await fetch(`${url}/health`)).json()) as Record<string, unknown>;
}

/** Asks for pages of the list, one after the other; gives every answer that was not one. */
function readPages() {
  let isStopped = false;
  const failed: number[] = [];
  const ended = (async () => {
    while (!isStopped) {
      const answer = await fetch(`${throughline.dataUrl}/api/v2/requests?limit=200`);
      if (answer.status !== 200) failed.push(answer.status);
      await answer.arrayBuffer();
    }
  })();
  return {
    async stop() {
      isStopped = true;
      await ended;
      return failed;
    },
  };
}

const incomplete = () => witness.seen.filter(({ isComplete }) => !isComplete);

describe('a database in use by others', () => {
  it('DUR-01: locked for 30 s delays no answer and loses no row', { timeout: 120_000 }, async () => {
    await witness.run(60, 4);
    const before = medianMs(witness.seen);
    const other = startNode(
      join(projectDirectory, 'src/store/testing/hold-database.ts'),
      [database(), 'BEGIN IMMEDIATE'],
      { env: {}, input: '' },
    );
    await waitFor(() => other.stdout().includes('holding'), { what: 'the database to be locked' });
    const lockedAtMs = performance.now();
    const traffic = witness.start(1);
    await waitFor(
      async () => {
        const { status, database: state } = await health(throughline.coreUrl);
        return status === 'degraded' && state === 'unavailable';
      },
      { what: 'core to tell that records wait' },
    );
    const readable = await listStored(throughline);
    await waitFor(() => performance.now() - lockedAtMs > 30_000, { timeoutMs: 40_000, intervalMs: 200 });
    const during = await traffic.stop();
    expect((await listStored(throughline)).length).toBe(readable.length);
    await endProcess(other);
    console.log(
      `median of an exchange: ${before.toFixed(1)} ms before, ${medianMs(during).toFixed(1)} ms while locked`,
    );
    expect(during.length).toBeGreaterThan(50);
    expect(incomplete()).toEqual([]);
    expect(await recordFaults(throughline, witness.seen)).toEqual([]);
    await waitFor(async () => (await health(throughline.coreUrl)).status === 'ok', {
      what: 'core to tell that all is well again',
    });
  });

  it('DUR-13: takes every exchange while history is read and deleted', { timeout: 60_000 }, async () => {
    await witness.run(60, 4);
    expect(await recordFaults(throughline, witness.seen)).toEqual([]);
    const traffic = witness.start(3);
    const read = async (): Promise<void> => {
      const answer = await fetch(`${throughline.dataUrl}/api/requests?limit=200`);
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
    };
    await Promise.all([read(), read(), read()]);
    const before = new Date().toISOString();
    const [deleted] = await Promise.all([
      fetch(`${throughline.dataUrl}/api/requests?before=${before}`, {
        method: 'DELETE',
        headers: { 'content-type': 'application/json', 'x-throughline-request': '1' },
      }),
      read(),
      read(),
    ]);
    expect(deleted.status).toBe(200);
    expect(((await deleted.json()) as { deleted: number }).deleted).toBeGreaterThan(60);
    const first = witness.seen.length + 3;
    await waitFor(() => witness.seen.length > first + 30, { what: 'more exchanges' });
    await traffic.stop();
    expect(incomplete()).toEqual([]);
    expect(await recordFaults(throughline, witness.seen.slice(first))).toEqual([]);
    const old = new Set(witness.seen.slice(0, 60).map(({ marker }) => marker));
    expect((await listStored(throughline)).filter(({ sessionId }) => old.has(sessionId ?? ''))).toEqual([]);
  });

  it('DUR-16: is copied whole by "db backup" while exchanges are stored', { timeout: 60_000 }, async () => {
    await witness.run(40, 4);
    expect(await recordFaults(throughline, witness.seen)).toEqual([]);
    const traffic = witness.start(4);
    const copy = join(throughline.home.path, 'copy.db');
    const backup = cli(['db', 'backup', copy]);
    expect(await backup.exited, backup.stderr()).toEqual({ code: 0, signal: null });
    await traffic.stop();
    const opened = new Database(copy, { readonly: true });
    expect(opened.pragma('integrity_check', { simple: true })).toBe('ok');
    const { count } = opened.prepare('SELECT count(*) AS count FROM exchanges').get() as { count: number };
    opened.close();
    expect(count).toBeGreaterThanOrEqual(40);
    const verify = cli(['db', 'verify'], { DB_PATH: copy });
    expect(await verify.exited, verify.stderr()).toEqual({ code: 0, signal: null });
    expect(verify.stdout()).toContain(': 0 damaged');
    expect(incomplete()).toEqual([]);
    expect(await recordFaults(throughline, witness.seen)).toEqual([]);
  });

  it('100 exchanges at once are saved beside others that read and write it, without a lock error', {
    timeout: 180_000,
  }, async () => {
    // What an index of the contents does, and more of it.
    const others = ['write', 'write', 'read', 'read'].map((work) =>
      startNode(join(projectDirectory, 'src/store/testing/work-on-database.ts'), [database(), work], {
        env: {},
        input: '',
      }),
    );
    const areAtWork = () => others.every((other) => other.stdout().includes('working'));
    await waitFor(areAtWork, { what: () => others.map((other) => other.stderr()).join('\n') });
    const before = throughline.logs().length;
    const reading = readPages();
    await witness.run(200, 100);
    expect(incomplete()).toEqual([]);
    expect(await recordFaults(throughline, witness.seen, 60_000)).toEqual([]);
    expect(await reading.stop()).toEqual([]);
    for (const other of others) {
      other.child.kill('SIGTERM');
      expect(await other.exited, other.stderr()).toEqual({ code: 0, signal: null });
      expect(other.stdout()).toMatch(/^[1-9]\d* times$/m);
    }
    expect(throughline.logs().slice(before)).not.toMatch(/"level":"?(error|fatal|50|60)|unhandled/);
    await waitFor(async () => (await health(throughline.coreUrl)).status === 'ok', {
      what: 'core to be well',
    });
    console.log(others.map((other) => other.stdout().replaceAll('\n', ' ')).join(''));
  });

  it.each(['up', 'core', 'record', 'data'])(
    'DUR-14: refuses a second "%s" and serves on',
    async (command) => {
      const second = cli([command]);
      expect((await second.exited).code).toBe(1);
      expect(second.stderr()).toContain('already runs with this data directory');
      const { isComplete } = await witness.ask();
      expect(isComplete).toBe(true);
      expect(await recordFaults(throughline, witness.seen)).toEqual([]);
    },
  );
});
