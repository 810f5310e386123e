import { setTimeout as sleep } from 'node:timers/promises';
import type { HeaderList } from '#exchange';
import { type ExchangeToStore, type Store, StoreError } from '#store';
import type { LegacyDatabase } from './legacy-database.ts';
import { legacyExchange } from './legacy-exchange.ts';

export interface ImportProgress {
  /** Rows that were looked at. */
  readonly rows: number;
  /** Rows there are. */
  readonly total: number;
  /** Exchanges that were new, or would be in a dry run. */
  readonly stored: number;
  /** Exchanges that were there already. */
  readonly known: number;
  /** Rows that could not be understood. */
  readonly unreadable: number;
  /** Why, for the first of them. */
  readonly complaints: readonly string[];
}

const rowsPerPage = 20;
/** A commit holds the write lock of the store, which the recorder waits for. */
const batchBytesMax = 8 * 1024 * 1024;
const complaintsMax = 20;

/**
 * Brings every row of the old database into the store, in small commits, so that a running recorder hardly waits.
 * Repeating it changes nothing. Yields after each commit; the last one is the result.
 * @param store opened for writing; undefined = a dry run, which stores nothing and counts everything as new
 * @param patienceMs how long a store that others hold locked is asked again; then it rejects with `busy`
 */
export async function* importHistory(
  database: LegacyDatabase,
  store: Store | undefined,
  { fingerprint, patienceMs }: { fingerprint: (headers: HeaderList) => HeaderList; patienceMs: number },
): AsyncGenerator<ImportProgress> {
  const total = database.count();
  const complaints: string[] = [];
  let state = { rows: 0, total, stored: 0, known: 0, unreadable: 0, complaints };
  let batch: ExchangeToStore[] = [];
  let bytes = 0;

  async function commit(): Promise<void> {
    const result = await committed(store, batch, patienceMs);
    state = { ...state, stored: state.stored + result.stored, known: state.known + result.known };
    batch = [];
    bytes = 0;
  }

  let after = Number.MIN_SAFE_INTEGER;
  for (;;) {
    const rows = database.rowsAfter(after, rowsPerPage);
    for (const row of rows) {
      after = row.rowid;
      const result = legacyExchange(row, fingerprint);
      state = { ...state, rows: state.rows + 1 };
      if (result.kind === 'unreadable') {
        state = { ...state, unreadable: state.unreadable + 1 };
        if (complaints.length < complaintsMax) complaints.push(result.sentence);
        continue;
      }
      batch.push(result.toStore);
      bytes += result.toStore.exchange.requestBytes + result.toStore.exchange.responseBytes;
      if (bytes >= batchBytesMax) await commit();
    }
    if (batch.length > 0) await commit();
    yield state;
    if (rows.length < rowsPerPage) return;
  }
}

async function committed(
  store: Store | undefined,
  exchanges: readonly ExchangeToStore[],
  patienceMs: number,
) {
  if (store === undefined) return { stored: exchanges.length, known: 0 };
  const pauseMs = 50;
  for (let waitedMs = 0; ; waitedMs += pauseMs) {
    try {
      return await store.commit({ exchanges, positions: [] });
    } catch (error) {
      if (!(error instanceof StoreError && error.code === 'busy') || waitedMs >= patienceMs) throw error;
      await sleep(pauseMs);
    }
  }
}
