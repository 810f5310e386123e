import {
  closeSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createWitness,
  type FakeProvider,
  makeTempHome,
  ownCli,
  recordFaults,
  seededRandom,
  startFakeProvider,
  startNode,
  startThroughline,
  type TempHome,
  type Throughline,
  type Witness,
  type Witnessed,
  waitFor,
  witnessedAnswer,
} from '#test-support';

// The database is deleted, moved, replaced, cut and overwritten. Everything is in the journals' replay window, so
// everything must be readable again without anybody's doing.
let provider: FakeProvider;
let home: TempHome;
let throughline: Throughline;
let witness: Witness;
/** Everything that clients saw in this home. */
let seen: Witnessed[];

beforeAll(async () => {
  provider = await startFakeProvider();
  provider.respondWith((request) => witnessedAnswer(request));
});
afterAll(() => provider?.close());

const start = () => startThroughline({ providerOrigin: provider.origin, home });
const path = (suffix: '' | '-wal' | '-shm' = ''): string => join(home.dataDir, `throughline.db${suffix}`);

/** Writes noise over a part of a file, which keeps its length. */
function overwrite(file: string, from: number, bytes: number): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, seededRandom(from).bytes(bytes), 0, bytes, from);
  closeSync(descriptor);
}

function cut(file: string, share: number): void {
  truncateSync(file, Math.floor(statSync(file).size * share));
}

const damages: readonly (readonly [title: string, damage: () => void])[] = [
  ['its header is overwritten', () => overwrite(path(), 0, 100)],
  [
    'all its pages but the first are overwritten',
    () => overwrite(path(), 4096, statSync(path()).size - 4096),
  ],
  ['it is cut in the middle', () => cut(path(), 0.5)],
  ['it is empty', () => truncateSync(path(), 0)],
  ['its log is cut to nothing', () => truncateSync(path('-wal'), 0)],
  ['its log is cut in the middle', () => cut(path('-wal'), 0.5)],
  ['its log is overwritten', () => overwrite(path('-wal'), 0, statSync(path('-wal')).size)],
  ['its log is deleted', () => rmSync(path('-wal'))],
  ['its shared index is deleted', () => rmSync(path('-shm'))],
];

const losses: readonly (readonly [title: string, damage: () => void])[] = [
  ['it is deleted', () => rmSync(path())],
  [
    'it is deleted with its companions',
    () => {
      for (const suffix of ['', '-wal', '-shm'] as const) rmSync(path(suffix), { force: true });
    },
  ],
  ['it is moved away', () => renameSync(path(), `${path()}.moved-${Math.random()}`)],
  [
    'it is replaced by a file of another kind',
    () => {
      const other = join(home.dataDir, 'other.db');
      closeSync(openSync(other, 'w'));
      overwrite(other, 0, 20_000);
      renameSync(other, path());
    },
  ],
  [
    'it is replaced by an older copy of itself',
    () => {
      rmSync(path('-wal'), { force: true });
      rmSync(path('-shm'), { force: true });
      renameSync(join(home.path, 'older.db'), path());
    },
  ],
];

describe('a database that is harmed while everything runs', () => {
  beforeAll(async () => {
    home = makeTempHome('damage');
    throughline = await start();
    witness = createWitness(throughline.frontUrl, { seed: 200, pauseMs: 20 });
    await witness.run(20, 4);
    expect(await recordFaults(throughline, witness.seen)).toEqual([]);
  });
  afterAll(async () => {
    await throughline?.stop();
    home.remove();
  });

  async function copyTo(target: string): Promise<void> {
    const copying = startNode(ownCli, ['db', 'backup', target, '--config', home.configFile], {
      env: { ...home.env, DATA_DIR: home.dataDir },
      cwd: home.path,
      input: '',
    });
    expect((await copying.exited).code, copying.stderr()).toBe(0);
  }

  async function harm(damage: () => void): Promise<void> {
    const pids = throughline.pids();
    const traffic = witness.start(2);
    const first = witness.seen.length;
    await waitFor(() => witness.seen.length > first + 2);
    damage();
    await waitFor(() => witness.seen.length > first + 8);
    await traffic.stop();
    expect(witness.seen.filter(({ isComplete }) => !isComplete)).toEqual([]);
    expect(await recordFaults(throughline, witness.seen)).toEqual([]);
    expect(throughline.pids()).toEqual(pids);
  }

  it.each(losses)('DUR-04: is there again after %s', { timeout: 90_000 }, async (title, damage) => {
    if (title.includes('older copy')) await copyTo(join(home.path, 'older.db'));
    await harm(damage);
  });

  it.each(damages)('DUR-05: is whole again after %s', { timeout: 90_000 }, async (_, damage) => {
    await harm(damage);
  });
});

describe('a database that is harmed after a crash', () => {
  beforeAll(async () => {
    home = makeTempHome('damage');
    throughline = await start();
    seen = [];
    await ask(20);
  });
  afterAll(async () => {
    await throughline?.stop();
    home.remove();
  });

  /** Every start has addresses of its own. */
  async function ask(count: number): Promise<void> {
    const clients = createWitness(throughline.frontUrl, { seed: 300 + seen.length });
    await clients.run(count, 4);
    seen.push(...clients.seen);
    expect(await recordFaults(throughline, seen)).toEqual([]);
  }

  it.each([losses[1]!, losses[3]!, ...damages])(
    'DUR-05: is whole again when %s before the next start',
    { timeout: 90_000 },
    async (_, damage) => {
      await throughline.crash();
      damage();
      throughline = await start();
      await ask(4);
    },
  );

  it('keeps what was damaged beside the new one', () => {
    // How many depends on what the log could still mend by itself.
    expect(readdirSync(home.dataDir).filter((name) => name.includes('.corrupt-')).length).toBeGreaterThan(0);
  });
});
