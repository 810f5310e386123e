import {
  askStatus,
  type GenerationStatus,
  type LeftProcess,
  type RunState,
  readOrphans,
  readRunStates,
  type ServiceStatus,
} from '#supervisor';
import { exitCodes } from './cli-error.ts';
import type { GlobalOptions } from './global-options.ts';
import { journalLag } from './journal-lag.ts';
import { painted, print, printable, printJson } from './output.ts';
import { readConfig } from './read-config.ts';
import { urlOf } from './url.ts';

/** Says what runs with this data directory. Exit code 3 when nothing does, 1 when something is not as it should be. */
export async function status(options: GlobalOptions & { readonly json?: true }): Promise<void> {
  const { config } = await readConfig(options);
  const states = await Promise.all(readRunStates(config.dataDir).map(freshest));
  const orphans = readOrphans(config.dataDir);
  const isRunning = states.length + orphans.length > 0;
  const lag = journalLag(config.dataDir);
  if (options.json)
    printJson({
      v: 1,
      dataDir: config.dataDir,
      running: isRunning,
      supervisors: states,
      orphans,
      journal: lag ?? null,
    });
  else if (!isRunning) print(`Nothing runs with the data directory ${config.dataDir}.`);
  else {
    for (const line of [...states.flatMap(stateLines), ...orphanLines(orphans)]) print(line);
    if (lag !== undefined) print(`  journal   ${lag.lagBytes} bytes, ${lag.lagMs} ms behind`);
  }
  process.exitCode = exitCodeFor(states, orphans);
}

/** The supervisor knows best; when it does not answer, what it wrote last has to do. */
function freshest(state: RunState): Promise<RunState> {
  return askStatus(state.controlSocket).catch(() => state);
}

function exitCodeFor(states: readonly RunState[], orphans: readonly LeftProcess[]): number {
  if (orphans.length > 0) return exitCodes.failed;
  if (states.length === 0) return exitCodes.notRunning;
  const isWell = states.every((state) => state.services.every((one) => one.state === 'ready'));
  return isWell ? exitCodes.ok : exitCodes.failed;
}

function stateLines(state: RunState): string[] {
  const up = `${state.state}, pid ${state.pid}, up ${duration(Date.now() - state.startedAtMs)}`;
  return [
    `throughline ${state.version}  ${up}`,
    ...state.services.flatMap(serviceLines),
    ...state.addresses.map((address) => `  ${address.purpose.padEnd(9)} ${urlOf(address)}`),
  ];
}

/** The supervisor died: as a rule only for the moment until proxy-core has started another one. */
function orphanLines(orphans: readonly LeftProcess[]): string[] {
  if (orphans.length === 0) return [];
  const sign = painted('red', '✖');
  return [
    'throughline  without a supervisor, another one is to come',
    ...orphans.map(
      (one) => `${sign} ${one.service.padEnd(9)} ${['serves', ...generationFacts(one)].join(', ')}`,
    ),
  ];
}

function serviceLines(one: ServiceStatus): string[] {
  const sign = one.state === 'ready' ? painted('green', '✔') : painted('red', '✖');
  const isAlone = one.workers.length <= 1;
  const facts = [one.state, ...(isAlone ? generationFacts(one) : severalFacts(one))];
  if (one.trouble !== undefined) facts.push(printable(one.trouble));
  const lines = [`${sign} ${one.service.padEnd(9)} ${facts.join(', ')}`];
  if (!isAlone)
    for (const worker of one.workers)
      lines.push(`    worker ${worker.worker}  ${[worker.state, ...generationFacts(worker)].join(', ')}`);
  for (const young of one.candidates)
    lines.push(`    to come   ${['is starting', ...generationFacts(young)].join(', ')}`);
  for (const old of one.retiring)
    lines.push(`    retiring  ${['was replaced', ...generationFacts(old)].join(', ')}`);
  for (const orphan of one.orphans ?? [])
    lines.push(`    orphaned  ${['its supervisor died', ...generationFacts(orphan)].join(', ')}`);
  if (one.lastReplacement?.ok === false)
    lines.push(`    last replacement failed: ${printable(one.lastReplacement.reason)}`);
  return lines;
}

function severalFacts({ workers, generation, version }: ServiceStatus): string[] {
  return [`${workers.length} workers`, `generation ${generation}`, `version ${version}`];
}

function generationFacts({
  generation,
  version,
  pid,
  startedAtMs,
  openExchanges,
}: GenerationStatus): string[] {
  return [
    ...(pid === undefined ? [] : [`pid ${pid}`]),
    `generation ${generation}`,
    `version ${version}`,
    ...(startedAtMs === undefined ? [] : [`up ${duration(Date.now() - startedAtMs)}`]),
    ...(openExchanges === undefined ? [] : [`${openExchanges} requests in flight`]),
  ];
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}
