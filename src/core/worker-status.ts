import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CoreContext } from './core-context.ts';
import { workerMetrics } from './core-metrics.ts';
import type { ProviderOutcome } from './provider-health.ts';

/**
 * What one worker says about itself, about once a second, in `<dataDir>/status/core-<worker>.json` (written beside it and
 * renamed, mode 0600). Of several workers any one may be asked for `/health` or `/metrics`; it answers for all of them.
 */
export interface WorkerStatus {
  readonly version: 1;
  readonly atMs: number;
  readonly worker: number;
  readonly generation: number;
  readonly openExchanges: number;
  readonly openExchangesMax: number;
  /** What is wrong with its journal, in words. */
  readonly journalTrouble?: string;
  readonly providers: Readonly<Record<string, ProviderOutcome>>;
  /** In the text format of Prometheus, without labels of workers. */
  readonly metrics: string;
}

/** A worker that said nothing for so long does not serve. */
export const workerStatusAgeMsMax = 10_000;
const tellEveryMs = 1_000;

export function workerStatusPath(dataDir: string, worker: number): string {
  return join(dataDir, 'status', `core-${worker}.json`);
}

/**
 * Tells the other workers how this one is, until it drains. Does nothing when there are none. Returns a function that
 * ends it.
 */
export function tellOtherWorkers(core: CoreContext): () => void {
  if (core.worker.of === 1) return () => {};
  let isWriting = false;
  const tell = (): void => {
    // The one that took over has the same number.
    if (isWriting || core.isDraining) return;
    isWriting = true;
    // A status that cannot be written says what it should: the others call this worker silent.
    void writeStatus(core)
      .catch(() => {})
      .finally(() => {
        isWriting = false;
      });
  };
  tell();
  const timer = setInterval(tell, tellEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

async function writeStatus(core: CoreContext): Promise<void> {
  const path = workerStatusPath(core.config.dataDir, core.worker.number);
  await mkdir(join(core.config.dataDir, 'status'), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, JSON.stringify(statusOf(core)), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

function statusOf(core: CoreContext): WorkerStatus {
  const { trouble } = core.journal.state();
  return {
    version: 1,
    atMs: Date.now(),
    worker: core.worker.number,
    generation: core.generation,
    openExchanges: core.running.size,
    openExchangesMax: core.exchangesMax,
    ...(trouble === undefined ? {} : { journalTrouble: trouble }),
    providers: core.providerHealth.outcomes(),
    metrics: core.metrics.text(workerMetrics(core)),
  };
}
