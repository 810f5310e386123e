import { ensureDataDir, formatConfigProblem, type ResolvedConfig } from '#config';
import { CliError, exitCodes } from './cli-error.ts';
import { note } from './output.ts';

/** Makes the data directory fit for use; the result also knows the token that lies in it. */
export async function prepareDataDir(config: ResolvedConfig): Promise<ResolvedConfig> {
  const result = await ensureDataDir(config);
  if (result.ok) return result.config;
  for (const problem of result.problems) note(formatConfigProblem(problem));
  throw new CliError(exitCodes.configInvalid, 'the data directory cannot be used');
}
