import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stopEverything } from '#supervisor';
import { endProcess, isRunning, type OwnProcess, startNode } from './child-process.ts';
import { ownCli } from './own-cli.ts';
import { makeTempHome, type TempHome } from './temp-home.ts';
import { waitFor } from './wait-for.ts';

export type ServiceName = 'core' | 'recorder' | 'data';

export interface ThroughlineOptions {
  /** Command of the CLI; default `up`, which runs all three services. */
  readonly command?: 'up' | 'core' | 'record' | 'data';
  /** Base URL of the provider, path prefix included. */
  readonly providerOrigin: string;
  /** Merged over the written configuration, objects key by key. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly home?: TempHome;
  /** Working directory; default that of the home. */
  readonly cwd?: string;
  /** The CLI to run; default `ownCli`. */
  readonly cli?: string;
  /** The Node to run it with; default the one that runs the test. */
  readonly node?: string;
  /** Runs the supervisor, see `SpawnOptions`. */
  readonly launcher?: readonly string[];
  readonly descriptors?: readonly number[];
}

/** The real services, started by the real CLI in a temporary home. */
export interface Throughline {
  readonly frontUrl: string;
  readonly coreUrl: string;
  readonly dataUrl: string;
  readonly dataDir: string;
  readonly home: TempHome;
  /** The access token of the data directory. */
  readonly token: string;
  readonly supervisor: OwnProcess;
  /** Running process of each service; a restarted service has a new pid. */
  pids(): Partial<Record<ServiceName, number>>;
  logs(): string;
  /** SIGKILL to one service; the supervisor brings it back. Returns the pid that was killed. */
  kill(service: ServiceName): number;
  /** All processes die at once, as in a power cut: nothing is tidied up. Resolves when they are gone. */
  crash(): Promise<void>;
  /** Ends everything, waits, and leaves nothing behind. Idempotent. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startThroughline(options: ThroughlineOptions): Promise<Throughline> {
  const home = options.home ?? makeTempHome('up');
  // JSON is YAML. Whole at once, because several programs may be started with one home.
  const unfinished = `${home.configFile}.${Math.random()}`;
  writeFileSync(unfinished, JSON.stringify(merged(defaultConfig(options), options.config ?? {}), null, 2));
  renameSync(unfinished, home.configFile);
  const command = options.command ?? 'up';
  const cli = options.cli ?? ownCli;
  const supervisor = startNode(cli, [command, '--config', home.configFile], {
    env: { ...home.env, DATA_DIR: home.dataDir, ...options.env },
    cwd: options.cwd ?? home.path,
    input: '',
    ...(options.node === undefined ? {} : { node: options.node }),
    launcher: options.launcher ?? [],
    descriptors: options.descriptors ?? [],
    isSupervisor: true,
  });
  const wanted: ServiceName[] =
    command === 'up' ? ['core', 'recorder', 'data'] : [command === 'record' ? 'recorder' : command];
  const stop = async (): Promise<void> => {
    const pids = allPids(readState(home.dataDir, supervisor.pid));
    await endProcess(supervisor, 15_000);
    // One that a test has killed is followed by another one.
    if (supervisor.exit()?.signal === 'SIGKILL')
      await stopEverything(home.dataDir, { now: true, onFound: () => {} });
    for (const pid of pids) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
    if (options.home === undefined) home.remove();
  };
  try {
    const state = await waitFor(() => readyState(supervisor, home.dataDir, wanted), {
      timeoutMs: 30_000,
      intervalMs: 20,
      what: () =>
        `the services to be ready; the supervisor said:\n${supervisor.stdout()}${supervisor.stderr()}`,
    });
    if (state === 'gone')
      throw new Error(`the supervisor ended:\n${supervisor.stdout()}${supervisor.stderr()}`);
    return {
      frontUrl: urlOf(state, 'front'),
      coreUrl: urlOf(state, 'core'),
      dataUrl: urlOf(state, 'data'),
      dataDir: home.dataDir,
      home,
      token: readFileSync(join(home.dataDir, 'token'), 'utf8').trim(),
      supervisor,
      pids: () => servicePids(readState(home.dataDir, supervisor.pid)),
      logs: supervisor.stderr,
      kill: (service) => {
        const pid = servicePids(readState(home.dataDir, supervisor.pid))[service];
        if (pid === undefined) throw new Error(`${service} is not running`);
        process.kill(pid, 'SIGKILL');
        return pid;
      },
      async crash() {
        const services = allPids(readState(home.dataDir, supervisor.pid));
        // Stopped first, so that it does not start again what is just being killed.
        process.kill(supervisor.pid, 'SIGSTOP');
        const pids = [...services, supervisor.pid];
        for (const pid of pids) process.kill(pid, 'SIGKILL');
        await waitFor(() => !pids.some(isRunning), { what: 'all processes to be gone' });
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function defaultConfig(options: ThroughlineOptions): Record<string, unknown> {
  return {
    server: { host: '127.0.0.1', port: 0, core_port: 0, data_port: 0, timeouts: { drain: '3s' } },
    // Not `auto`: many tests are about one process of proxy-core, whatever the machine.
    core: { workers: Number(process.env.THROUGHLINE_TEST_WORKERS ?? 1) },
    providers: { anthropic: { base_url: options.providerOrigin } },
    journal: { ballast: 0 },
  };
}

/** What the supervisor writes to `run/state.json`, as far as tests need it. */
interface SupervisorState {
  readonly pid: number;
  readonly services: readonly {
    readonly service: ServiceName;
    readonly state: string;
    readonly pid?: number;
    readonly workers: readonly { readonly pid?: number }[];
  }[];
  readonly addresses: readonly { readonly purpose: string; readonly host: string; readonly port: number }[];
}

/** The state that this supervisor wrote last: `state.json`, or one named for the services it runs. */
function readState(dataDir: string, supervisorPid: number): SupervisorState | undefined {
  try {
    const run = join(dataDir, 'run');
    return readdirSync(run)
      .filter((name) => /^state.*\.json$/.test(name))
      .map((name) => JSON.parse(readFileSync(join(run, name), 'utf8')) as SupervisorState)
      .find((state) => state.pid === supervisorPid);
  } catch {
    return undefined;
  }
}

function readyState(
  supervisor: OwnProcess,
  dataDir: string,
  wanted: readonly ServiceName[],
): SupervisorState | 'gone' | undefined {
  if (supervisor.exit() !== undefined) return 'gone';
  const state = readState(dataDir, supervisor.pid);
  const isReady = (name: ServiceName): boolean =>
    state?.services.some(({ service, state: phase }) => service === name && phase === 'ready') ?? false;
  return wanted.every(isReady) ? state : undefined;
}

function allPids(state: SupervisorState | undefined): number[] {
  return state?.services.flatMap(({ workers }) => workers.flatMap(({ pid }) => pid ?? [])) ?? [];
}

function servicePids(state: SupervisorState | undefined): Partial<Record<ServiceName, number>> {
  const pids: Partial<Record<ServiceName, number>> = {};
  for (const { service, pid } of state?.services ?? []) if (pid !== undefined) pids[service] = pid;
  return pids;
}

function urlOf(state: SupervisorState, purpose: string): string {
  const address = state.addresses.find((candidate) => candidate.purpose === purpose);
  return address === undefined
    ? ''
    : `http://${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}

function merged(
  base: Record<string, unknown>,
  over: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const out = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = out[key];
    out[key] = isObject(before) && isObject(value) ? merged(before, value) : value;
  }
  return out;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
