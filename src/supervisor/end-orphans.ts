import { setTimeout as sleep } from 'node:timers/promises';
import { isProcessAlive } from '#generation';
import type { LeftProcess } from './run-state.ts';

const lookEveryMs = 50;
/** Between "leave now" and the last resort. */
const obeyMs = 3_000;

/**
 * Asks processes without a supervisor to finish what is open and leave, and resolves when none is left. Only those whose
 * start token proves that they are meant get a signal.
 * @param find those that are there now
 * @param isOver somebody else sees to them: resolves at once
 * @param options.patienceMs what is open then is cut; 0 cuts at once
 */
export async function endOrphans(
  find: () => readonly LeftProcess[],
  options: { readonly patienceMs: number; readonly isOver?: () => boolean },
): Promise<void> {
  const startedAtMs = performance.now();
  const told = new Set<string>();
  for (;;) {
    const orphans = find();
    if (orphans.length === 0 || options.isOver?.() === true) return;
    const tookMs = performance.now() - startedAtMs;
    for (const orphan of orphans) {
      tell(orphan, 'SIGTERM', told);
      // Two of the same kind may arrive as one.
      if (tookMs >= options.patienceMs) tell(orphan, 'SIGINT', told);
      if (tookMs >= options.patienceMs + obeyMs) tell(orphan, 'SIGKILL', told);
    }
    await sleep(lookEveryMs);
  }
}

function tell({ pid, startToken }: LeftProcess, signal: NodeJS.Signals, told: Set<string>): void {
  const what = `${pid} ${startToken} ${signal}`;
  if (told.has(what) || !isProcessAlive(pid, startToken)) return;
  told.add(what);
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone, and that was what was wanted.
  }
}
