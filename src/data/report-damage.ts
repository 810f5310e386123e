import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { damageReportName } from '#exchange';

const reportEveryMs = 1_000;

/** Gives a function that asks the recorder to look at the store. It may be called often and never throws. */
export function createDamageReport(dataDir: string, nowMs: () => number): () => void {
  const directory = join(dataDir, 'status');
  let reportedAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (nowMs() - reportedAtMs < reportEveryMs) return;
    reportedAtMs = nowMs();
    // On a disk that takes no file, the recorder has noticed by itself.
    mkdir(directory, { recursive: true, mode: 0o700 })
      .then(() => writeFile(join(directory, damageReportName), '', { mode: 0o600 }))
      .catch(() => undefined);
  };
}
