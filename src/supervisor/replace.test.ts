import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { isRunning, waitFor } from '#test-support';
import { askReplace, askReplaceSupervisor, askStatus, askStop, type Release } from './index.ts';
import type { StandInConfig } from './stand-in-service.fixture.ts';
import { ask, endSupervised, everything, hold, pidsOf, settled } from './supervised-fixture.ts';

afterEach(endSupervised);

const standIn = fileURLToPath(new URL('./stand-in-service.fixture.ts', import.meta.url));

function release(version: string, config: Partial<StandInConfig>, diary = '/dev/null'): Release {
  return { program: standIn, version, config: { diary, ...config } };
}

describe('replacing a service', () => {
  it('carries on what the old generation has open, and the new one takes the rest', async () => {
    const { port, state } = await settled(everything);
    const socket = await hold(port('front'));
    const receipt = await askReplace(state().controlSocket, { services: ['core'] });
    expect(receipt).toMatchObject({
      v: 1,
      ok: true,
      services: [{ service: 'core', ok: true, from: 1, to: 2, carriedOver: 1 }],
    });
    expect(await ask(port('front'), 'hello')).toMatch(/^2 /);
    expect((await askStatus(state().controlSocket)).services[0]).toMatchObject({
      generation: 2,
      retiring: [{ generation: 1, openExchanges: 1 }],
    });
    socket.end();
    await waitFor(() => state().services[0]?.retiring.length === 0);
    expect(state().services.map(({ generation }) => generation)).toEqual([2, 1, 1]);
  });

  it('begins with what touches no traffic and leaves the rest alone when that fails', async () => {
    const { port, state } = await settled(everything);
    const receipt = await askReplace(state().controlSocket, {
      services: ['core', 'data', 'recorder'],
      releases: { data: release('2.0.0', { behaviour: 'exit-at-once' }) },
    });
    expect(receipt.ok).toBe(false);
    expect(receipt.services.map(({ service, ok }) => [service, ok])).toEqual([
      ['recorder', true],
      ['data', false],
    ]);
    expect(await ask(port('data'), 'hello')).toMatch(/^1 /);
    expect(await ask(port('front'), 'hello')).toMatch(/^1 /);
  });

  it.each([
    ['UPG-03: exits at once', 'exit-at-once', 'ended before it was ready (exit code 3)'],
    ['UPG-03: says that it cannot', 'fail', 'the moon is full'],
    ['UPG-03: hangs', 'never-ready', 'was not ready after 8 s'],
    ['UPG-04: listens elsewhere', 'report-another-port', 'listens on front'],
  ] as const)('%s: the old generation goes on and the reason is kept', async (_title, behaviour, reason) => {
    const settings = behaviour === 'never-ready' ? { readyWithinMs: 8_000 } : {};
    const { port, state, diary } = await settled({ core: {} }, settings);
    const socket = await hold(port('front'));
    const receipt = await askReplace(state().controlSocket, {
      services: ['core'],
      releases: { core: release('2.0.0', { behaviour }) },
    });
    expect(receipt.services).toEqual([
      expect.objectContaining({ service: 'core', ok: false, reason: expect.stringContaining(reason) }),
    ]);
    expect((await askStatus(state().controlSocket)).services[0]).toMatchObject({
      generation: 1,
      state: 'ready',
      version: '1.0.0',
      lastReplacement: { ok: false, reason: expect.stringContaining(reason) },
    });
    expect(socket.readyState).toBe('open');
    expect(await ask(port('front'), 'hello')).toMatch(/^1 /);
    expect(diary().filter((line) => line.includes('drain'))).toEqual([]);
  });

  it('UPG-06: by another Node lasts: the service is started again with the Node it was given', async () => {
    const { port, state, dir } = await settled({ core: {} });
    const [node, mark] = [dir.join('node'), dir.join('mark')];
    writeFileSync(node, `#!/bin/sh\necho started >> ${mark}\nexec "${process.execPath}" "$@"\n`, {
      mode: 0o755,
    });
    const releases = { core: { ...release('2.0.0', {}), node } };
    expect(await askReplace(state().controlSocket, { services: ['core'], releases })).toMatchObject({
      ok: true,
    });
    await ask(port('front'), 'crash').catch(() => '');
    expect(await ask(port('front'), 'hello')).toMatch(/^3 /);
    expect(await askReplace(state().controlSocket, { services: ['core'] })).toMatchObject({ ok: true });
    expect(await ask(port('front'), 'hello')).toMatch(/^4 /);
    expect(readFileSync(mark, 'utf8')).toBe('started\n'.repeat(3));
  });

  it.each([
    ['is not there', { node: '/nowhere/node' }, 'could not be started: spawn /nowhere/node ENOENT'],
    ['does not know an option', { nodeOptions: ['--from-the-future'] }, 'bad option: --from-the-future'],
  ])('UPG-06: by a Node that %s changes nothing', async (_how, way, reason) => {
    const { port, state } = await settled({ core: {} });
    const receipt = await askReplace(state().controlSocket, {
      services: ['core'],
      releases: { core: { ...release('2.0.0', {}), ...way } },
    });
    expect(receipt.services[0]).toMatchObject({ ok: false, reason: expect.stringContaining(reason) });
    expect(await ask(port('front'), 'hello')).toMatch(/^1 /);
    expect(await askReplace(state().controlSocket, { services: ['core'] })).toMatchObject({ ok: true });
  });

  it('UPG-05: refuses a second replacement while one is under way', async () => {
    const { state, port } = await settled({ core: {} }, { readyWithinMs: 8_000 });
    const slow = askReplace(state().controlSocket, {
      services: ['core'],
      releases: { core: release('2.0.0', { behaviour: 'never-ready' }) },
    });
    await waitFor(() => state().services[0]?.candidates.length === 1);
    await expect(askReplace(state().controlSocket, { services: ['core'] })).rejects.toThrow('busy');
    expect((await slow).ok).toBe(false);
    expect(await askReplace(state().controlSocket, { services: ['core'] })).toMatchObject({ ok: true });
    expect(await ask(port('front'), 'hello')).toMatch(/^3 /);
  });

  it('UPG-05: goes on while five generations still have something open', async () => {
    const { state, port } = await settled({ core: {} });
    const held = [];
    for (let generation = 1; generation <= 5; generation += 1) {
      held.push(await hold(port('front')));
      await askReplace(state().controlSocket, { services: ['core'] });
    }
    await waitFor(() => state().services[0]?.retiring.length === 5);
    expect(state().services[0]).toMatchObject({ generation: 6 });
    for (const socket of held) {
      expect(socket.readyState).toBe('open');
      socket.end();
    }
    await waitFor(() => state().services[0]?.retiring.length === 0);
  });

  it('CR-05: goes back to the program before when the new one keeps dying', async () => {
    const { state, port } = await settled({ core: {} });
    await askReplace(state().controlSocket, {
      services: ['core'],
      releases: { core: release('2.0.0', { behaviour: 'die-soon' }) },
    });
    await waitFor(() => state().services[0]?.version === '1.0.0' && state().services[0]?.state === 'ready');
    expect(state().services[0]?.lastReplacement).toMatchObject({
      ok: false,
      reason: 'version 2.0.0 kept dying soon after it had taken over (exit code 5): back to 1.0.0',
    });
    expect(await ask(port('front'), 'hello')).toMatch(/^\d+ /);
  });

  it('CR-05: goes back to the program before when the new one soon asks to be replaced', async () => {
    const { state, port } = await settled({ core: {} });
    await askReplace(state().controlSocket, { services: ['core'], releases: { core: release('2.0.0', {}) } });
    const socket = await hold(port('front'));
    expect(await ask(port('front'), 'taint')).toMatch(/^2 /);
    await waitFor(() => state().services[0]?.lastReplacement?.ok === false);
    expect(state().services[0]).toMatchObject({
      state: 'ready',
      version: '1.0.0',
      generation: 3,
      lastReplacement: {
        reason:
          'version 2.0.0 asked to be replaced soon after it had taken over (something broke): back to 1.0.0',
      },
    });
    expect(socket.readyState).toBe('open');
    expect(await ask(port('front'), 'hello')).toMatch(/^3 /);
  });

  it('CR-02: is done at once for a generation that asks for it, which finishes what it has', async () => {
    const { state, port, process } = await settled({ core: {} });
    const socket = await hold(port('front'));
    expect(await ask(port('front'), 'taint')).toMatch(/^1 /);
    await waitFor(() => state().services[0]?.generation === 2);
    expect(process.stderr()).toContain('core asks to be replaced: something broke');
    expect(socket.readyState).toBe('open');
    expect(await ask(port('front'), 'hello')).toMatch(/^2 /);
    socket.end();
    await waitFor(() => state().services[0]?.retiring.length === 0);
  });

  it('refuses other listeners with a sentence and changes nothing', async () => {
    const { state } = await settled({ core: {} });
    const asked = askReplace(state().controlSocket, {
      services: ['core'],
      listeners: [{ purpose: 'front', host: '127.0.0.1', port: 4321 }],
    });
    await expect(asked).rejects.toThrow(/would change \(without .* with front 127\.0\.0\.1:4321\)/);
    expect(state().services[0]).toMatchObject({ generation: 1, retiring: [] });
  });

  it.each([
    {},
    { services: [] },
    { services: ['front'] },
    { services: ['core'], releases: { core: {} } },
    { services: ['core'], releases: { core: { program: '/a', version: '1', node: 'node' } } },
    { services: ['core'], listeners: [1] },
    { services: ['core'], drainMs: -1 },
  ])('refuses the request %j', async (request) => {
    const { state } = await settled({ recorder: {} });
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(state().controlSocket, () =>
        socket.write(`${JSON.stringify({ command: 'replace', ...request })}\n`),
      );
      socket.once('data', (data) => {
        resolve(data.toString());
        socket.destroy();
      });
    });
    expect(JSON.parse(answer)).toMatchObject({ error: expect.stringContaining('must be') });
  });

  it('does not hold up a stop', async () => {
    const { state, process, port } = await settled({ core: {} });
    const socket = await hold(port('front'));
    await askReplace(state().controlSocket, { services: ['core'] });
    const slow = askReplace(state().controlSocket, {
      services: ['core'],
      releases: { core: release('2.0.0', { behaviour: 'never-ready' }) },
    });
    await waitFor(() => state().services[0]?.candidates.length === 1);
    process.child.kill('SIGTERM');
    expect((await slow).services[0]).toMatchObject({ ok: false, reason: 'everything is being stopped' });
    await waitFor(() => process.stderr().includes('1 request is in flight'));
    socket.end();
    process.child.kill('SIGTERM');
    await process.exited;
  });
});

describe('replacing the supervisor', () => {
  const itself = fileURLToPath(new URL('./supervise.fixture.ts', import.meta.url));

  it('keeps what is open, serves in fresh generations, and leaves one in charge that a stop reaches', async () => {
    const { port, state, process, diary } = await settled(everything);
    const socket = await hold(port('front'));
    const { pid } = await askReplaceSupervisor(state().controlSocket, { program: itself });
    expect(pid).not.toBe(process.pid);
    const status = await askStatus(state().controlSocket);
    expect(status.pid).toBe(pid);
    expect(status.services.map((one) => [one.state, one.generation])).toEqual(Array(3).fill(['ready', 2]));
    expect(await ask(port('front'), 'hello')).toMatch(/^2 /);
    expect(socket.readyState).toBe('open');
    socket.end();
    await waitFor(() => diary().includes('core 1 left'));
    await waitFor(() => diary().includes('recorder 1 left'));
    expect(process.exit()).toBeUndefined();
    await askStop(state().controlSocket, { now: false });
    expect(await process.exited).toEqual({ code: 0, signal: null });
    expect([pid, ...pidsOf(diary())].filter(isRunning)).toEqual([]);
  });

  it('can be done again, and a signal to the first process reaches the last', async () => {
    const { port, state, process, diary } = await settled({ core: {} });
    const pids = [];
    for (let i = 0; i < 2; i += 1)
      pids.push((await askReplaceSupervisor(state().controlSocket, { program: itself })).pid);
    expect(await ask(port('front'), 'hello')).toMatch(/^3 /);
    process.child.kill('SIGTERM');
    expect(await process.exited).toEqual({ code: 0, signal: null });
    expect([...pids, ...pidsOf(diary())].filter(isRunning)).toEqual([]);
  });

  it.each<[string, string, { node?: string }]>([
    ['cannot be loaded', 'throw new Error("broken")', {}],
    ['exits', 'process.exit(0)', {}],
    ['has no Node', '', { node: '/nowhere/node' }],
  ])('by one that %s changes nothing', async (_how, source, way) => {
    const { port, state, process, dir } = await settled(everything);
    const program = dir.join('bad.mjs');
    writeFileSync(program, source);
    await expect(askReplaceSupervisor(state().controlSocket, { program, ...way })).rejects.toThrow(
      'the new supervisor did not take over: it ended before it could take over',
    );
    expect(await askStatus(state().controlSocket)).toMatchObject({ pid: process.pid, state: 'running' });
    expect(await ask(port('front'), 'hello')).toMatch(/^1 /);
    expect(await askReplace(state().controlSocket, { services: ['core'] })).toMatchObject({ ok: true });
  });
});
