import type { DataConfig } from '#config';
import { type IndexThread, startIndexThread } from './index-thread/start.ts';
import type { Logger } from './log.ts';
import { type QueryThread, startQueryThread } from './query-thread/start.ts';

/** The threads beside the one that answers requests: SQL runs in the thread that asks for it. */
export interface DataThreads {
  /** Writes what is derived. */
  readonly index: IndexThread;
  /** Reads it. */
  readonly query: QueryThread;
}

/** @returns when both have loaded everything. Rejects when one cannot. */
export async function startThreads(
  config: Pick<DataConfig, 'dataDir' | 'store' | 'transcripts' | 'prices'>,
  log: Logger,
): Promise<DataThreads> {
  const [index, query] = await Promise.all([startIndexThread(config, log), startQueryThread(config, log)]);
  return { index, query };
}
