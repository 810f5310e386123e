import { askStatus, type RunState, readRunStates, type ServiceStatus } from '#supervisor';
import { exitCodes } from './cli-error.ts';
import { painted, print, printable, printJson } from './output.ts';
import type { GlobalOptions } from './program.ts';
import { readConfig } from './read-config.ts';
import { urlOf } from './url.ts';

/** Says what runs with this data directory. Exit code 3 when nothing does, 1 when a service is not ready. */
export async function status(options: GlobalOptions & { readonly json?: true }): Promise<void> {
  const { config } = await readConfig(options);
  const states = await Promise.all(readRunStates(config.dataDir).map(freshest));
  if (options.json)
    printJson({ v: 1, dataDir: config.dataDir, running: states.length > 0, supervisors: states });
  else if (states.length === 0) print(`Nothing runs with the data directory ${config.dataDir}.`);
  else for (const line of states.flatMap(stateLines)) print(line);
  process.exitCode = exitCodeFor(states);
}

/** The supervisor knows best; when it does not answer, what it wrote last has to do. */
function freshest(state: RunState): Promise<RunState> {
  return askStatus(state.controlSocket).catch(() => state);
}

function exitCodeFor(states: readonly RunState[]): number {
  if (states.length === 0) return exitCodes.notRunning;
  const isWell = states.every((state) => state.services.every((one) => one.state === 'ready'));
  return isWell ? exitCodes.ok : exitCodes.failed;
}

function stateLines(state: RunState): string[] {
  const up = `${state.state}, pid ${state.pid}, up ${duration(Date.now() - state.startedAtMs)}`;
  return [
    `throughline ${state.version}  ${up}`,
    ...state.services.map(serviceLine),
    ...state.addresses.map((address) => `  ${address.purpose.padEnd(9)} ${urlOf(address)}`),
  ];
}

function serviceLine(one: ServiceStatus): string {
  const sign = one.state === 'ready' ? painted('green', '✔') : painted('red', '✖');
  const facts = [one.state, one.pid === undefined ? '' : `pid ${one.pid}`];
  if (one.generation > 1) facts.push(`started ${one.generation} times`);
  if (one.openExchanges !== undefined) facts.push(`${one.openExchanges} requests in flight`);
  if (one.trouble !== undefined) facts.push(printable(one.trouble));
  return `${sign} ${one.service.padEnd(9)} ${facts.filter((fact) => fact !== '').join(', ')}`;
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}
