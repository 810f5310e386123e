import { writeSync } from 'node:fs';
import type { FromService, ListeningAddress } from './messages.ts';
import { receivedOrder, tellSupervisor } from './supervisor-link.ts';

/** Says that this generation serves, and where. The supervisor compares the addresses with what it ordered. */
export function reportReady(addresses: readonly ListeningAddress[]): void {
  const { generation, version } = receivedOrder();
  void report({ type: 'ready', generation, version, addresses });
}

/**
 * Says that this generation cannot serve: what happened and what to do, in one sentence for a person.
 * Resolves when the report is on its way; exit with a code other than 0 afterwards.
 */
export function reportFailed(sentence: string): Promise<void> {
  return report({ type: 'failed', sentence });
}

/** Tells how many exchanges a drain still waits for; call at its start and when the number changes. */
export function reportDraining(openExchanges: number): void {
  void report({ type: 'draining', openExchanges });
}

/** Asks to be replaced, and why: one sentence for an operator's log. This generation serves on meanwhile. */
export function reportTainted(cause: string): void {
  void report({ type: 'tainted', cause });
}

/** Never throws or rejects. */
function report(message: FromService): Promise<void> {
  if (process.send !== undefined) return tellSupervisor(message);
  try {
    writeSync(1, `${JSON.stringify(message)}\n`);
  } catch {
    // Standard output is closed: nobody wants to know.
  }
  return Promise.resolve();
}
