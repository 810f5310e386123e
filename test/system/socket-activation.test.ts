import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { askStop, readRunStates } from '#supervisor';
import {
  askOnce,
  createWitness,
  endProcess,
  type FakeProvider,
  freePorts,
  makeTempHome,
  type OwnProcess,
  ownCli,
  startFakeProvider,
  startProgram,
  type TempHome,
  waitFor,
  witnessedAnswer,
} from '#test-support';

// The sockets belong to the service manager, which keeps them open while the service comes and goes: nobody is refused.
let provider: FakeProvider;
let home: TempHome;
let manager: OwnProcess;
let url: string;
beforeEach(async () => {
  provider = await startFakeProvider();
  provider.respondWith((request) => witnessedAnswer(request));
  home = makeTempHome('activated');
  const [port = 0, corePort = 0, dataPort = 0] = await freePorts(3);
  url = `http://127.0.0.1:${port}`;
  writeFileSync(
    home.configFile,
    JSON.stringify({
      server: { host: '127.0.0.1', port, core_port: corePort, data_port: dataPort },
      providers: { anthropic: { base_url: provider.origin } },
      journal: { ballast: 0 },
    }),
  );
  manager = startManager([port, corePort, dataPort]);
  await waitFor(() => manager.exit() !== undefined || manager.stderr().match(/Listening on /g)?.length === 3);
  if (manager.exit() !== undefined)
    throw new Error(
      `systemd-socket-activate does not run: "scripts/toolchain packages systemd-socket-activate" installs it\n${manager.stderr()}`,
    );
});
afterEach(async () => {
  // Without its mark the service is not started again, and the manager ends with it.
  writeFileSync(home.join('stop'), '');
  const running = readRunStates(home.dataDir)[0];
  if (running !== undefined) await askStop(running.controlSocket, { now: true });
  await endProcess(manager);
  await provider?.close();
  home?.remove();
});

/** `systemd-socket-activate` starts a service once; the loop starts it again when it ends, as `Restart=always` does. */
function startManager(ports: readonly number[]): OwnProcess {
  const script = `while [ ! -e "$0" ]; do sh -c 'LISTEN_PID=$$ exec "$@"' sh "$@"; done`;
  const service = [process.execPath, ownCli, 'up', '--config', home.configFile];
  const settings = Object.entries({ ...home.env, DATA_DIR: home.dataDir }).map(
    ([name, value]) => `--setenv=${name}=${value}`,
  );
  return startProgram(
    'systemd-socket-activate',
    [
      ...ports.map((port) => `--listen=127.0.0.1:${port}`),
      ...settings,
      ...['/bin/sh', '-c', script, home.join('stop'), ...service],
    ],
    { env: home.env, cwd: home.path, input: '' },
  );
}

/** The supervisor in charge, when it is not the given one any more and everything serves. */
function servingBeside(pidBefore: number) {
  return waitFor(
    () => {
      const [state] = readRunStates(home.dataDir);
      const isServing = state?.services.every((one) => one.state === 'ready') === true;
      return isServing && state.pid !== pidBefore ? state : undefined;
    },
    { timeoutMs: 30_000, what: () => `the service to be ready; it said:\n${manager.stderr().slice(-4_000)}` },
  );
}

it('UPG-18: the first connection starts the service, and restarts of it refuse and cut nobody', async () => {
  expect(readRunStates(home.dataDir)).toEqual([]);
  expect(await askOnce(url, { target: '/livez' }, 30_000)).toMatchObject({ status: 200 });
  const witness = createWitness(url, { seed: 18, pauseMs: 20 });
  const fresh = witness.start(4);
  let pid = 0;
  for (let restarts = 0; restarts <= 3; restarts += 1) {
    const state = await servingBeside(pid);
    pid = state.pid;
    const answered = witness.seen.length;
    await waitFor(() => witness.seen.length > answered + 10);
    if (restarts < 3) process.kill(pid, 'SIGTERM');
  }
  await fresh.stop();
  expect(witness.seen.filter((one) => !one.isComplete || one.status !== 200)).toEqual([]);
}, 150_000);
