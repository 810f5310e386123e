import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isProcessAlive } from '#generation';
import { askStatus, type RunState, readRunStates } from '#supervisor';
import {
  createWitness,
  type FakeProvider,
  ownCli,
  startNode,
  type Throughline,
  waitFor,
} from '#test-support';
import {
  expectStored,
  runCommand,
  startWitnessed,
  stateOf,
  type WitnessedThroughline,
} from './handover-fixture.ts';
import { StrictClients } from './strict-client.ts';

// Supervisors are killed while strict clients work: no refusal, no reset, no 5xx, no other byte, and all of it stored.
let witnessed: WitnessedThroughline | undefined;
let provider: FakeProvider;
let throughline: Throughline;
beforeEach(async () => {
  witnessed = await startWitnessed();
  ({ provider, throughline } = witnessed);
});
afterEach(() => witnessed?.close());

/** Killed one after the other; `THROUGHLINE_TEST_KILLED_SUPERVISORS=20` is the long run. */
const kills = Number(process.env.THROUGHLINE_TEST_KILLED_SUPERVISORS ?? 4);

/** Pids of the processes that run the command line with the configuration of this test. */
function supervisors(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return words.includes('up') && words.includes(throughline.home.configFile);
      } catch {
        return false;
      }
    })
    .map(Number);
}

function killSupervisor(): number {
  const { pid } = stateOf(throughline);
  process.kill(pid, 'SIGKILL');
  return pid;
}

/** The supervisor after the one with this pid, as soon as it answers. */
function successor(killed: number): Promise<RunState> {
  return waitFor(
    async () => {
      const [state] = readRunStates(throughline.dataDir);
      return state === undefined || state.pid === killed ? undefined : await askStatus(state.controlSocket);
    },
    { timeoutMs: 60_000, intervalMs: 20, what: () => `another supervisor; the log:\n${throughline.logs()}` },
  );
}

/** Waits until what was left behind is gone, and everything serves that shall. */
async function tidiedUp(): Promise<RunState> {
  return waitFor(
    async () => {
      const state = await askStatus(stateOf(throughline).controlSocket);
      const isTidy = state.services.every(
        (one) => one.state === 'ready' && one.orphans === undefined && one.retiring.length === 0,
      );
      return isTidy && supervisors().length === 1 ? state : undefined;
    },
    { timeoutMs: 60_000, intervalMs: 50, what: () => `one supervisor; the log:\n${throughline.logs()}` },
  );
}

/** Clients of every kind, until they are told to stop. */
function startClients(seed: number) {
  const streams = new StrictClients(throughline.frontUrl, 'long').startStreams(20);
  const kept = new StrictClients(throughline.frontUrl, 'kept').start(4, 20);
  const witness = createWitness(throughline.frontUrl, { seed, pauseMs: 30 });
  const fresh = witness.start(2);
  return {
    begun: waitFor(() => kept.seen.length > 10 && provider.requests.length > 30),
    async stop() {
      await Promise.all([fresh.stop(), kept.stop(), streams.stop()]);
      return [...kept.seen, ...streams.seen, ...witness.seen];
    },
  };
}

it(`UPG-07: ${kills} killed supervisors fail nobody and lose nothing`, async () => {
  const clients = startClients(1);
  await clients.begun;
  const tookMs: number[] = [];
  for (let i = 0; i < kills; i += 1) {
    const killed = killSupervisor();
    const killedAtMs = performance.now();
    await successor(killed);
    tookMs.push(Math.round(performance.now() - killedAtMs));
    // Every second one dies before it has tidied up after the one before.
    if (i % 2 === 0) await waitFor(() => stateOf(throughline).services.every((one) => one.state === 'ready'));
  }
  const seen = await clients.stop();
  expect(seen.filter((one) => !one.isComplete || one.status !== 200)).toEqual([]);
  await tidiedUp();
  await expectStored(throughline, seen);
  console.log(`${seen.length} requests; another supervisor after ${tookMs.join(', ')} ms`);
}, 400_000);

it('UPG-08: supervisors that are killed during upgrades fail nobody, and one goes on', async () => {
  const clients = startClients(2);
  await clients.begun;
  const core = () => stateOf(throughline).services.find(({ service }) => service === 'core');
  const moments: readonly (readonly [args: readonly string[], moment: () => boolean])[] = [
    [['upgrade', 'core'], () => (core()?.candidates.length ?? 0) > 0],
    [['upgrade', 'supervisor'], () => supervisors().length === 2],
    [['upgrade'], () => (core()?.candidates.length ?? 0) > 0],
  ];
  for (const [args, moment] of moments) {
    const upgrade = runCommand(throughline, args);
    await waitFor(moment, { intervalMs: 1, timeoutMs: 60_000, what: args.join(' ') });
    const killed = killSupervisor();
    expect((await upgrade).code).toBe(1);
    await successor(killed);
    await waitFor(() => stateOf(throughline).services.every((one) => one.state === 'ready'), {
      timeoutMs: 60_000,
    });
  }
  const seen = await clients.stop();
  expect(seen.filter((one) => !one.isComplete || one.status !== 200)).toEqual([]);
  await tidiedUp();
  await expectStored(throughline, seen);
}, 300_000);

it('says what runs, lets another terminal stand for it, and stops all of it', async () => {
  const status = await runCommand(throughline, ['status']);
  expect(status.code).toBe(0);
  await successor(killSupervisor());
  const { pid } = await tidiedUp();
  const after = await runCommand(throughline, ['status']);
  expect(after.code).toBe(0);
  expect(after.stdout).toContain(`running, pid ${pid}`);
  const { home } = throughline;
  const second = startNode(ownCli, ['up', '--config', home.configFile], {
    env: { ...home.env, DATA_DIR: home.dataDir },
    cwd: home.path,
    input: '',
    isSupervisor: true,
  });
  await waitFor(() => second.stderr().includes('It went on without its supervisor'));
  expect(second.stdout()).toContain(`export ANTHROPIC_BASE_URL=${throughline.frontUrl}`);
  const third = await runCommand(throughline, ['up']);
  expect(third.code).toBe(1);
  expect(third.stderr).toContain('Throughline already runs with this data directory');
  const reset = await runCommand(throughline, ['db', 'reset', '--yes']);
  expect(reset.stderr).toContain('Throughline is running');
  const pids = stateOf(throughline).services.map((one) => one.pid ?? 0);
  expect(await runCommand(throughline, ['stop'])).toMatchObject({ code: 0 });
  expect(await second.exited).toEqual({ code: 0, signal: null });
  await waitFor(() => ![pid, ...pids].some((one) => isProcessAlive(one, undefined)));
  expect(await runCommand(throughline, ['status'])).toMatchObject({ code: 3 });
}, 120_000);

it('tells that a supervisor is missing, and stops without one', async () => {
  // They hang, so none of them starts another one.
  const { pid, services } = stateOf(throughline);
  const pids = services.map((one) => one.pid ?? 0);
  for (const one of pids) process.kill(one, 'SIGSTOP');
  process.kill(pid, 'SIGKILL');
  const status = await waitFor(async () => {
    const said = await runCommand(throughline, ['status']);
    return said.code === 1 ? said : undefined;
  });
  expect(status.stdout).toContain('without a supervisor, another one is to come');
  const reset = await runCommand(throughline, ['db', 'reset', '--yes']);
  expect(reset.stderr).toContain('Throughline is running');
  const stopped = runCommand(throughline, ['stop', '--now']);
  expect(await stopped).toMatchObject({ code: 0 });
  expect(pids.filter((one) => isProcessAlive(one, undefined))).toEqual([]);
}, 120_000);
