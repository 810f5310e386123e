import { exitCodes } from '../cli-error.ts';
import type { GlobalOptions } from '../global-options.ts';
import { print, printable, printJson } from '../output.ts';
import { defineService, environmentWithoutSession } from './service-definition.ts';
import type { ServiceManager } from './service-manager.ts';
import { ownSurroundings, type Surroundings, serviceManager } from './surroundings.ts';
import { type FoundFile, findFile, type UnitFile } from './unit-file.ts';

/** Says what is installed and how it is. Exit code 4 when nothing is installed, 3 when it does not run. */
export async function serviceStatus(
  options: GlobalOptions & { readonly json?: true },
  surroundings: Surroundings = ownSurroundings(),
): Promise<void> {
  const manager = serviceManager(surroundings);
  const wanted = await wantedFiles(manager, options, surroundings);
  const files = manager.paths.map((path) => {
    const text = wanted.find((file) => file.path === path)?.text ?? '';
    return { path, state: findFile({ path, text }).kind };
  });
  const isInstalled = files.every(({ state }) => state !== 'missing');
  const { isEnabled, isRunning, pid, trouble } = manager.state();
  const facts = {
    manager: manager.name,
    installed: isInstalled,
    enabled: isInstalled ? (isEnabled ?? null) : false,
    running: isRunning ?? null,
  };
  if (options.json)
    printJson({ v: 1, ...facts, ...(pid === undefined ? {} : { pid }), files, trouble: trouble ?? null });
  else {
    for (const { path, state } of files) print(`${path}  ${sentenceOf[state]}`);
    print(`installed  ${answer(facts.installed)}`);
    print(`enabled    ${answer(facts.enabled)}`);
    print(`running    ${answer(facts.running)}${pid === undefined ? '' : `, pid ${pid}`}`);
    if (trouble !== undefined) print(`${manager.name} cannot be asked: ${printable(trouble)}`);
  }
  if (!isInstalled) process.exitCode = exitCodes.notFound;
  else if (isRunning !== true) process.exitCode = exitCodes.notRunning;
}

/** What would be written now; none when that cannot be said, which is not what was asked. */
async function wantedFiles(
  manager: ServiceManager,
  options: GlobalOptions,
  surroundings: Surroundings,
): Promise<readonly UnitFile[]> {
  const environment = environmentWithoutSession(manager, surroundings);
  const definition = await defineService(manager, options, { environment, surroundings }).catch(
    () => undefined,
  );
  return definition?.files ?? [];
}

const sentenceOf: Record<FoundFile['kind'], string> = {
  missing: 'is missing',
  current: 'is as this installation writes it',
  written: 'was written for another installation or configuration: throughline service install --force',
  changed: 'was changed since it was written',
  foreign: 'was not written by "throughline service install"',
};

function answer(value: boolean | null): string {
  return value === null ? 'unknown' : value ? 'yes' : 'no';
}
