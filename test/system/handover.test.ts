import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askReplace, type RunState, readRunStates } from '#supervisor';
import {
  askOnce,
  createWitness,
  type FakeProvider,
  isRunning,
  makeTempHome,
  startFakeProvider,
  startThroughline,
  type Throughline,
  waitFor,
  witnessedAnswer,
} from '#test-support';
import {
  copyRelease,
  expectStored,
  runCommand,
  startWitnessed,
  stateOf,
  type WitnessedThroughline,
} from './handover-fixture.ts';
import { StrictClients } from './strict-client.ts';

// Everything is replaced while strict clients work: no refusal, no reset, no 5xx, no other byte, and all of it stored.
// Many hand-overs under a heavier load are in handover-load.test.ts.
let witnessed: WitnessedThroughline | undefined;
let provider: FakeProvider;
let throughline: Throughline;
beforeEach(async () => {
  witnessed = await startWitnessed();
  ({ provider, throughline } = witnessed);
});
afterEach(async () => {
  // A test may have started another one instead.
  await throughline?.stop();
  await witnessed?.close();
});

const state = (): RunState => stateOf(throughline);

const throughlineCommand = (...args: string[]) => runCommand(throughline, args);

describe('replacing services under load', () => {
  it('UPG-16: what happens to proxy-data and the recorder is not noticed under /v1', async () => {
    const kept = new StrictClients(throughline.frontUrl, 'kept').start(4, 20);
    await waitFor(() => kept.seen.length > 10);
    for (let i = 0; i < 3; i += 1) {
      const { services } = await askReplace(state().controlSocket, { services: ['data', 'recorder'] });
      expect(services.map(({ ok }) => ok)).toEqual([true, true]);
      throughline.kill('data');
      const page = await askOnce(throughline.frontUrl, { target: '/api/v2/requests' });
      if (page.status === 503) expect(page.header('retry-after')).toBe('1');
      throughline.kill('recorder');
      await waitFor(() => state().services.every((one) => one.state === 'ready'));
    }
    await kept.stop();
    expect(kept.failures).toEqual([]);
    await expectStored(throughline, kept.seen);
  }, 240_000);

  it('UPG-15: a signal to everything ends streams in time, seals the journal and leaves nobody', async () => {
    const streams = new StrictClients(throughline.frontUrl, 'kept').start(4, 0);
    await waitFor(() => streams.seen.length > 10);
    await askReplace(state().controlSocket, { services: ['core'] });
    await waitFor(() => state().services[0]?.generation === 2);
    const pids = state().services.flatMap(({ pid, retiring }) => [
      pid ?? 0,
      ...retiring.map((one) => one.pid ?? 0),
    ]);
    throughline.supervisor.child.kill('SIGTERM');
    for (const pid of pids) if (pid > 0 && isRunning(pid)) process.kill(pid, 'SIGTERM');
    expect(await throughline.supervisor.exited).toEqual({ code: 0, signal: null });
    await streams.stop();
    expect(pids.filter((pid) => pid > 0 && isRunning(pid))).toEqual([]);
    // Whoever had been let in was answered; then the doors were closed.
    expect(streams.failures.map(({ failure }) => failure)).toEqual(
      streams.failures.map(() => expect.stringMatching(/ECONNREFUSED|ECONNRESET|reset|fin/)),
    );
  }, 60_000);
});

describe('the commands', () => {
  it('UPG-19: a configuration that is not valid changes nothing, a valid one is taken over', async () => {
    const { configFile } = throughline.home;
    const good = readFileSync(configFile, 'utf8');
    writeFileSync(configFile, '{"server": {"prot": 1}}');
    const refused = await throughlineCommand('reload');
    expect(refused).toMatchObject({ code: 5, stdout: '' });
    expect(refused.stderr).toContain('prot');
    expect(state().services.map(({ generation }) => generation)).toEqual([1, 1, 1]);

    const second = await startFakeProvider();
    second.respondWith((request) => witnessedAnswer(request));
    writeFileSync(configFile, good.replaceAll(provider.origin, second.origin));
    expect(await throughlineCommand('reload', '--json')).toMatchObject({ code: 0 });
    const witness = createWitness(throughline.frontUrl, { seed: 2 });
    expect(await witness.ask()).toMatchObject({ isComplete: true, status: 200 });
    expect(second.requests).toHaveLength(1);

    writeFileSync(configFile, good.replace('"port": 0', '"port": 4999'));
    const moved = await throughlineCommand('reload');
    expect(moved.code).toBe(1);
    expect(moved.stderr).toContain('front 127.0.0.1:4999');
    await second.close();
  }, 90_000);

  it('prints a receipt, and says in the status what runs', async () => {
    const restarted = await throughlineCommand('restart', 'core');
    expect(restarted).toMatchObject({ code: 0 });
    expect(restarted.stdout).toMatch(/✔ core +version .*, generation 2, .*0 open requests carried over/);
    const upgraded = await throughlineCommand('upgrade', 'data', '--json');
    expect(JSON.parse(upgraded.stdout)).toMatchObject({
      ok: true,
      services: [{ service: 'data', from: 1, to: 2 }],
    });
    const status = await throughlineCommand('status');
    expect(status.stdout).toMatch(/core +ready, pid \d+, generation 2/);
    expect(status.stdout).toMatch(/journal +\d+ bytes/);
  }, 60_000);
});

it('the supervisor is replaced twice under load, and nobody notices', async () => {
  const streams = new StrictClients(throughline.frontUrl, 'long').startStreams(10);
  const kept = new StrictClients(throughline.frontUrl, 'kept').start(4, 20);
  const witness = createWitness(throughline.frontUrl, { seed: 3, pauseMs: 30 });
  const fresh = witness.start(2);
  await waitFor(() => provider.requests.length > 20);
  for (let generation = 2; generation <= 3; generation += 1) {
    expect(await throughlineCommand('upgrade', 'supervisor')).toMatchObject({ code: 0 });
    expect(state().services.map((one) => [one.state, one.generation])).toEqual(
      Array(3).fill(['ready', generation]),
    );
  }
  expect(readRunStates(throughline.dataDir)).toHaveLength(1);
  await fresh.stop();
  await Promise.all([kept.stop(), streams.stop()]);
  const seen = [...kept.seen, ...streams.seen, ...witness.seen];
  expect(seen.filter((one) => !one.isComplete || one.status !== 200)).toEqual([]);
  await expectStored(throughline, seen);
  expect(await throughlineCommand('stop')).toMatchObject({ code: 0 });
  expect(await throughline.supervisor.exited).toEqual({ code: 0, signal: null });
}, 180_000);

it('UPG-14: a release whose files are gone finishes its streams after it was replaced', async () => {
  using release = copyRelease();
  expect(await runCommand(throughline, ['upgrade', 'core'], { cli: release.cli })).toMatchObject({ code: 0 });
  rmSync(release.join('src'), { recursive: true });
  const streams = new StrictClients(throughline.frontUrl, 'long').startStreams(5);
  const kept = new StrictClients(throughline.frontUrl, 'kept').start(3, 20);
  await waitFor(() => kept.seen.length > 10);
  expect(await throughlineCommand('upgrade', 'core')).toMatchObject({ code: 0 });
  await Promise.all([kept.stop(), streams.stop()]);
  expect([...kept.failures, ...streams.failures]).toEqual([]);
  await expectStored(throughline, [...kept.seen, ...streams.seen]);
}, 120_000);

it('UPG-10: an old core that hangs for a moment at its hand-over resets nobody', async () => {
  await throughline.stop();
  using home = makeTempHome('blocked');
  const program = home.join('block-on-signal.mjs');
  writeFileSync(
    program,
    `if (process.argv[1]?.includes('core')) process.on('SIGUSR2', () => {
      const until = performance.now() + 150;
      while (performance.now() < until);
    });`,
  );
  throughline = await startThroughline({
    providerOrigin: provider.origin,
    home,
    env: { NODE_OPTIONS: `--import=${program}` },
  });
  const witness = createWitness(throughline.frontUrl, { seed: 4, pauseMs: 5 });
  const fresh = witness.start(12);
  const kept = new StrictClients(throughline.frontUrl, 'kept').start(4, 10);
  await waitFor(() => witness.seen.length > 20);
  for (let i = 0; i < 5; i += 1) {
    const { pid = 0, generation } = state().services.find(({ service }) => service === 'core')!;
    const replaced = askReplace(state().controlSocket, { services: ['core'] });
    // The old core hangs all the way through the moment in which the other one takes over.
    const hanging = setInterval(() => {
      if (isRunning(pid)) process.kill(pid, 'SIGUSR2');
    }, 200);
    expect((await replaced).ok).toBe(true);
    clearInterval(hanging);
    await waitFor(() =>
      state().services.some((one) => one.service === 'core' && one.generation > generation),
    );
  }
  await fresh.stop();
  await kept.stop();
  const seen = [...kept.seen, ...witness.seen];
  expect(seen.filter((one) => !one.isComplete || one.status !== 200)).toEqual([]);
  await expectStored(throughline, seen);
}, 120_000);

it('CR-02: after an error that nobody caught, streams end where they are and another core takes the rest', async () => {
  await throughline.stop();
  using home = makeTempHome('tainted');
  const program = home.join('throw-on-signal.mjs');
  writeFileSync(
    program,
    `if (process.argv[1]?.includes('core')) process.on('SIGUSR2', () => setImmediate(() => { throw new Error('injected'); }));`,
  );
  throughline = await startThroughline({
    providerOrigin: provider.origin,
    home,
    env: { NODE_OPTIONS: `--import=${program}` },
  });
  const streams = new StrictClients(throughline.frontUrl, 'long').startStreams(5);
  const kept = new StrictClients(throughline.frontUrl, 'kept').start(3, 10);
  await waitFor(() => provider.requests.length > 10);
  const before = throughline.pids().core ?? 0;
  process.kill(before, 'SIGUSR2');
  const isReplaced = () => state().services.find(({ service }) => service === 'core')?.generation === 2;
  await waitFor(isReplaced, { timeoutMs: 20_000 });
  await Promise.all([kept.stop(), streams.stop()]);
  expect([...kept.failures, ...streams.failures]).toEqual([]);
  expect(throughline.logs()).toContain('core asks to be replaced: Error: injected');
  await waitFor(() => !isRunning(before), { what: 'the tainted core to leave', timeoutMs: 20_000 });
}, 90_000);
