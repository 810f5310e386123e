import { setTimeout as delay } from 'node:timers/promises';
import { type CommitResult, type JournalPosition, type Store, type StoreBatch, StoreError } from '#store';
import type { DamageReports } from './damage-report.ts';

export interface StoreKeeperOptions {
  readonly open: () => Promise<Store>;
  /** Puts a damaged store out of the way; gives its new place. */
  readonly setAside: () => string;
  readonly signal: AbortSignal;
  /** What readers say about the store; none when absent. */
  readonly reports?: DamageReports;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** Passes the time between two attempts; rejects when the signal aborts. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Called when the store begins to make trouble, whenever the trouble changes, and with undefined when it is over. */
  readonly onTrouble: (trouble: string | undefined) => void;
  readonly onSetAside: (place: string, cause: unknown) => void;
}

export type Committed =
  | { readonly kind: 'stored'; readonly result: CommitResult }
  /** The store is another one now: nothing of the batch is stored, read the journal again from its positions. */
  | { readonly kind: 'replaced' }
  /** The store works but will never take this batch: nothing of it is stored. */
  | { readonly kind: 'rejected'; readonly error: unknown };

/** Keeps a store open and retries until it takes what it is given. */
export interface StoreKeeper {
  /** Resolves when the batch is stored, however long that takes; rejects only when the signal aborts. */
  commit(batch: StoreBatch): Promise<Committed>;
  /** Where reading must begin; waits until the store can say so. */
  positions(): Promise<ReadonlyMap<string, JournalPosition>>;
  forgetJournal(coreId: string): Promise<void>;
  /** Attempts that failed. */
  readonly errors: number;
  close(): Promise<void>;
}

export function createStoreKeeper(options: StoreKeeperOptions): StoreKeeper {
  const { signal, random = Math.random, wait = pass } = options;
  let store: Store | undefined;
  let errors = 0;
  let isInTrouble = false;
  /** The store was given up: what the next one holds may be less than what was committed. */
  let isReplaced = false;
  /** Somebody found the store damaged. What this process remembers of the file may hide that from it. */
  let isSuspect = false;
  let committed = new Map<string, JournalPosition>();

  async function opened(): Promise<Store> {
    if (options.reports?.take() === true) {
      isSuspect = true;
      await closeStore();
    }
    if (store !== undefined) return store;
    const fresh = await options.open();
    try {
      // Perhaps nobody waits for it any more.
      signal.throwIfAborted();
      await examine(fresh);
    } catch (error) {
      await fresh.close().catch(() => undefined);
      throw error;
    }
    store = fresh;
    return fresh;
  }

  async function examine(fresh: Store): Promise<void> {
    if (isSuspect) {
      await fresh.check();
      options.reports?.refuted();
    }
    isSuspect = false;
    if (isBehind(await fresh.journalPositions(), committed)) isReplaced = true;
  }

  async function untilItWorks<T>(work: (store: Store) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        const result = await work(await opened());
        if (isInTrouble) options.onTrouble(undefined);
        isInTrouble = false;
        return result;
      } catch (error) {
        signal.throwIfAborted();
        await recover(error, attempt);
      }
    }
  }

  function commitTo(batch: StoreBatch): (current: Store) => Promise<Committed> {
    let refusals = 0;
    return async (current) => {
      if (isReplaced) return { kind: 'replaced' };
      try {
        return { kind: 'stored', result: await current.commit(batch) };
      } catch (error) {
        if (error instanceof StoreError && error.code !== 'unusable') throw error;
        // Is it the store or the batch? A store that takes an empty one is in order.
        await current.commit({ exchanges: [], positions: [] });
        refusals += 1;
        // Of many exchanges, each will be tried alone. One alone is only given up when it was no passing trouble.
        if (batch.exchanges.length === 1 && refusals < refusalsMin) throw error;
        errors += 1;
        return { kind: 'rejected', error };
      }
    };
  }

  async function recover(error: unknown, attempt: number): Promise<void> {
    errors += 1;
    isInTrouble = true;
    const code = error instanceof StoreError ? error.code : undefined;
    options.onTrouble(sentenceOf(error));
    if (code !== 'busy' && code !== 'full') await closeStore();
    if (code === 'corrupt' || code === 'moved') isReplaced = true;
    if (code === 'corrupt' && setAside(error)) {
      isSuspect = false;
      return;
    }
    await wait(waitMs(code, attempt, random()), signal);
  }

  function setAside(cause: unknown): boolean {
    try {
      options.onSetAside(options.setAside(), cause);
      return true;
    } catch (error) {
      options.onTrouble(sentenceOf(error));
      return false;
    }
  }

  async function closeStore(): Promise<void> {
    const broken = store;
    store = undefined;
    // A store that is damaged may fail to close; there is nothing left to do with it.
    await broken?.close().catch(() => undefined);
  }

  return {
    async commit(batch) {
      const outcome = await untilItWorks(commitTo(batch));
      if (outcome.kind !== 'stored') return outcome;
      for (const position of batch.positions) committed.set(position.coreId, position);
      return outcome;
    },
    async positions() {
      const positions = await untilItWorks((current) => current.journalPositions());
      // What a replaced store knows is not trusted: everything that is still there is read again.
      const trusted = isReplaced ? new Map<string, JournalPosition>() : positions;
      isReplaced = false;
      committed = new Map(trusted);
      return trusted;
    },
    async forgetJournal(coreId) {
      committed.delete(coreId);
      await untilItWorks((current) => current.forgetJournal(coreId));
    },
    get errors() {
      return errors;
    },
    close: closeStore,
  };
}

/** So often must the store refuse one exchange, and take nothing at all right afterwards, to be believed. */
const refusalsMin = 5;

async function pass(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal });
}

function isBehind(
  found: ReadonlyMap<string, JournalPosition>,
  committed: ReadonlyMap<string, JournalPosition>,
): boolean {
  for (const [coreId, mine] of committed) {
    const theirs = found.get(coreId);
    if (theirs === undefined || theirs.segmentNumber < mine.segmentNumber) return true;
    if (theirs.segmentNumber === mine.segmentNumber && theirs.offset < mine.offset) return true;
  }
  return false;
}

/** Doubling, with jitter so that two who wait for each other do not meet again. */
function waitMs(code: string | undefined, attempt: number, random: number): number {
  const [first, longest] = code === 'busy' ? [10, 500] : [100, 5_000];
  return Math.min(longest, first * 2 ** Math.min(attempt, 16)) * (0.5 + random / 2);
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
