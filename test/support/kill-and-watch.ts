import { isRunning } from './child-process.ts';
import type { Kill } from './loss-report.ts';
import { waitFor } from './wait-for.ts';

/** SIGKILL to a process that a test started; resolves when it is gone and this process knows what that broke. */
export async function killAndWatch(pid: number): Promise<Kill> {
  const fromMs = performance.now();
  process.kill(pid, 'SIGKILL');
  await waitFor(() => !isRunning(pid), { intervalMs: 1, what: 'a killed process to be gone' });
  // Timers run before the ends of connections are read: another turn, and no client takes a dead one for alive.
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  return { fromMs, untilMs: performance.now() };
}
