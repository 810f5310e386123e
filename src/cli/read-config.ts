import { availableParallelism, homedir } from 'node:os';
import { formatConfigProblem, type LoadedConfig, type LoadResult, loadConfig } from '#config';
import { CliError, exitCodes } from './cli-error.ts';
import type { GlobalOptions } from './global-options.ts';
import { note } from './output.ts';

/** The configuration as `up` would see it in this environment, or an error with exit code 5 that lists every problem. */
export async function readConfig(options: GlobalOptions, env = process.env): Promise<LoadedConfig> {
  const result = await tryReadConfig(options, env);
  if (result.ok) return result;
  for (const problem of result.problems) note(formatConfigProblem(problem));
  const count = result.problems.length === 1 ? '1 problem' : `${result.problems.length} problems`;
  throw new CliError(
    exitCodes.configInvalid,
    `the configuration has ${count}`,
    'Check again with: throughline config validate',
  );
}

export function tryReadConfig(options: GlobalOptions, env = process.env): Promise<LoadResult> {
  return loadConfig({
    ...(options.config === undefined ? {} : { configPath: options.config }),
    env,
    homeDir: homedir(),
    platform: process.platform,
    cwd: process.cwd(),
    processors: availableParallelism(),
  });
}
