import { stopEverything } from '#supervisor';
import { notRunning } from './cli-error.ts';
import type { GlobalOptions } from './global-options.ts';
import { note } from './output.ts';
import { readConfig } from './read-config.ts';

/** Ends everything that runs with this data directory and returns when it is gone. */
export async function stop(options: GlobalOptions & { readonly now?: true }): Promise<void> {
  const { config } = await readConfig(options);
  const now = options.now === true;
  const onFound = () => {
    if (!now) note('Waiting for open requests to finish. To cut them: throughline stop --now');
  };
  if (!(await stopEverything(config.dataDir, { now, onFound }))) throw notRunning('Throughline');
  note('Stopped.');
}
