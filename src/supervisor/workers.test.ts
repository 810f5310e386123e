import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { isRunning, waitFor } from '#test-support';
import { askReplace, askReplaceSupervisor, askStatus, type Release, type ServiceStatus } from './index.ts';
import type { StandInConfig } from './stand-in-service.fixture.ts';
import { ask, endSupervised, holdFrom, pidsOf, type Supervised, settled } from './supervised-fixture.ts';

afterEach(endSupervised);

const standIn = fileURLToPath(new URL('./stand-in-service.fixture.ts', import.meta.url));
const supervisor = fileURLToPath(new URL('./supervise.fixture.ts', import.meta.url));

/** The workers of proxy-core, as the state file has them. */
function core({ state }: Supervised): ServiceStatus {
  return state().services[0]!;
}

/** The same as the supervisor has it now: the file follows a little later. */
async function coreNow({ state }: Supervised): Promise<ServiceStatus> {
  return (await askStatus(state().controlSocket)).services[0]!;
}

function pids(supervised: Supervised): number[] {
  return core(supervised).workers.map(({ pid = 0 }) => pid);
}

/** Holds a connection and says which process has it. */
function held({ port }: Supervised) {
  return holdFrom(port('front'));
}

async function asked({ port }: Supervised, question = 'hello'): Promise<number> {
  return Number((await ask(port('front'), question)).split(' ')[1]);
}

function release(
  supervised: Supervised,
  version: string,
  more: Partial<StandInConfig & { workers: number }>,
) {
  const { workers = 2, ...config } = more;
  const diary = supervised.dir.join('diary');
  return { program: standIn, version, workers, config: { diary, ...config } } satisfies Release;
}

function replace(supervised: Supervised, core: Release) {
  return askReplace(supervised.state().controlSocket, { services: ['core'], releases: { core } });
}

const isWell = (supervised: Supervised) => core(supervised).state === 'ready';

describe('several workers', () => {
  it('share the sockets, and one that is killed is started again beside the others', async () => {
    const two = await settled({ core: {} }, { coreWorkers: 2 });
    const { socket, pid } = await held(two);
    const victim = pids(two).find((one) => one !== pid)!;
    process.kill(victim, 'SIGKILL');
    await waitFor(() => isWell(two) && !pids(two).includes(victim));
    expect(
      core(two)
        .workers.map(({ generation }) => generation)
        .sort(),
    ).toEqual([1, 2]);
    expect(pids(two)).toContain(pid);
    expect(socket.readyState).toBe('open');
    expect(pids(two)).toContain(await asked(two));
    // The one that goes on answers also while the other one is away.
    process.kill(pid, 'SIGKILL');
    expect(pids(two)).toContain(await asked(two));
  });

  it('UPG-02: are replaced together, and what they have open they finish', async () => {
    const two = await settled({ core: {} }, { coreWorkers: 2 });
    const before = pids(two);
    const sockets = await Promise.all([held(two), held(two), held(two)]);
    const receipt = await replace(two, release(two, '2.0.0', {}));
    expect(receipt.services).toMatchObject([{ ok: true, from: 1, to: 2, workers: 2, carriedOver: 3 }]);
    await waitFor(() => core(two).version === '2.0.0');
    expect(core(two).workers.map(({ generation, worker, version }) => [generation, worker, version])).toEqual(
      [
        [2, 1, '2.0.0'],
        [2, 2, '2.0.0'],
      ],
    );
    expect(before).not.toContain(await asked(two));
    for (const { socket } of sockets) expect(socket.readyState).toBe('open');
    for (const { socket } of sockets) socket.end();
    await waitFor(() => core(two).retiring.length === 0);
    const diary = two.diary();
    const isOfNew = (line: string) => /^core 2 worker \d start/.test(line);
    const lastStart = diary.findLastIndex(isOfNew);
    expect(diary.filter(isOfNew)).toHaveLength(2);
    expect(diary.findIndex((line) => line.endsWith('drain'))).toBeGreaterThan(lastStart);
  });

  it('UPG-02: a candidate of which one process fails is given up whole', async () => {
    const two = await settled({ core: {} }, { coreWorkers: 2 });
    const before = pids(two);
    const receipt = await replace(two, release(two, '2.0.0', { behaviour: 'fail', badWorker: 2 }));
    expect(receipt.services).toMatchObject([{ ok: false, reason: 'the moon is full' }]);
    await waitFor(async () => (await coreNow(two)).retiring.length === 0);
    const now = await coreNow(two);
    expect(now).toMatchObject({ state: 'ready', version: '1.0.0', candidates: [] });
    expect(now.workers.map(({ pid }) => pid)).toEqual(before);
    expect(two.diary().filter((line) => line.includes('drain'))).toEqual(['core 2 worker 1 drain']);
    expect(await asked(two)).toBeOneOf(before);
  });

  it('become more or fewer with a replacement, and all leave at the end', async () => {
    const two = await settled({ core: {} }, { coreWorkers: 2 });
    for (const workers of [3, 1]) {
      expect(await replace(two, release(two, '2.0.0', { workers }))).toMatchObject({ ok: true });
      await waitFor(() => core(two).workers.length === workers && core(two).retiring.length === 0);
    }
    two.process.child.kill('SIGTERM');
    expect(await two.process.exited).toEqual({ code: 0, signal: null });
    expect(pidsOf(two.diary())).toHaveLength(6);
    expect(pidsOf(two.diary()).filter(isRunning)).toEqual([]);
  });

  it('are as many under the next supervisor', async () => {
    const two = await settled({ core: {} }, { coreWorkers: 2 });
    const { socket } = await held(two);
    await askReplaceSupervisor(two.state().controlSocket, { program: supervisor });
    const [after] = (await askStatus(two.state().controlSocket)).services;
    expect(after?.workers.map(({ generation, worker, state }) => [generation, worker, state])).toEqual([
      [2, 1, 'ready'],
      [2, 2, 'ready'],
    ]);
    expect(socket.readyState).toBe('open');
    expect(after?.workers.map(({ pid }) => pid)).toContain(await asked(two));
  });

  it('CR-05: all go back when one of them keeps dying with a new program', async () => {
    const two = await settled({ core: {} }, { coreWorkers: 2 });
    await replace(two, release(two, '2.0.0', { behaviour: 'die-soon', badWorker: 2 }));
    await waitFor(async () => {
      const { state, workers } = await coreNow(two);
      return state === 'ready' && workers.every(({ version }) => version === '1.0.0');
    });
    const { lastReplacement, workers } = await coreNow(two);
    expect(lastReplacement).toMatchObject({ ok: false, version: '1.0.0' });
    expect(workers.map(({ pid }) => pid)).toContain(await asked(two));
  });

  it('CR-05: a roll-back stays the news, also when it comes before the receipt of what it undoes', async () => {
    // Processes that do not say how much they have open keep the receipt waiting.
    const two = await settled({ core: { behaviour: 'ignore-drain' } }, { coreWorkers: 2 });
    const receipt = await replace(two, release(two, '2.0.0', { behaviour: 'die-soon', badWorker: 2 }));
    expect(receipt.services).toMatchObject([{ ok: true, version: '2.0.0' }]);
    await waitFor(async () => (await coreNow(two)).version === '1.0.0');
    expect((await coreNow(two)).lastReplacement).toMatchObject({ ok: false, version: '1.0.0' });
  });
});

describe('one of several workers', () => {
  it('CR-02: that asks to be replaced is replaced alone', async () => {
    const two = await settled({ core: {} }, { coreWorkers: 2 });
    const tainted = await asked(two, 'taint');
    const [other] = pids(two).filter((pid) => pid !== tainted);
    await waitFor(() => isWell(two) && !pids(two).includes(tainted));
    expect(pids(two)).toContain(other);
    await waitFor(() => !isRunning(tainted));
    expect(core(two).trouble).toBeUndefined();
  });

  it('UPG-09: that hangs gets a substitute, and finishes what it has when it wakes up', async () => {
    const two = await settled({ core: {} }, { coreWorkers: 2, heartbeatMs: 300 });
    const { socket, pid } = await held(two);
    process.kill(pid, 'SIGSTOP');
    try {
      for (let i = 0; i < 5; i += 1) expect(await asked(two)).not.toBe(pid);
      await waitFor(() => isWell(two) && !pids(two).includes(pid), { timeoutMs: 30_000 });
      expect(core(two).retiring.map((one) => one.pid)).toContain(pid);
      expect(two.process.stderr()).toContain('core does not answer any more');
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await waitFor(() => two.diary().some((line) => line.endsWith('drain')));
    expect(socket.readyState).toBe('open');
    expect(isRunning(pid)).toBe(true);
    socket.end();
    await waitFor(() => !isRunning(pid));
    expect(isWell(two)).toBe(true);
  });

  it('that hangs does not hold up a stop', async () => {
    const two = await settled({ core: {} }, { coreWorkers: 2, heartbeatMs: 300, drainMs: 0 });
    const { pid } = await held(two);
    process.kill(pid, 'SIGSTOP');
    await waitFor(() => core(two).retiring.some((one) => one.pid === pid), { timeoutMs: 30_000 });
    two.process.child.kill('SIGTERM');
    expect(await two.process.exited).toEqual({ code: 0, signal: null });
    expect(isRunning(pid)).toBe(false);
    expect(two.process.stderr()).toContain('core does not leave and is killed');
  });
});
