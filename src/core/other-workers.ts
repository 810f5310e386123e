import type { WorkerPlace } from '#generation';
import { readStatusFile } from './status-file.ts';
import { type WorkerStatus, workerStatusPath } from './worker-status.ts';

/**
 * What the other workers last said. One that has not said anything since this process began is left out: it starts, or
 * its file is of an earlier day.
 */
export async function readOtherWorkers(
  dataDir: string,
  { worker, sinceMs }: { readonly worker: WorkerPlace; readonly sinceMs: number },
): Promise<readonly WorkerStatus[]> {
  const numbers = Array.from({ length: worker.of }, (_, index) => index + 1);
  const read = await Promise.all(
    numbers
      .filter((number) => number !== worker.number)
      .map(async (number) => asStatus(await readStatusFile(workerStatusPath(dataDir, number)), number)),
  );
  return read.filter((status) => status !== undefined && status.atMs >= sinceMs) as WorkerStatus[];
}

/** A worker of another version may have written it. */
function asStatus(value: object | undefined, number: number): WorkerStatus | undefined {
  if (value === undefined) return undefined;
  const status = value as Partial<WorkerStatus>;
  const counts = [status.generation, status.openExchanges, status.openExchangesMax];
  const isKnown =
    status.version === 1 &&
    status.worker === number &&
    counts.every((count) => Number.isSafeInteger(count)) &&
    typeof status.metrics === 'string' &&
    typeof status.providers === 'object' &&
    status.providers !== null &&
    Object.values(status.providers).every(isOutcome) &&
    ['string', 'undefined'].includes(typeof status.journalTrouble);
  return isKnown ? (status as WorkerStatus) : undefined;
}

function isOutcome(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { atMs, trouble } = value as Record<string, unknown>;
  return typeof atMs === 'number' && ['string', 'undefined'].includes(typeof trouble);
}
