import { formatConfigProblem, type LoadedConfig } from '#config';
import type { GlobalOptions } from './global-options.ts';
import { note, print, printJson } from './output.ts';
import { readConfig } from './read-config.ts';

/** Prints every key with its value, one a line, in the order of the documentation. */
export async function showConfig(
  options: GlobalOptions & { readonly origin?: true; readonly json?: true },
): Promise<void> {
  const loaded = await readConfig(options);
  if (options.json) {
    printJson({ v: 1, file: loaded.file ?? null, settings: loaded.settings });
    return;
  }
  for (const setting of loaded.settings) print(settingLine(setting, options.origin === true));
}

/** Prints the file that is read; says so when there is none. */
export async function printConfigPath(options: GlobalOptions): Promise<void> {
  const { file } = await readConfig(options);
  if (file === undefined) note('There is no configuration file: the defaults apply.');
  else print(file);
}

export async function validateConfig(options: GlobalOptions): Promise<void> {
  const { file, warnings } = await readConfig(options);
  for (const warning of warnings) note(formatConfigProblem(warning));
  print(`${file ?? 'The default configuration'} is valid.`);
}

function settingLine({ key, value, origin }: LoadedConfig['settings'][number], withOrigin: boolean): string {
  const line = `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`;
  return withOrigin ? `${line}  # ${origin}` : line;
}
