import type { OpenRequest } from '#api';
import type { RecorderStatus } from '#exchange';
import { openRequest } from './request-summary.ts';
import type { StoreAccess } from './store-access.ts';

export interface OpenRequestsSources {
  readonly access: StoreAccess;
  readonly readRecorder: () => Promise<RecorderStatus | undefined>;
}

/**
 * Requests in flight. Only a recorder that works knows: what one that was stopped, was killed or waits for the store
 * wrote last may have ended long ago, so without one there are none.
 */
export function createOpenRequests(sources: OpenRequestsSources): () => Promise<OpenRequest[]> {
  return async () => {
    const open = await sources.access.use((store) => store.openExchanges());
    if (open.length === 0) return [];
    const recorder = await sources.readRecorder();
    return recorder?.state === 'recording' ? open.map(openRequest) : [];
  };
}
