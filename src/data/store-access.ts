import type { Store, StoreErrorCode } from '#store';
import { StoreError } from '#store';

/** A store in use. Call `release` once when done with it and with everything it handed out. */
export interface StoreLease<Opened extends OpenedStore = Store> {
  readonly store: Opened;
  release(): void;
}

/** Opens the store when it is first needed and opens it anew when the file is replaced or was damaged. */
export interface StoreAccess<Opened extends OpenedStore = Store> {
  /** Rejects with a `StoreError` when the store cannot be opened now. */
  acquire(): Promise<StoreLease<Opened>>;
  /** Runs `work` with the store; once more with a newly opened one when the file turns out to be another. */
  use<T>(work: (store: Opened) => Promise<T>): Promise<T>;
  /** Tells about an error that a leased store gave, so that the next use opens it anew when that can help. */
  noteFailure(error: unknown): void;
  /** How often the store was opened: sequences of one opening mean nothing in the next. */
  readonly openings: number;
  close(): Promise<void>;
}

const reopenedAfter: ReadonlySet<StoreErrorCode> = new Set(['corrupt', 'missing', 'moved', 'unusable']);
const retriedAfter: ReadonlySet<StoreErrorCode> = new Set(['missing', 'moved']);

/** Any of the databases: they fail in the same ways. */
interface OpenedStore {
  close(): Promise<void>;
}

interface Handle<Opened extends OpenedStore> {
  readonly store: Opened;
  users: number;
  isRetired: boolean;
}

export interface StoreAccessOptions {
  readonly nowMs: () => number;
  /** How long a failed opening is not tried again. */
  readonly pauseMs: number;
  /** Called whenever the store turns out to be damaged. */
  readonly onDamage?: () => void;
}

/** @param open opens the store for reading */
export function createStoreAccess<Opened extends OpenedStore>(
  open: () => Promise<Opened>,
  { nowMs, pauseMs, onDamage }: StoreAccessOptions,
): StoreAccess<Opened> {
  let handle: Handle<Opened> | undefined;
  let opening: Promise<Handle<Opened>> | undefined;
  let failure: { error: unknown; atMs: number } | undefined;
  let openings = 0;
  let isClosed = false;

  async function current(): Promise<Handle<Opened>> {
    if (isClosed) throw new StoreError('unusable', 'proxy-data is leaving');
    if (handle) return handle;
    // Requests that come while the store is broken must not each try to open it.
    if (failure && nowMs() - failure.atMs < pauseMs) throw failure.error;
    opening ??= openHandle().finally(() => {
      opening = undefined;
    });
    return opening;
  }

  async function openHandle(): Promise<Handle<Opened>> {
    try {
      const opened: Handle<Opened> = { store: await open(), users: 0, isRetired: false };
      failure = undefined;
      openings += 1;
      if (isClosed) retire(opened);
      else handle = opened;
      return opened;
    } catch (error) {
      failure = { error, atMs: nowMs() };
      tellDamage(error);
      throw error;
    }
  }

  function retire(retired: Handle<Opened>): void {
    if (handle === retired) handle = undefined;
    if (retired.isRetired) return;
    retired.isRetired = true;
    if (retired.users === 0) void closeQuietly(retired.store);
  }

  function tellDamage(error: unknown): void {
    if (error instanceof StoreError && error.code === 'corrupt') onDamage?.();
  }

  async function acquire(): Promise<StoreLease<Opened> & { readonly handle: Handle<Opened> }> {
    const leased = await current();
    leased.users += 1;
    let isReleased = false;
    const release = () => {
      if (isReleased) return;
      isReleased = true;
      leased.users -= 1;
      if (leased.isRetired && leased.users === 0) void closeQuietly(leased.store);
    };
    return { store: leased.store, handle: leased, release };
  }

  function noteFailure(error: unknown, failed: Handle<Opened> | undefined): void {
    tellDamage(error);
    if (failed && error instanceof StoreError && reopenedAfter.has(error.code)) retire(failed);
  }

  async function attempt<T>(work: (store: Opened) => Promise<T>): Promise<T> {
    const lease = await acquire();
    try {
      return await work(lease.store);
    } catch (error) {
      noteFailure(error, lease.handle);
      throw error;
    } finally {
      lease.release();
    }
  }

  return {
    acquire,
    async use(work) {
      try {
        return await attempt(work);
      } catch (error) {
        if (error instanceof StoreError && retriedAfter.has(error.code)) return attempt(work);
        throw error;
      }
    },
    noteFailure: (error) => noteFailure(error, handle),
    get openings() {
      return openings;
    },
    async close() {
      isClosed = true;
      if (handle) retire(handle);
    },
  };
}

/** A store that is given up may be in any state; what its closing says helps nobody. */
async function closeQuietly(store: OpenedStore): Promise<void> {
  await store.close().catch(() => undefined);
}
