import type { DataConfig } from '#config';
import type { IndexerStatus } from '#derive';

/** What the index thread is started with. */
export type IndexThreadConfig = Pick<DataConfig, 'dataDir' | 'store'>;

/** `stop`: finish the piece in hand, let the lock go, and end. */
export interface ToIndexThread {
  readonly kind: 'stop';
}

export type FromIndexThread =
  /** Everything is loaded. */
  { readonly kind: 'ready' } | { readonly kind: 'status'; readonly status: IndexThreadStatus };

export type IndexThreadStatus =
  | IndexerStatus
  /** The index thread of another process, as a rule of the generation before, does the work. */
  | { readonly state: 'elsewhere'; readonly pid: number };
