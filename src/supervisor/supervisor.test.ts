import { mkdirSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { isRunning, makeTempDir, waitFor } from '#test-support';
import { askStatus, askStop, readRunStates } from './index.ts';
import {
  ask,
  endSupervised,
  everything,
  hold,
  pidsOf,
  settled,
  sockets,
  supervise,
} from './supervised-fixture.ts';

afterEach(endSupervised);

describe('a supervisor', () => {
  it('serves every address of both families from the start', async () => {
    const { port, state, dir } = await settled(everything);
    for (const purpose of ['front', 'core', 'data'])
      for (const host of ['127.0.0.1', '::1'])
        expect(await ask(port(purpose), 'hello', host)).toMatch(/^1 \d+ 1$/);
    expect(state().services.map(({ service, state: is }) => [service, is])).toEqual([
      ['core', 'ready'],
      ['recorder', 'ready'],
      ['data', 'ready'],
    ]);
    expect(statSync(dir.join('run')).mode & 0o777).toBe(0o700);
    expect(statSync(state().controlSocket).mode & 0o777).toBe(0o600);
    expect(statSync(dir.join('run', 'state.json')).mode & 0o777).toBe(0o600);
  });

  it('brings a crashed core back, and connections wait for it instead of being refused', async () => {
    const { port, diary } = await settled({ core: {} });
    for (let crash = 1; crash <= 3; crash += 1) {
      await ask(port('front'), 'crash').catch(() => '');
      expect(await Promise.all([1, 2, 3].map(() => ask(port('front'), 'hello')))).toEqual(
        Array(3).fill(expect.stringMatching(new RegExp(`^${crash + 1} `))),
      );
    }
    expect(diary().filter((line) => line.includes('start'))).toHaveLength(4);
  });

  it('does not let a core notice that the recorder and proxy-data keep dying', async () => {
    const { port, process, state } = await settled({
      core: {},
      recorder: { behaviour: 'exit-at-once' },
      data: { behaviour: 'exit-at-once' },
    });
    await waitFor(() =>
      state().services.every(({ service, generation }) => service === 'core' || generation > 3),
    );
    expect(await ask(port('front'), 'hello')).toMatch(/^1 /);
    expect(state().services.find(({ service }) => service === 'recorder')?.trouble).toBe(
      'ended by itself (exit code 3)',
    );
    expect(process.exit()).toBeUndefined();
  });

  it('starts a service again until it works', async () => {
    const { state } = await settled({ core: {}, data: { servesFrom: 4 } });
    const data = await waitFor(() =>
      state().services.find(({ service, state: is }) => service === 'data' && is === 'ready'),
    );
    expect(data).toMatchObject({ generation: 4 });
    expect(data.trouble).toBeUndefined();
  });

  it('stops in order: core and data first, the recorder last', async () => {
    const { process, diary, dir } = await settled(everything);
    process.child.kill('SIGTERM');
    expect(await process.exited).toEqual({ code: 0, signal: null });
    const ends = diary().filter((line) => !line.includes('start'));
    expect(ends.slice(0, 4).sort()).toEqual(['core 1 drain', 'core 1 left', 'data 1 drain', 'data 1 left']);
    expect(ends.slice(4)).toEqual(['recorder 1 drain', 'recorder 1 left']);
    expect(readRunStates(dir.path)).toEqual([]);
  });

  it('waits for open connections on the first signal and says so', async () => {
    const { process, port, state } = await settled(everything);
    const socket = await hold(port('front'));
    process.child.kill('SIGINT');
    await waitFor(() => process.stderr().includes('1 request is in flight, waiting up to 5 s'));
    expect(state().state).toBe('draining');
    expect(process.exit()).toBeUndefined();
    socket.end();
    expect(await process.exited).toEqual({ code: 0, signal: null });
  });

  it('cuts open connections on the second signal', async () => {
    const { process, port } = await settled(everything, { drainMs: 0 });
    await hold(port('front'));
    process.child.kill('SIGINT');
    await waitFor(() => process.stderr().includes('waiting until they end'));
    process.child.kill('SIGINT');
    expect(await process.exited).toEqual({ code: 130, signal: null });
  });

  it('tells a core to leave that does not drain in time', async () => {
    const { process, diary } = await settled({ core: { behaviour: 'ignore-drain' } }, { drainMs: 1 });
    process.child.kill('SIGTERM');
    expect(await process.exited).toEqual({ code: 0, signal: null });
    expect(diary().slice(1)).toEqual(['core 1 drain', 'core 1 stop']);
  });

  it('kills a service that does not listen to anything', async () => {
    const { process, diary } = await settled({ core: { behaviour: 'ignore-everything' } }, { drainMs: 1 });
    process.child.kill('SIGTERM');
    await process.exited;
    expect(pidsOf(diary()).some(isRunning)).toBe(false);
    expect(process.stderr()).toContain('core does not leave and is killed');
  });

  it('ends at once on SIGQUIT, and does not mind a SIGHUP that is not of its terminal', async () => {
    const { process, port } = await settled(everything, { drainMs: 0 });
    await hold(port('front'));
    process.child.kill('SIGHUP');
    expect(await ask(port('front'), 'hello')).toMatch(/^1 /);
    process.child.kill('SIGQUIT');
    expect(await process.exited).toEqual({ code: 130, signal: null });
  });

  it('stops in order when its terminal is closed', async () => {
    // `script` gives what it runs a terminal of its own, which is closed when it ends.
    const terminal = supervise(everything, {
      launcher: ['/bin/sh', '-c', `exec script -qec "'$1' '$2' '$3'" /dev/null`, 'sh'],
    });
    const state = () => readRunStates(terminal.dir.path)[0];
    await waitFor(() => state()?.services.every((one) => one.state === 'ready'), { timeoutMs: 45_000 });
    const { pid = 0, services = [] } = state() ?? {};
    terminal.process.child.kill('SIGKILL');
    await waitFor(() => ![pid, ...services.map((one) => one.pid ?? 0)].some(isRunning));
    expect(terminal.diary().filter((line) => line.endsWith('left'))).toHaveLength(3);
    expect(terminal.diary().filter((line) => line.includes('start'))).toHaveLength(3);
  });

  it('answers on its control socket and stops when that asks for it', async () => {
    const { process, state } = await settled(everything);
    const answer = await askStatus(state().controlSocket);
    expect(answer).toMatchObject({ v: 1, version: '1.0.0', state: 'running', pid: process.pid });
    await askStop(state().controlSocket, { now: false });
    expect(await process.exited).toEqual({ code: 0, signal: null });
  });

  it.each(['rubbish', '{}', '{"command":"dance"}', 'x'.repeat(100_000)])(
    'does not mind a control command %#',
    async (line) => {
      const { state } = await settled({ recorder: {} });
      const answer = await new Promise<string>((resolve) => {
        const socket = connect(state().controlSocket, () => socket.write(`${line}\n`));
        socket.once('data', (data) => {
          resolve(data.toString());
          socket.destroy();
        });
      });
      expect(JSON.parse(answer)).toMatchObject({ error: expect.stringContaining('unknown command') });
      expect((await askStatus(state().controlSocket)).state).toBe('running');
    },
  );

  it('finds a place for its control socket when the data directory has a very long path', async () => {
    using outer = makeTempDir('long');
    const path = outer.join('d'.repeat(100));
    mkdirSync(path);
    const { state, process } = await settled(
      { recorder: {} },
      { dir: { ...outer, path, join: (...parts) => outer.join('d'.repeat(100), ...parts) } },
    );
    expect(state().controlSocket.length).toBeLessThan(104);
    await askStop(state().controlSocket, { now: false });
    await process.exited;
    expect(() => statSync(state()?.controlSocket ?? '/nowhere')).toThrow();
  });

  it('keeps up with a service that logs faster than anybody reads', async () => {
    const { process, state } = await settled({ recorder: { behaviour: 'say-much' } });
    await waitFor(
      () => process.stderr().includes('line 49999') || process.stderr().includes('were left out'),
    );
    expect((await askStatus(state().controlSocket)).state).toBe('running');
  });
});

describe('a supervisor that cannot start', () => {
  it('UPG-17: names the program that has its port and listens nowhere', async () => {
    const stranger = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => stranger.once('listening', resolve));
    sockets.push({ destroy: () => stranger.close() });
    const { port } = stranger.address() as { port: number };
    const { process: supervisor, dir } = supervise(everything, { ports: port });
    expect(await supervisor.exited).toEqual({ code: 1, signal: null });
    expect(supervisor.stdout()).toContain(`address-taken: 127.0.0.1:${port} (front) is used by `);
    expect(supervisor.stdout()).toContain(`(pid ${process.pid})`);
    expect(readRunStates(dir.path)).toEqual([]);
  });

  it('DUR-14: says what already runs with its data directory', async () => {
    const first = await settled(everything);
    const second = supervise(everything, { dir: first.dir });
    expect(await second.process.exited).toEqual({ code: 1, signal: null });
    expect(second.process.stdout()).toContain(
      'already-running: Throughline already runs with this data directory',
    );
    expect(second.process.stdout()).toContain(`core, recorder, data, pid ${first.process.pid}`);
    expect(await ask(first.port('front'), 'hello')).toMatch(/^1 /);
  });

  it('runs beside one that supervises other services of the same data directory', async () => {
    const first = await settled({ core: {} });
    const second = await settled({ data: {} }, { dir: first.dir });
    expect(readRunStates(first.dir.path)).toHaveLength(2);
    expect(await ask(second.port('data'), 'hello')).toMatch(/^1 /);
  });

  it('ends with the reason when core refuses to begin with', async () => {
    const { process } = supervise({ core: { behaviour: 'fail' }, recorder: {} });
    expect(await process.exited).toEqual({ code: 1, signal: null });
    expect(process.stderr()).toContain('core was refused: the moon is full');
  });

  it('UPG-04: refuses a core that says it listens elsewhere', async () => {
    const { process } = supervise({ core: { behaviour: 'report-another-port' } });
    expect(await process.exited).toEqual({ code: 1, signal: null });
    expect(process.stderr()).toMatch(
      /core was refused: listens on front 127\.0\.0\.1:\d+, .* instead of front/,
    );
  });

  it('ends when core dies again and again before it ever served', async () => {
    const { process } = supervise({ core: { behaviour: 'exit-at-once' } });
    expect(await process.exited).toEqual({ code: 1, signal: null });
  });
});
