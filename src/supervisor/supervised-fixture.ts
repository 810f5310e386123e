import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import {
  endProcess,
  isRunning,
  makeTempDir,
  type OwnProcess,
  startNode,
  type TempDir,
  waitFor,
} from '#test-support';
import { type RunState, readRunStates, type ServiceName, stopEverything } from './index.ts';
import type { StandInConfig } from './stand-in-service.fixture.ts';
import type { SuperviseOptions } from './supervise.fixture.ts';

/** For tests: supervisors of stand-in services, and clients that ask those. */

export const program = fileURLToPath(new URL('./supervise.fixture.ts', import.meta.url));
export const sockets: { destroy(): unknown }[] = [];
const supervisors: { process: OwnProcess; diary: string; dir: TempDir }[] = [];

/** Ends everything that was started here; call it after each test. */
export async function endSupervised(): Promise<void> {
  for (const socket of sockets.splice(0)) socket.destroy();
  const mine = supervisors.splice(0);
  await Promise.all(mine.map((one) => endProcess(one.process, 20_000)));
  // Whoever was killed has been followed by another one.
  await Promise.all(mine.map(({ dir }) => stopEverything(dir.path, { now: true, onFound: () => {} })));
  for (const { diary } of mine) await waitFor(() => pidsOf(linesOf(diary)).every((pid) => !isRunning(pid)));
  for (const { dir } of mine) dir.remove();
}

export type Behaviours = Partial<Record<ServiceName, Omit<StandInConfig, 'diary'>>>;
export const everything: Behaviours = { core: {}, recorder: {}, data: {} };

export interface Supervised {
  readonly dir: TempDir;
  readonly process: OwnProcess;
  state(): RunState;
  diary(): string[];
  port(purpose: string): number;
}

export function supervise(
  behaviours: Behaviours,
  settings: {
    /** One for all purposes, or one for the front alone; absent = the system chooses. */
    ports?: number;
    frontPort?: number;
    drainMs?: number;
    readyWithinMs?: number;
    heartbeatMs?: number;
    coreWorkers?: number;
    dir?: TempDir;
    /** Something that loads the supervisor of tests. */
    program?: string;
    /** See `SpawnOptions`. */
    launcher?: readonly string[];
  } = {},
) {
  const dir = settings.dir ?? makeTempDir('supervisor');
  const diary = dir.join('diary');
  const listeners = (['front', 'core', 'data'] as const).flatMap((purpose) =>
    ['127.0.0.1', '::1'].map((host) => ({
      purpose,
      host,
      port: (purpose === 'front' ? settings.frontPort : undefined) ?? settings.ports ?? 0,
    })),
  );
  const options: SuperviseOptions = {
    config: {
      dataDir: dir.path,
      listeners,
      drainMs: settings.drainMs ?? 5_000,
      logLevel: 'debug',
      ...(settings.readyWithinMs === undefined ? {} : { readyWithinMs: settings.readyWithinMs }),
      ...(settings.heartbeatMs === undefined ? {} : { heartbeatMs: settings.heartbeatMs }),
    },
    ...(settings.coreWorkers === undefined ? {} : { coreWorkers: settings.coreWorkers }),
    services: Object.fromEntries(
      Object.entries(behaviours).map(([name, behaviour]) => [name, { ...behaviour, diary }]),
    ),
  };
  const running = startNode(settings.program ?? program, [JSON.stringify(options)], {
    env: {},
    input: '',
    isSupervisor: true,
    launcher: settings.launcher ?? [],
  });
  supervisors.push({ dir, process: running, diary });
  return { dir, process: running, diary: () => linesOf(diary) };
}

export async function settled(
  behaviours: Behaviours,
  settings: Parameters<typeof supervise>[1] = {},
): Promise<Supervised> {
  const { dir, process, diary } = supervise(behaviours, settings);
  await waitFor(() => process.stdout().includes('\n'), {
    timeoutMs: 45_000,
    what: () => `the supervisor: ${process.stderr()}`,
  });
  const state = () => readRunStates(dir.path)[0]!;
  const first = JSON.parse(process.stdout()) as RunState;
  const port = (purpose: string) => first.addresses.find((one) => one.purpose === purpose)?.port ?? 0;
  return { dir, process, state, diary, port };
}

function linesOf(diary: string): string[] {
  try {
    return readFileSync(diary, 'utf8').trimEnd().split('\n');
  } catch {
    return [];
  }
}

export function pidsOf(lines: readonly string[]): number[] {
  return lines.flatMap((line) => /start (\d+)$/.exec(line)?.[1] ?? []).map(Number);
}

/** What a service answers; rejects when the connection is refused or reset. */
export function ask(port: number, question: string, host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => socket.write(`${question}\n`));
    let answer = '';
    socket.on('data', (data) => {
      answer += data.toString();
    });
    socket.on('end', () => resolve(answer.trim()));
    socket.on('error', reject);
  });
}

/** A connection that the service leaves open. */
export async function hold(port: number): Promise<Socket> {
  return (await holdFrom(port)).socket;
}

/** The same, with the process that has it. */
export function holdFrom(port: number): Promise<{ socket: Socket; pid: number }> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('hold\n'));
    socket.once('data', (data) => resolve({ socket, pid: Number(data.toString().split(' ')[1]) }));
    socket.on('error', reject);
    sockets.push(socket);
  });
}
