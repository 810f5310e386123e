import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import {
  askReplace,
  askReplaceSupervisor,
  type RunState,
  readRunStates,
  type ServiceName,
} from '#supervisor';
import {
  type Kill,
  killAndWatch,
  type LossReport,
  lossOf,
  SteadyLoad,
  seededRandom,
  startSteadyProvider,
  startThroughline,
  waitFor,
} from '#test-support';
import { builtProgram } from './built-program.ts';
import { printTable, quantile, rssMib } from './measure.ts';

// A steady load of all kinds of clients for SOAK_MINUTES (default 10) while everything is replaced, killed and locked in
// turn. Ends by itself with a table of what was lost, and with exit code 1 when that has no explanation. Ctrl+C ends it
// early, with the table. SOAK_PER_SECOND is the pace (default 200).
const totalMs = 60_000 * setting('SOAK_MINUTES', 10);
const perSecond = setting('SOAK_PER_SECOND', 200);
/** Waiting for the end of streams and for the recorder included; who needs longer hangs. */
const overtimeMsMax = 5 * 60_000 + totalMs;

const random = seededRandom(11);
/** A test has built it already. */
const cli = process.env.THROUGHLINE_TEST_CLI ?? builtProgram('cli');
await using provider = await startSteadyProvider();
await using throughline = await startThroughline({ cli, providerOrigin: provider.origin });
const watchdog = setTimeout(() => {
  console.error('the soak hangs and was ended');
  void throughline.stop().finally(() => process.exit(1));
}, totalMs + overtimeMsMax);

let isStopped = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (isStopped) process.exit(130);
    isStopped = true;
  });

const kills: Kill[] = [];
const memoryMib: number[] = [];
const failures: string[] = [];
const done = new Map<string, number>();
const database = new Database(`${throughline.dataDir}/throughline.db`);
const disturbances: Readonly<Record<string, () => Promise<void>>> = {
  'replace core': () => replace('core'),
  'replace recorder': () => replace('recorder'),
  'replace data': () => replace('data'),
  'replace supervisor': async () =>
    void (await askReplaceSupervisor(state().controlSocket, { program: cli })),
  'kill core': async () => void kills.push(await kill('core')),
  'kill recorder': async () => void (await kill('recorder')),
  'kill data': async () => void (await kill('data')),
  'lock database': lockDatabase,
};

const startedAtMs = performance.now();
const load = new SteadyLoad({
  url: throughline.frontUrl,
  perSecond,
  longStreams: 30,
  longEvents: provider.longEvents,
  leaveEvery: 20,
});
const sampling = setInterval(sampleMemory, 1_000);
const isOver = (): boolean => isStopped || performance.now() - startedAtMs > totalMs;
// The first round is always finished: a short soak sees everything once.
for (let round = 1; round === 1 ? !isStopped : !isOver(); round += 1) {
  for (const name of shuffled(Object.keys(disturbances))) {
    if (isStopped || (round > 1 && isOver())) break;
    await waitFor(isAllReady, { timeoutMs: 120_000, what: () => `all services to be ready: ${told()}` });
    await delay(random.integer(0, Math.min(8_000, totalMs / 15)));
    await disturbances[name]!().catch((error: unknown) => failures.push(`${name}: ${String(error)}`));
    done.set(name, (done.get(name) ?? 0) + 1);
  }
}
clearInterval(sampling);
await load.stop();
const loadMs = performance.now() - startedAtMs;
database.close();
await waitFor(isAllReady, { timeoutMs: 120_000, what: () => `all services to be ready: ${told()}` });
const loss = await lossOf({
  throughline,
  provider,
  load,
  kills,
  settleMsMax: overtimeMsMax - 60_000,
  bodiesCompared: 200,
});
clearTimeout(watchdog);
printAll(loss);
for (const line of [...failures, ...loss.unexplained].slice(0, 50)) console.log(`  ✖ ${line}`);
process.exitCode = failures.length + loss.unexplained.length === 0 ? 0 : 1;

function sampleMemory(): void {
  const core = readRunStates(throughline.dataDir)[0]?.services.find(({ service }) => service === 'core');
  try {
    const mib = core?.pid === undefined ? Number.NaN : rssMib(core.pid);
    if (Number.isFinite(mib)) memoryMib.push(mib);
  } catch {
    // It has just gone.
  }
}

function state(): RunState {
  return readRunStates(throughline.dataDir)[0]!;
}

function isAllReady(): boolean {
  return state().services.every((one) => one.state === 'ready' && one.candidates.length === 0);
}

function told(): string {
  return `${JSON.stringify(readRunStates(throughline.dataDir))}\n${throughline.logs().slice(-4_000)}`;
}

async function replace(service: ServiceName): Promise<void> {
  const { ok, services } = await askReplace(state().controlSocket, { services: [service] });
  if (!ok) throw new Error(JSON.stringify(services));
}

function kill(service: ServiceName): Promise<Kill> {
  const workers = state().services.find((one) => one.service === service)?.workers ?? [];
  const { pid } = random.pick(workers);
  if (pid === undefined) throw new Error(`${service} does not run`);
  return killAndWatch(pid);
}

/** As a program does that somebody forgot in the middle of a change. */
async function lockDatabase(): Promise<void> {
  await waitFor(() => database.prepare('BEGIN IMMEDIATE').run(), { timeoutMs: 20_000, what: 'the lock' });
  await delay(Math.min(8_000, 500 + totalMs / 20));
  database.prepare('ROLLBACK').run();
}

function shuffled(names: readonly string[]): string[] {
  const rest = [...names];
  return names.map(() => rest.splice(random.integer(0, rest.length), 1)[0]!);
}

function printAll(loss: LossReport): void {
  printTable(`Exchanges in ${(loadMs / 1_000).toFixed(0)} s, ${load.pace} a second`, [
    ['', 'count', 'wanted'],
    ['sent', text(loss.sent), ''],
    ['answered, every byte', text(loss.answered), ''],
    ['left by the client on purpose', text(loss.left), ''],
    ['open when core was killed', text(loss.openAtKill), ''],
    ['  of these without a record, as it was just beginning', text(loss.openAtKillUnrecorded), ''],
    ['refused', text(loss.refused), '0'],
    ['reset', text(loss.reset), '0'],
    ['answered otherwise', text(loss.answeredOtherwise), '0'],
    ['recorded complete', text(loss.recorded.complete ?? 0), ''],
    ['recorded client-aborted', text(loss.recorded['client-aborted'] ?? 0), ''],
    ['recorded interrupted', text(loss.recorded.interrupted ?? 0), ''],
    ['recorded upstream-failed', text(loss.recorded['upstream-failed'] ?? 0), ''],
    ['missing', text(loss.missing), '0'],
    ['duplicated', text(loss.duplicated), '0'],
    ['bytes differing', text(loss.bytesDiffering), '0'],
    ['unexplained', text(loss.unexplained.length), '0'],
  ]);
  printTable('Meanwhile', [['', 'times'], ...[...done].sort().map(([name, times]) => [name, text(times)])]);
  printTable('Resident memory of the core that serves, sampled every second', [
    ['', 'MiB'],
    ['first', memoryMib[0] ?? Number.NaN],
    ['median', quantile(memoryMib, 0.5)],
    ['most', quantile(memoryMib, 1)],
    ['last', memoryMib.at(-1) ?? Number.NaN],
  ]);
}

function text(count: number): string {
  return String(count);
}

function setting(name: string, fallback: number): number {
  const value = Number(process.env[name] ?? fallback);
  if (Number.isFinite(value) && value > 0) return value;
  console.error(`${name} must be a number above 0, got ${JSON.stringify(process.env[name])}`);
  process.exit(2);
}
