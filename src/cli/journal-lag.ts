import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What waits in the journal to be stored, as the recorder said last. */
export interface JournalLag {
  readonly lagMs: number;
  readonly lagBytes: number;
}

/** Older than this it says nothing about now. */
const ageMsMax = 10_000;

/** Undefined when no recorder has said anything lately. */
export function journalLag(dataDir: string): JournalLag | undefined {
  try {
    const text = readFileSync(join(dataDir, 'status', 'recorder.json'), 'utf8');
    const { atMs, lagMs, lagBytes } = JSON.parse(text) as Record<string, unknown>;
    const isFresh = typeof atMs === 'number' && Date.now() - atMs <= ageMsMax;
    if (!isFresh || typeof lagMs !== 'number' || typeof lagBytes !== 'number') return undefined;
    return { lagMs, lagBytes };
  } catch {
    return undefined;
  }
}
