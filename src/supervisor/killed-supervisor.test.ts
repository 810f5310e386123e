import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { isProcessAlive, processStartToken } from '#generation';
import { endProcess, makeTempDir, startNode, type TempDir, waitFor } from '#test-support';
import {
  askReplace,
  askReplaceSupervisor,
  askStatus,
  askStop,
  type RunState,
  readOrphans,
  readRunStates,
  stopEverything,
} from './index.ts';
import {
  ask,
  endSupervised,
  everything,
  hold,
  pidsOf,
  program,
  type Supervised,
  settled,
  supervise,
} from './supervised-fixture.ts';

afterEach(endSupervised);

const kill = async (supervised: Supervised): Promise<void> => {
  supervised.process.child.kill('SIGKILL');
  await supervised.process.exited;
};

/** The supervisor that goes on after the ones with these pids, when all of its services are ready. */
function successor(dir: TempDir, ...killed: readonly number[]): Promise<RunState> {
  return waitFor(
    async () => {
      const [state] = readRunStates(dir.path);
      if (state === undefined || killed.includes(state.pid)) return undefined;
      const now = await askStatus(state.controlSocket);
      return now.services.every((one) => one.state === 'ready') ? now : undefined;
    },
    { timeoutMs: 40_000, intervalMs: 50, what: 'another supervisor' },
  );
}

/** What nobody has waited for, because its parent was killed, is gone as well. */
const isRunning = (pid: number) => isProcessAlive(pid, undefined);
const isGone = (pids: readonly number[]) => !pids.some(isRunning);

describe('a supervisor that is killed', () => {
  it('is followed by one that proxy-core starts, and nothing that is open notices', async () => {
    const first = await settled(everything);
    const socket = await hold(first.port('front'));
    await kill(first);
    const next = await successor(first.dir, first.process.pid);
    expect(next.services.map(({ generation }) => generation)).toEqual([2, 2, 2]);
    expect(next.addresses).toEqual(await askStatus(next.controlSocket).then(({ addresses }) => addresses));
    for (const purpose of ['front', 'core', 'data'])
      expect(await ask(first.port(purpose), 'hello')).toMatch(/^2 /);
    // The orphans are told that they were replaced, and those with nothing open are gone.
    await waitFor(() => first.diary().includes('recorder 1 left') && first.diary().includes('data 1 left'));
    await waitFor(async () => {
      const { services } = await askStatus(next.controlSocket);
      return services[0]?.orphans?.[0]?.openExchanges === 1 && services[1]?.orphans === undefined;
    });
    expect(socket.readyState).toBe('open');
    socket.end();
    await waitFor(() => first.diary().includes('core 1 left'));
    await askStop(next.controlSocket, { now: false });
    await waitFor(() => isGone([next.pid, ...pidsOf(first.diary())]));
    expect(readRunStates(first.dir.path)).toEqual([]);
  });

  it('writes to the same log as the one before', async () => {
    const first = await settled({ core: {} });
    await kill(first);
    await successor(first.dir, first.process.pid);
    expect(first.process.stderr()).toContain('the supervisor before this one died; this one goes on');
  });

  it('UPG-07: is followed again and again, and there is never more than one', async () => {
    const first = await settled(everything, { coreWorkers: 2 });
    const held = [];
    const killed = [first.process.pid];
    await kill(first);
    for (let i = 0; i < 3; i += 1) {
      const { pid } = await successor(first.dir, ...killed);
      held.push(await hold(first.port('front')));
      // A second death before anything was tidied up.
      process.kill(pid, 'SIGKILL');
      killed.push(pid);
    }
    const last = await successor(first.dir, ...killed);
    expect(readRunStates(first.dir.path)).toHaveLength(1);
    expect(held.map(({ readyState }) => readyState)).toEqual(['open', 'open', 'open']);
    for (const socket of held) socket.end();
    await waitFor(async () =>
      (await askStatus(last.controlSocket)).services.every(({ orphans }) => orphans === undefined),
    );
    // Everybody who ever started is gone, but for two workers and the two others.
    expect(pidsOf(first.diary()).filter(isRunning)).toHaveLength(4);
  }, 120_000);

  it('keeps what its services run, whatever else it would start by now', async () => {
    const first = await settled(everything);
    const { controlSocket } = first.state();
    const release = (name: 'core' | 'data') => ({
      program: fileURLToPath(new URL('./stand-in-service.fixture.ts', import.meta.url)),
      version: `2.0.0-${name}`,
      config: { diary: first.dir.join('diary') },
    });
    const replaced = await askReplace(controlSocket, {
      services: ['core', 'data'],
      releases: { core: release('core'), data: release('data') },
      drainMs: 4_321,
    });
    expect(replaced.ok).toBe(true);
    await kill(first);
    const next = await successor(first.dir, first.process.pid);
    expect(next.services.map(({ version, generation }) => [version, generation])).toEqual([
      ['2.0.0-core', 3],
      ['1.0.0', 2],
      ['2.0.0-data', 3],
    ]);
    const socket = await hold(first.port('front'));
    process.kill(next.pid, 'SIGTERM');
    await waitFor(() => first.process.stderr().includes('1 request is in flight, waiting up to 5 s'));
    socket.end();
  });

  it('leaves nobody behind when proxy-core is killed with it', async () => {
    const first = await settled(everything);
    const [core] = first.state().services;
    first.process.child.kill('SIGKILL');
    process.kill(core?.pid ?? 0, 'SIGKILL');
    await waitFor(() => isGone(pidsOf(first.diary())), { timeoutMs: 30_000 });
    expect(readRunStates(first.dir.path)).toEqual([]);
    const second = await settled(everything, { dir: first.dir });
    expect(await ask(second.port('front'), 'hello')).toMatch(/^1 /);
  });

  it('leaves nobody behind when no service of it could start another one', async () => {
    const first = await settled({ recorder: {}, data: {} });
    await kill(first);
    await waitFor(() => isGone(pidsOf(first.diary())));
    expect(first.diary().filter((line) => line.endsWith('left'))).toHaveLength(2);
  });

  it('leaves nobody behind when it was just stopping everything', async () => {
    const first = await settled(everything);
    const socket = await hold(first.port('front'));
    first.process.child.kill('SIGTERM');
    await waitFor(() => first.process.stderr().includes('1 request is in flight'));
    const [core = 0, ...others] = first.state().services.map(({ pid }) => pid ?? 0);
    await kill(first);
    await waitFor(() => isGone(others));
    // The ports are free, while somebody finishes what was open.
    const second = await settled(everything, { dir: first.dir, frontPort: first.port('front') });
    expect(second.state().services[0]?.orphans).toMatchObject([{ pid: core }]);
    socket.end();
    await waitFor(() => isGone([core]));
    await waitFor(() => second.state().services[0]?.orphans === undefined);
  });

  it('leaves nobody behind when its data directory is gone as well', async () => {
    const first = await settled(everything);
    const pids = pidsOf(first.diary());
    renameSync(first.dir.join('run'), first.dir.join('elsewhere'));
    await kill(first);
    await waitFor(() => isGone(pids));
  });

  it('is not followed by one that cannot start: proxy-core serves on and tries again', async () => {
    using dir = makeTempDir('broken');
    const wrapper = dir.join('supervisor.mjs');
    const works = `await import(${JSON.stringify(pathToFileURL(program).href)});`;
    writeFileSync(wrapper, works);
    const first = await settled(everything, { program: wrapper });
    writeFileSync(wrapper, 'process.exit(3);');
    await kill(first);
    await waitFor(() => first.process.stderr().split('no new supervisor could be started').length > 2);
    expect(first.process.stderr()).toContain('(it ended with exit code 3)');
    expect(await ask(first.port('front'), 'hello')).toMatch(/^1 /);
    expect(readOrphans(first.dir.path).map(({ service }) => service)).toEqual(['core', 'recorder', 'data']);
    writeFileSync(wrapper, works);
    const next = await successor(first.dir, first.process.pid);
    expect(next.services[0]).toMatchObject({ generation: 2 });
  }, 90_000);

  it('is stopped with everything it left, also before another one has come', async () => {
    using dir = makeTempDir('broken');
    const wrapper = dir.join('supervisor.mjs');
    writeFileSync(wrapper, `await import(${JSON.stringify(pathToFileURL(program).href)});`);
    const first = await settled(everything, { program: wrapper });
    const socket = await hold(first.port('front'));
    writeFileSync(wrapper, 'setInterval(() => {}, 1000);');
    await kill(first);
    let hasFound = false;
    const stopped = stopEverything(first.dir.path, { now: false, onFound: () => (hasFound = true) });
    await waitFor(() => first.diary().includes('core 1 drain'));
    expect(hasFound).toBe(true);
    expect(socket.readyState).toBe('open');
    socket.end();
    expect(await stopped).toBe(true);
    expect(pidsOf(first.diary()).filter(isRunning)).toEqual([]);
    expect(await stopEverything(first.dir.path, { now: false, onFound: () => {} })).toBe(false);
  });
});

describe('a supervisor that is killed while another one is to take over from it', () => {
  const behaviours = (ready: string) => ({ core: {}, recorder: {}, data: { readyWhen: ready } });

  it('UPG-08: leaves its services to one of its own kind, and the other one gives way', async () => {
    using dir = makeTempDir('ready');
    const ready = dir.join('ready');
    writeFileSync(ready, '');
    const first = await settled(behaviours(ready));
    rmSync(ready);
    const upgrade = askReplaceSupervisor(first.state().controlSocket, { program }).catch((error) => error);
    await waitFor(() => first.diary().some((line) => line.startsWith('data 2 start')));
    await kill(first);
    expect(await upgrade).toBeInstanceOf(Error);
    writeFileSync(ready, '');
    const next = await successor(first.dir, first.process.pid);
    expect(await ask(first.port('front'), 'hello')).toMatch(/^\d/);
    await waitFor(async () =>
      (await askStatus(next.controlSocket)).services.every(({ orphans }) => orphans === undefined),
    );
    expect(pidsOf(first.diary()).filter(isRunning)).toHaveLength(3);
    expect(first.process.stderr()).toContain('cannot take over: the supervisor before this one died');
  }, 90_000);

  it('stays in the foreground when it is the other one that is killed, afterwards', async () => {
    const first = await settled(everything);
    const { pid } = await askReplaceSupervisor(first.state().controlSocket, { program });
    process.kill(pid, 'SIGKILL');
    const next = await successor(first.dir, first.process.pid, pid);
    await waitFor(async () => (await askStatus(next.controlSocket)).isAttended);
    expect(first.process.exit()).toBeUndefined();
    first.process.child.kill('SIGTERM');
    expect(await first.process.exited).toEqual({ code: 0, signal: null });
    await waitFor(() => isGone([next.pid, ...pidsOf(first.diary())]));
  });

  it('UPG-07: is followed also when it is killed in the moment in which it has taken over', async () => {
    using dir = makeTempDir('taker');
    const first = await settled(everything);
    const { pid } = await askReplaceSupervisor(first.state().controlSocket, {
      program: takerThat(
        dir,
        `const send = process.send.bind(process);
        process.send = (message, ...rest) => {
          send(message, ...rest);
          if (message === 'taken') process.kill(process.pid, 'SIGKILL');
        };`,
      ),
    });
    const next = await successor(first.dir, first.process.pid, pid);
    await waitFor(async () => (await askStatus(next.controlSocket)).isAttended);
    expect(await ask(first.port('front'), 'hello')).toMatch(/^\d/);
    first.process.child.kill('SIGTERM');
    expect(await first.process.exited).toEqual({ code: 0, signal: null });
    await waitFor(() => isGone([next.pid, ...pidsOf(first.diary())]));
  });

  it('UPG-08: changes nothing when it gets stuck while it takes over', async () => {
    using dir = makeTempDir('taker');
    const first = await settled(everything);
    const { controlSocket } = first.state();
    const upgrade = askReplaceSupervisor(controlSocket, {
      // It has what it needs, and has not begun to take it.
      program: takerThat(
        dir,
        `process.on('message', (message) => {
          if (message === 'yours') process.kill(process.pid, 'SIGSTOP');
        });`,
      ),
    });
    await expect(upgrade).rejects.toThrow('this one goes on');
    expect(first.state().pid).toBe(first.process.pid);
    // What the other one had started is told that it is not needed.
    await waitFor(() => pidsOf(first.diary()).filter(isRunning).length === 3);
    expect(await ask(first.port('front'), 'hello')).toMatch(/^1 /);
    const { pid } = await askReplaceSupervisor(controlSocket, { program });
    expect(first.state().pid).toBe(pid);
  });

  /** A supervisor that does something to itself, said in code, at some point. */
  function takerThat(dir: TempDir, does: string): string {
    const path = dir.join('supervisor.mjs');
    writeFileSync(path, `${does}\nawait import(${JSON.stringify(pathToFileURL(program).href)});`);
    return path;
  }

  it('UPG-08: is followed by one that retires the candidate of an unfinished upgrade', async () => {
    const first = await settled(everything, { readyWithinMs: 30_000 });
    const upgrade = askReplace(first.state().controlSocket, {
      services: ['core'],
      releases: {
        core: {
          program: fileURLToPath(new URL('./stand-in-service.fixture.ts', import.meta.url)),
          version: '2.0.0',
          config: { diary: first.dir.join('diary'), behaviour: 'never-ready' },
        },
      },
    }).catch((error) => error);
    await waitFor(() => first.diary().some((line) => line.startsWith('core 2 start')));
    await kill(first);
    expect(await upgrade).toBeInstanceOf(Error);
    const next = await successor(first.dir, first.process.pid);
    expect(next.services[0]).toMatchObject({ version: '1.0.0', generation: 3 });
    await waitFor(() => pidsOf(first.diary()).filter(isRunning).length === 3);
  });
});

describe('starting again after a supervisor was killed', () => {
  it('stands for the one that goes on: it ends when that does, and ends it', async () => {
    const first = await settled(everything);
    await kill(first);
    const second = await settled(everything, { dir: first.dir });
    const { pid } = second.state();
    expect(pid).not.toBe(second.process.pid);
    expect(await ask(first.port('front'), 'hello')).toMatch(/^2 /);
    const third = supervise(everything, { dir: first.dir });
    expect(await third.process.exited).toMatchObject({ code: 1 });
    expect(third.process.stdout()).toContain('already-running');
    const socket = await hold(first.port('front'));
    second.process.child.kill('SIGTERM');
    await waitFor(() => first.process.stderr().includes('1 request is in flight'));
    expect(second.process.exit()).toBeUndefined();
    socket.end();
    expect(await second.process.exited).toEqual({ code: 0, signal: null });
    await waitFor(() => isGone([pid, ...pidsOf(first.diary())]));
  });

  it('goes on with the next one, and leaves it in peace when it is killed itself', async () => {
    const first = await settled(everything);
    await kill(first);
    const second = await settled(everything, { dir: first.dir });
    const { pid } = second.state();
    process.kill(pid, 'SIGKILL');
    const next = await successor(first.dir, first.process.pid, pid);
    await waitFor(async () => (await askStatus(next.controlSocket)).isAttended);
    expect(second.process.exit()).toBeUndefined();
    await kill(second);
    await waitFor(async () => !(await askStatus(next.controlSocket)).isAttended);
    const third = await settled(everything, { dir: first.dir });
    third.process.child.kill('SIGTERM');
    third.process.child.kill('SIGINT');
    expect((await third.process.exited).signal).toBeNull();
    await waitFor(() => isGone([next.pid, ...pidsOf(first.diary())]));
  }, 90_000);
});

describe('CR-07: a process that only has the pid of a service', () => {
  it('gets no signal, whoever stops or starts', async () => {
    using stranger = startStranger();
    const first = await settled({ recorder: {} });
    const { pid } = first.state();
    await kill(first);
    await waitFor(() => isGone(pidsOf(first.diary())));
    const statePath = first.dir.join('run', 'state-recorder.json');
    const left = { generation: 1, worker: 1, version: '1.0.0', pid: stranger.pid };
    const services = [
      {
        service: 'recorder',
        workers: [{ ...left, startToken: 'another boot:1' }],
        candidates: [left],
        retiring: [{ ...left, pid: -1 }],
        orphans: [{ ...left, pid: 0, startToken: '' }],
      },
    ];
    writeFileSync(statePath, JSON.stringify({ v: 1, pid, startToken: 'another boot:1', services }));
    expect(readOrphans(first.dir.path)).toEqual([]);
    expect(await stopEverything(first.dir.path, { now: true, onFound: () => {} })).toBe(false);
    const second = await settled({ recorder: {} }, { dir: first.dir });
    second.process.child.kill('SIGTERM');
    await second.process.exited;
    expect(stranger.heard()).toBe('');
  });

  it('is not adopted, and neither is what already has a supervisor', async () => {
    using stranger = startStranger();
    const first = await settled({ core: {} });
    const { controlSocket, services } = first.state();
    const claim = {
      command: 'adopt',
      service: 'core',
      generation: 1,
      worker: 1,
      version: '1.0.0',
      startToken: 'another boot:1',
      isReady: true,
      isDraining: false,
    };
    const own = { pid: services[0]?.pid, startToken: services[0]?.startToken };
    const refusals = [
      [{ ...claim, pid: stranger.pid }, 'no such process runs here'],
      [{ ...claim, ...own }, 'it has a supervisor'],
      [{ ...claim, pid: '1' }, 'must be whole numbers'],
      [{ ...claim, pid: 1, service: 'front' }, 'service must be'],
      [{ ...claim, pid: 1, startToken: '' }, 'must be texts'],
      [{ command: 'adopt' }, 'service must be'],
    ] as const;
    for (const [request, reason] of refusals)
      expect(await say(controlSocket, request)).toMatchObject({ error: expect.stringContaining(reason) });
    expect(await ask(first.port('front'), 'hello')).toMatch(/^1 /);
    expect(stranger.heard()).toBe('');
  });

  /** A process of somebody else's that tells which signals it got. */
  function startStranger() {
    const source = `for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(name, () => console.log(name));
      setInterval(() => {}, 1000);`;
    const stranger = startNode('-e', [source], { env: {}, input: '' });
    expect(processStartToken(stranger.pid)).toBeDefined();
    return {
      pid: stranger.pid,
      heard: () => (stranger.exit() === undefined ? stranger.stdout() : 'it ended'),
      [Symbol.dispose]: () => void endProcess(stranger, 0),
    };
  }

  function say(controlSocket: string, request: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const socket = connect(controlSocket, () => socket.write(`${JSON.stringify(request)}\n`));
      socket.on('error', reject);
      socket.once('data', (data) => {
        resolve(JSON.parse(data.toString()));
        socket.destroy();
      });
    });
  }
});
