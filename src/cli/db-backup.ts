import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { prepareProcess } from '#generation';
import { CliError, exitCodes } from './cli-error.ts';
import type { GlobalOptions } from './global-options.ts';
import { withStore } from './open-store.ts';
import { print } from './output.ts';
import { readConfig } from './read-config.ts';

/** Writes a consistent copy of the database while everything runs. */
export async function backupDatabase(file: string, options: GlobalOptions): Promise<void> {
  prepareProcess();
  const target = resolve(file);
  if (existsSync(target))
    throw new CliError(
      exitCodes.failed,
      `${target} exists already`,
      'Choose another name, or delete it first.',
    );
  const { config } = await readConfig(options);
  await withStore(config, (store) => store.backup(target));
  print(`${target}  ${(statSync(target).size / 1_000_000).toFixed(1)} MB`);
}
