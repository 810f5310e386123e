import { isatty } from 'node:tty';

/** What a person or a service manager says to end a program in the foreground. */
export type EndingSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGQUIT';

/**
 * Calls back for every signal that asks this process to end. A terminal that is closed says SIGHUP, and that counts
 * only for a process that has one: Node does not see that it was started with `nohup`.
 */
export function onEndingSignals(callback: (signal: EndingSignal) => void): void {
  // Asked now, because a terminal that was closed is none any more.
  const hasTerminal = [0, 1, 2].some((fd) => isatty(fd));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const) process.on(signal, () => callback(signal));
  process.on('SIGHUP', () => {
    if (hasTerminal) callback('SIGHUP');
  });
}
