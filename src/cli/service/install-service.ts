import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { readRunStates } from '#supervisor';
import { CliError, exitCodes } from '../cli-error.ts';
import type { GlobalOptions } from '../global-options.ts';
import { note, painted, print, printable, printJson } from '../output.ts';
import { urlOf } from '../url.ts';
import { defineService, environmentWithoutSession, type ServiceDefinition } from './service-definition.ts';
import type { ManagedState, ServiceManager } from './service-manager.ts';
import { ownSurroundings, type Surroundings, serviceManager } from './surroundings.ts';
import { unitDifference } from './unit-difference.ts';
import { type FoundFile, findFile, strangeness, type UnitFile } from './unit-file.ts';

type ServiceOptions = GlobalOptions & { readonly json?: true };

/** Writes the service of this user and starts it. What cannot be started leaves nothing behind. */
export async function installService(
  options: ServiceOptions & { readonly dryRun?: true; readonly force?: true },
  surroundings: Surroundings = ownSurroundings(),
): Promise<void> {
  const manager = serviceManager(surroundings);
  if (options.dryRun) return showDefinition(manager, options, surroundings);
  const environment = manager.environment();
  const definition = await defineService(manager, options, { environment, surroundings });
  const found = definition.files.map((file) => ({ file, found: findFile(file) }));
  if (!options.force) for (const { file, found: one } of found) refuseToReplace(file, one);
  const before = manager.state();
  refuseBesideAnother(definition, before);

  const changed = found.filter(({ found: { kind } }) => kind !== 'current');
  writeAll(changed);
  try {
    manager.activate();
  } catch (error) {
    takeBack(manager, changed);
    throw error;
  }
  const isReplaced = before.isRunning === true && changed.length > 0;
  tellInstalled(manager, definition, { options, isReplaced, changed: changed.map(({ file }) => file) });
}

async function showDefinition(
  manager: ServiceManager,
  options: ServiceOptions,
  surroundings: Surroundings,
): Promise<void> {
  const { files } = await defineService(manager, options, {
    environment: environmentWithoutSession(manager, surroundings),
    surroundings,
  });
  const commands = manager.activation;
  if (options.json) return printJson({ v: 1, manager: manager.name, files, commands });
  for (const { path, text } of files) print(`==> ${path} <==\n${text}`);
  print('==> then <==');
  for (const command of commands) print(command);
}

function refuseToReplace({ path, text }: UnitFile, found: FoundFile): void {
  if (found.kind === 'missing' || found.kind === 'current') return;
  note(`${path}  (- is there, + would be written)`);
  for (const line of unitDifference(found.text, text)) note(`  ${printable(line)}`);
  throw new CliError(
    exitCodes.failed,
    `${path} ${strangeness(found)}`,
    'To replace it: throughline service install --force',
  );
}

/** Two of them would want the same addresses and the same data. */
function refuseBesideAnother({ loaded }: ServiceDefinition, before: ManagedState): void {
  if (before.isRunning === true) return;
  const [other] = readRunStates(loaded.config.dataDir);
  if (other === undefined) return;
  throw new CliError(
    exitCodes.failed,
    `Throughline runs with this data directory already, and not as a service (pid ${other.pid})`,
    'End it first: throughline stop',
  );
}

interface FileChange {
  readonly file: UnitFile;
  readonly found: FoundFile;
}

function writeAll(changes: readonly FileChange[]): void {
  for (const { file } of changes) {
    mkdirSync(dirname(file.path), { recursive: true });
    write(file.path, file.text);
  }
}

/** What could not be started is as it was before. What goes wrong here as well is not what the user should read. */
function takeBack(manager: ServiceManager, changes: readonly FileChange[]): void {
  const isNew = changes.length > 0 && changes.every(({ found: { kind } }) => kind === 'missing');
  const steps = [
    () => isNew && manager.deactivate(),
    ...changes.map(({ file, found }) => () => {
      if (found.kind === 'missing') rmSync(file.path, { force: true });
      else write(file.path, found.text);
    }),
    () => manager.forget(),
  ];
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      note(`could not be taken back: ${(error as Error).message}`);
    }
  }
}

/** Never half a file, and never through a link to somewhere else. */
function write(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

function tellInstalled(
  manager: ServiceManager,
  { files, loaded, unseen }: ServiceDefinition,
  about: {
    readonly options: ServiceOptions;
    readonly isReplaced: boolean;
    readonly changed: readonly UnitFile[];
  },
): void {
  const { options, isReplaced, changed } = about;
  const advice = [
    ...manager.advice({ isReplaced }),
    ...(unseen.length === 0
      ? []
      : [
          `The service does not see ${unseen.join(', ')} of this shell: write such values to the configuration file.`,
        ]),
  ];
  if (options.json) {
    const written = files.map(({ path }) => ({ path, written: changed.some((file) => file.path === path) }));
    printJson({ v: 1, manager: manager.name, files: written, advice });
    return;
  }
  for (const { path } of files) {
    const isNew = changed.some((file) => file.path === path);
    print(`${painted('green', '✔')} ${isNew ? 'wrote' : 'kept'} ${path}`);
  }
  const { listeners } = loaded.config.supervisor;
  const front = listeners.find(({ purpose }) => purpose === 'front') ?? listeners[0]!;
  const host = front.host === 'localhost' ? '127.0.0.1' : front.host;
  print(`${painted('green', '✔')} Throughline runs, and starts by itself from now on`);
  print(`\nUse it      export ANTHROPIC_BASE_URL=${urlOf({ ...front, host })}`);
  print('Look at it  throughline service status, throughline status');
  for (const sentence of advice) note(sentence);
}
