import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { damageReportName } from '#exchange';

/** Without damage found, reports are put off for so long: looking at a large store takes a while. */
const quietMs = 60_000;

/** What readers of the store reported. */
export interface DamageReports {
  /** True once for each report. */
  take(): boolean;
  /** The store was looked at and is in order. */
  refuted(): void;
}

/** @param nowMs monotonic, milliseconds */
export function createDamageReports(dataDir: string, nowMs: () => number): DamageReports {
  const path = join(dataDir, 'status', damageReportName);
  let quietUntilMs = Number.NEGATIVE_INFINITY;
  return {
    take() {
      if (nowMs() < quietUntilMs || !existsSync(path)) return false;
      try {
        rmSync(path, { force: true });
      } catch {
        // A report that stays is taken again later; looking does no harm.
      }
      return true;
    },
    refuted() {
      quietUntilMs = nowMs() + quietMs;
    },
  };
}
