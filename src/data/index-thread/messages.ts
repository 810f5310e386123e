import type { DataConfig } from '#config';
import type { ArchiveProgress, IndexerStatus } from '#derive';

/** What the index thread is started with. */
export type IndexThreadConfig = Pick<DataConfig, 'dataDir' | 'store' | 'transcripts' | 'prices'>;

/** `stop`: finish the piece in hand, let the lock go, and end. `rescan`: look at all transcripts now. */
export interface ToIndexThread {
  readonly kind: 'stop' | 'rescan';
}

export type FromIndexThread =
  /** Everything is loaded. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'status'; readonly status: IndexThreadStatus }
  | { readonly kind: 'transcripts'; readonly progress: ArchiveProgress };

export type IndexThreadStatus =
  | IndexerStatus
  /** The index thread of another process, as a rule of the generation before, does the work. */
  | { readonly state: 'elsewhere'; readonly pid: number };
