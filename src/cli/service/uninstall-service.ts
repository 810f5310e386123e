import { rmSync } from 'node:fs';
import { CliError, exitCodes } from '../cli-error.ts';
import type { GlobalOptions } from '../global-options.ts';
import { note, painted, print, printJson } from '../output.ts';
import { ownSurroundings, type Surroundings, serviceManager } from './surroundings.ts';
import { findFile, strangeness } from './unit-file.ts';

/** Ends the service and takes away what `install` wrote, nothing else. */
export async function uninstallService(
  options: GlobalOptions & { readonly json?: true; readonly force?: true },
  surroundings: Surroundings = ownSurroundings(),
): Promise<void> {
  const manager = serviceManager(surroundings);
  manager.environment();
  const found = manager.paths.map((path) => ({ path, found: findFile({ path, text: '' }) }));
  const present = found.filter(({ found: { kind } }) => kind !== 'missing');
  if (present.length === 0)
    throw new CliError(
      exitCodes.notFound,
      'the service is not installed',
      'Install it: throughline service install',
    );
  const strange = present.find(({ found: { kind } }) => kind !== 'written');
  if (strange !== undefined && !options.force)
    throw new CliError(
      exitCodes.failed,
      `${strange.path} ${strangeness(strange.found)}`,
      'To take it away all the same: throughline service uninstall --force',
    );
  note('Waiting for open requests to finish. To cut them: throughline stop --now');
  manager.deactivate();
  for (const { path } of present) rmSync(path, { force: true });
  manager.forget();
  const removed = present.map(({ path }) => path);
  if (options.json) printJson({ v: 1, manager: manager.name, removed });
  else {
    for (const path of removed) print(`${painted('green', '✔')} removed ${path}`);
    print('The configuration and everything that was recorded stay.');
  }
}
