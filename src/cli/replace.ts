import { resolve } from 'node:path';
import type { ListeningAddress } from '#generation';
import {
  askReplace,
  askReplaceSupervisor,
  askStatus,
  type Receipt,
  type Release,
  type ReplaceRequest,
  type RunState,
  readRunStates,
  type ServiceName,
} from '#supervisor';
import { CliError, exitCodes, notRunning } from './cli-error.ts';
import type { GlobalOptions } from './global-options.ts';
import { installation } from './installation.ts';
import { painted, print, printable, printJson } from './output.ts';
import { prepareDataDir } from './prepare-data-dir.ts';
import { readConfig } from './read-config.ts';
import { planOf } from './service-plans.ts';

/** What can be named on the command line. */
type Replaceable = 'core' | 'record' | 'data' | 'all';

const namesOf: Record<Replaceable, readonly ServiceName[]> = {
  core: ['core'],
  record: ['recorder'],
  data: ['data'],
  all: ['core', 'recorder', 'data'],
};

type ReplaceOptions = GlobalOptions & { readonly json?: true };

/** Starts services again in new processes, with the program and the configuration they have. */
export async function restart(what: Replaceable, options: ReplaceOptions): Promise<void> {
  const { config } = await readConfig(options);
  await replaceAll(runningWith(config.dataDir, namesOf[what]), options, (services) => ({ services }));
}

/**
 * Gives every service the configuration as it is now, in a new process of this installation. A configuration that is
 * not valid is refused before anything is asked for.
 */
export async function reload(options: ReplaceOptions): Promise<void> {
  const { version } = installation();
  await replaceWithOurs('all', options, (state) => {
    const other = state.services.find((one) => one.version !== version);
    if (other === undefined) return;
    throw new Error(
      `${other.service} runs version ${other.version}, this is ${version}: use "throughline upgrade"`,
    );
  });
}

/** Goes on with the programs of this installation, older or newer, and the configuration as it is now. */
export async function upgrade(what: Replaceable | 'supervisor', options: ReplaceOptions): Promise<void> {
  if (what !== 'supervisor') await replaceWithOurs(what, options);
  // The services have shown that the release works: now the program that watches over them.
  const isDone = process.exitCode === undefined || process.exitCode === exitCodes.ok;
  if (isDone && (what === 'supervisor' || what === 'all')) await replaceSupervisors(options);
}

/** A supervisor of this installation takes over from each that runs. */
async function replaceSupervisors(options: ReplaceOptions): Promise<void> {
  const { config } = await readConfig(options);
  for (const { state } of runningWith(config.dataDir, namesOf.all)) {
    const { pid, tookMs } = await orNothing(
      askReplaceSupervisor(state.controlSocket, {
        program: resolve(process.argv[1] ?? ''),
        node: process.execPath,
      }),
    );
    if (options.json) printJson({ v: 1, ok: true, supervisor: { pid, tookMs } });
    else print(`${painted('green', '✔')} supervisor now pid ${pid}, took ${tookMs} ms`);
  }
}

/** @param check may throw the reason why it must not be done */
async function replaceWithOurs(
  what: Replaceable,
  options: ReplaceOptions,
  check: (state: RunState) => void = () => {},
): Promise<void> {
  const loaded = await readConfig(options);
  const running = runningWith(loaded.config.dataDir, namesOf[what]);
  const config = await prepareDataDir(loaded.config);
  const { version } = installation();
  const { listeners, drainMs } = config.supervisor;
  const releaseOf = (service: ServiceName, bound: readonly ListeningAddress[]): Release => {
    const { order, service: _, purposes: __, ...plan } = planOf(service, config);
    // The Node that runs this command: an upgrade of Node is an upgrade like any other.
    return { ...plan, node: process.execPath, version, config: order(bound) };
  };
  await replaceAll(running, options, (services, state) => {
    check(state);
    const releases = services.map((service) => [service, releaseOf(service, state.addresses)] as const);
    return { services, releases: Object.fromEntries(releases), listeners, drainMs };
  });
}

/** The supervisors that run one of these services; fails when there is none. */
function runningWith(dataDir: string, wanted: readonly ServiceName[]) {
  const running = readRunStates(dataDir).flatMap((state) => {
    const services = state.services.map(({ service }) => service).filter((name) => wanted.includes(name));
    return services.length === 0 ? [] : [{ state, services }];
  });
  if (running.length === 0) throw notRunning(wanted.length > 1 ? 'Throughline' : `${wanted[0]}`);
  return running;
}

async function replaceAll(
  running: readonly { readonly state: RunState; readonly services: readonly ServiceName[] }[],
  options: ReplaceOptions,
  requestFor: (services: readonly ServiceName[], state: RunState) => ReplaceRequest,
): Promise<void> {
  for (const { state, services } of running) {
    const receipt = await replaceOne(state, (now) => requestFor(services, now));
    if (options.json) printJson(receipt);
    else for (const line of receiptLines(receipt)) print(line);
    if (!receipt.ok) {
      process.exitCode = exitCodes.failed;
      return;
    }
  }
}

async function replaceOne(
  { controlSocket }: RunState,
  requestFor: (state: RunState) => ReplaceRequest,
): Promise<Receipt> {
  return orNothing(askStatus(controlSocket).then((state) => askReplace(controlSocket, requestFor(state))));
}

async function orNothing<Result>(asked: Promise<Result>): Promise<Result> {
  try {
    return await asked;
  } catch (error) {
    throw new CliError(
      exitCodes.failed,
      `nothing was replaced: ${printable((error as Error).message)}`,
      'See what runs: throughline status',
    );
  }
}

function receiptLines(receipt: Receipt): string[] {
  const refused =
    receipt.connectionsRefused === null
      ? []
      : [`${counted(receipt.connectionsRefused, 'connection')} refused by the system meanwhile`];
  return [...receipt.services.map(serviceLine), [...refused, `took ${receipt.tookMs} ms`].join(', ')];
}

function serviceLine(one: Receipt['services'][number]): string {
  const name = one.service.padEnd(9);
  if (!one.ok)
    return `${painted('red', '✖')} ${name} goes on as before: the new process ${printable(one.reason)}`;
  const facts = [
    `version ${one.version}`,
    `generation ${one.to}`,
    ...(one.workers > 1 ? [`${one.workers} workers`] : []),
    `ready after ${one.tookMs} ms`,
    `${counted(one.carriedOver, 'open request')} carried over`,
  ];
  return `${painted('green', '✔')} ${name} ${facts.join(', ')}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
