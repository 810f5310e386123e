import { setTimeout as sleep } from 'node:timers/promises';
import { isProcessAlive } from '#generation';
import { askStop, readRunStates } from '#supervisor';
import { notRunning } from './cli-error.ts';
import { note } from './output.ts';
import type { GlobalOptions } from './program.ts';
import { readConfig } from './read-config.ts';

/** Ends everything that runs with this data directory and returns when it is gone. */
export async function stop(options: GlobalOptions & { readonly now?: true }): Promise<void> {
  const { config } = await readConfig(options);
  const states = readRunStates(config.dataDir);
  if (states.length === 0) throw notRunning('Throughline');
  const isNow = options.now === true;
  if (!isNow) note('Waiting for open requests to finish. To cut them: throughline stop --now');
  await Promise.all(
    states.map(async ({ controlSocket, pid, startToken }) => {
      await askStop(controlSocket, { now: isNow });
      while (isProcessAlive(pid, startToken)) await sleep(20);
    }),
  );
  note('Stopped.');
}
