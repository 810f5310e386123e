import type { DerivedStore, Store, TranscriptStore } from '#store';
import type { StoreAccess } from '../store-access.ts';

/** What queries read. */
export interface QuerySources {
  /** What was recorded. */
  readonly facts: Pick<StoreAccess<Store>, 'use'>;
  readonly derived: DerivedStore;
  /** The lines of transcripts. */
  readonly transcripts: Pick<StoreAccess<TranscriptStore>, 'use'>;
}
