import { setTimeout as sleep } from 'node:timers/promises';
import { isProcessAlive } from '#generation';
import { askStop } from './control-client.ts';
import { endOrphans } from './end-orphans.ts';
import { type RunState, readOrphans, readRunStates } from './run-state.ts';

const lookEveryMs = 20;
/** Orphans have a new supervisor by then, as a rule, and that one stops them in the right order. */
const successorWithinMs = 5_000;

/**
 * Ends everything that runs with a data directory, with or without a supervisor, and resolves when it is gone. Rejects
 * when a supervisor does not answer.
 * @param options.now cut open exchanges instead of waiting for them
 * @param options.onFound called once when there is something to stop
 * @returns false when nothing ran
 */
export async function stopEverything(
  dataDir: string,
  options: { readonly now: boolean; readonly onFound: () => void },
): Promise<boolean> {
  const isAlone = () => readRunStates(dataDir).length === 0;
  let hasFound = false;
  for (let orphanedSinceMs: number | undefined; ; ) {
    const states = readRunStates(dataDir);
    const orphans = readOrphans(dataDir);
    if (states.length + orphans.length === 0) return hasFound;
    if (!hasFound) options.onFound();
    hasFound = true;
    orphanedSinceMs = states.length > 0 ? undefined : (orphanedSinceMs ?? performance.now());
    await Promise.all(states.map((state) => stopOne(state, options)));
    if (orphanedSinceMs !== undefined && performance.now() - orphanedSinceMs > successorWithinMs)
      await endOrphans(() => readOrphans(dataDir), {
        patienceMs: options.now ? 0 : Number.POSITIVE_INFINITY,
        isOver: () => !isAlone(),
      });
    await sleep(lookEveryMs);
  }
}

async function stopOne(
  { controlSocket, pid, startToken }: RunState,
  { now }: { readonly now: boolean },
): Promise<void> {
  try {
    await askStop(controlSocket, { now });
  } catch (error) {
    if (isProcessAlive(pid, startToken)) throw error;
  }
  while (isProcessAlive(pid, startToken)) await sleep(lookEveryMs);
}
