import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BodySide,
  type ExchangeId,
  exchangeIdFromBytes,
  exchangeIdToBytes,
  type OpenExchange,
  type ProviderSide,
} from '#exchange';
import { decodeArrivals } from './arrival-times.ts';
import { askedModelsContaining } from './asked-models.ts';
import { readBody } from './body-reader.ts';
import { Committer } from './committer.ts';
import {
  bodySumsQuery,
  countQuery,
  type ListQuery,
  listQuery,
  sequencesQuery,
  withBodiesQuery,
} from './exchange-query.ts';
import {
  exchangeFromRow,
  listedExchangeFromRow,
  type StoredExchangeRow,
  storedColumns,
} from './exchange-row.ts';
import { findIds } from './find-ids.ts';
import { unpack } from './packing.ts';
import type { SqlEngine, SqlSession } from './sql-engine.ts';
import {
  type Arrival,
  type CommitResult,
  type ExchangeFilter,
  type ExchangeListing,
  type ExchangePage,
  type JournalPosition,
  type Store,
  type StoreBatch,
  type StoredExchange,
  StoreError,
  type StoreHealth,
  type VerifyProgress,
} from './store.ts';
import { deleteExchanges, pruneBodies, sweepChunks } from './sweeper.ts';
import type { Tables } from './tables.ts';
import { verifyStore } from './verify-store.ts';

export interface SqlStoreOptions {
  /** A reader may delete what the user wants deleted, but only the one writer commits. */
  readonly role: 'writer' | 'reader';
  /** How many chunks the writer knows without asking. */
  readonly rememberedChunks: number;
  /** How long deleting waits for a lock that another process holds. */
  readonly patienceMs: number;
}

const arrivalBytesMax = 64 * 1024 * 1024;
const deletedPerTransaction = 200;

/** The port over any SQL engine: what is asked for stands here, how an engine does it stands in its folder. */
export class SqlStore implements Store {
  readonly #engine: SqlEngine<Tables>;
  readonly #options: SqlStoreOptions;
  readonly #committer: Committer;

  constructor(engine: SqlEngine<Tables>, options: SqlStoreOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#committer = new Committer(engine, options);
  }

  async commit(batch: StoreBatch): Promise<CommitResult> {
    if (this.#options.role !== 'writer')
      throw new StoreError('unusable', 'This store was opened for reading.');
    return this.#committer.commit(batch);
  }

  async journalPositions(): Promise<ReadonlyMap<string, JournalPosition>> {
    const rows = await this.#engine.all<{ core_id: string; segment_number: number; segment_offset: number }>(
      'SELECT core_id, segment_number, segment_offset FROM journal_positions',
      [],
    );
    return new Map(
      rows.map(({ core_id: coreId, segment_number: segmentNumber, segment_offset: offset }) => [
        coreId,
        { coreId, segmentNumber, offset },
      ]),
    );
  }

  async forgetJournal(coreId: string): Promise<void> {
    await this.#engine.run('DELETE FROM journal_positions WHERE core_id = ?', [coreId]);
  }

  async exchange(id: ExchangeId): Promise<StoredExchange | undefined> {
    const [row] = await this.#rows(exchangeFromRow, `SELECT ${storedColumns} FROM exchanges WHERE id = ?`, [
      exchangeIdToBytes(id),
    ]);
    return row;
  }

  findIds(fragment: string, limit: number): Promise<ExchangeId[]> {
    return findIds(this.#engine, fragment, wholeNumber(limit));
  }

  async list(filter: ExchangeFilter, page: ExchangePage): Promise<ExchangeListing> {
    const limit = 'offset' in page && page.limit === 0 ? undefined : wholeNumber(page.limit);
    const offset = 'offset' in page ? wholeNumber(page.offset) : 0;
    const after = 'offset' in page ? undefined : page.after;
    const models = await this.#models(filter);
    // One more than asked for tells whether there is more.
    const wanted = limit === undefined ? undefined : limit + 1;
    const rows = await this.#list({ filter, models, after, offset, limit: wanted });
    const exchanges = rows.slice(0, limit);
    const last = exchanges.at(-1);
    if (last === undefined || rows.length === exchanges.length) return { exchanges };
    return { exchanges, next: { receivedAtMs: last.receivedAtMs, id: last.id } };
  }

  async count(filter: ExchangeFilter): Promise<number> {
    // Asked for by every health check and every first page, and the one count that would read a million rows.
    if (Object.values(filter).every((value) => value === undefined)) return this.#counter('exchanges');
    const query = countQuery(this.#engine.queries, filter, await this.#models(filter));
    const [row] = await this.#engine.all<{ count: number }>(query.sql, values(query.parameters));
    return row?.count ?? 0;
  }

  async latestReceivedAtMs(): Promise<number | undefined> {
    const [row] = await this.#engine.all<{ latest: number | null }>(
      'SELECT max(received_at_ms) AS latest FROM exchanges',
      [],
    );
    return row?.latest ?? undefined;
  }

  storedAfter(sequence: number, limit: number): Promise<StoredExchange[]> {
    return this.#rows(
      listedExchangeFromRow,
      `SELECT ${storedColumns} FROM exchanges WHERE sequence > ? ORDER BY sequence LIMIT ?`,
      [sequence, wholeNumber(limit)],
    );
  }

  lastSequence(): Promise<number> {
    return this.#counter('last-sequence');
  }

  deletedTotal(): Promise<number> {
    return this.#counter('deleted');
  }

  async sequencesAfter(sequence: number, limit: number): Promise<number[]> {
    const rows = await this.#engine.all<{ sequence: number }>(
      'SELECT sequence FROM exchanges WHERE sequence > ? ORDER BY sequence LIMIT ?',
      [sequence, wholeNumber(limit)],
    );
    return rows.map((row) => row.sequence);
  }

  async epoch(): Promise<string> {
    return (await this.#counter('epoch')).toString(36);
  }

  async openExchanges(): Promise<OpenExchange[]> {
    const rows = await this.#engine.all<{ facts: string }>(
      'SELECT facts FROM open_exchanges ORDER BY id',
      [],
    );
    // Written by `Committer` from values of this type.
    return rows.map((row) => orCorrupt('an open exchange', () => JSON.parse(row.facts) as OpenExchange));
  }

  async body(id: ExchangeId, side: BodySide): Promise<AsyncIterable<Uint8Array> | undefined> {
    if (side === 'provider-request' || side === 'provider-response') return this.#providerBody(id, side);
    const hashColumn = side === 'request' ? 'request_sha256' : 'response_sha256';
    const [row] = await this.#engine.all<{ sequence: number; sha256: Uint8Array }>(
      `SELECT sequence, ${hashColumn} AS sha256 FROM exchanges WHERE id = ? AND bodies_pruned_at_ms IS NULL`,
      [exchangeIdToBytes(id)],
    );
    if (row === undefined) return undefined;
    const sha256 = Buffer.from(row.sha256).toString('hex');
    return readBody(this.#engine, { sequence: row.sequence, side, sha256 });
  }

  async #providerBody(id: ExchangeId, side: ProviderSide): Promise<AsyncIterable<Uint8Array> | undefined> {
    const exchange = await this.exchange(id);
    const facts = exchange?.[side === 'provider-request' ? 'providerRequest' : 'providerResponse'];
    if (exchange === undefined || facts === undefined || exchange.bodiesPrunedAtMs !== undefined)
      return undefined;
    return readBody(this.#engine, { sequence: exchange.sequence, side, sha256: facts.sha256 });
  }

  async arrivals(id: ExchangeId): Promise<readonly Arrival[] | undefined> {
    const [row] = await this.#engine.all<{ times: Uint8Array }>(
      'SELECT times FROM arrivals WHERE sequence = (SELECT sequence FROM exchanges WHERE id = ?)',
      [exchangeIdToBytes(id)],
    );
    if (row === undefined) return undefined;
    return orCorrupt('a list of arrival times', () => decodeArrivals(unpack(row.times, arrivalBytesMax)));
  }

  async delete(
    filter: ExchangeFilter,
    note?: (ids: readonly ExchangeId[]) => Promise<void>,
  ): Promise<{ readonly exchanges: number }> {
    let exchanges = 0;
    const models = await this.#models(filter);
    const query = sequencesQuery(this.#engine.queries, filter, models, deletedPerTransaction);
    for (;;) {
      const rows = await this.#engine.all<{ sequence: number; id: Uint8Array }>(
        query.sql,
        values(query.parameters),
      );
      if (rows.length === 0) break;
      await note?.(rows.map((row) => exchangeIdFromBytes(row.id)));
      const sequences = rows.map((row) => row.sequence);
      exchanges += await this.#patiently(() => deleteExchanges(this.#engine, sequences));
    }
    if (exchanges > 0) await this.#giveBack();
    return { exchanges };
  }

  async pruneBodies(filter: ExchangeFilter, nowMs: number): Promise<{ readonly exchanges: number }> {
    let exchanges = 0;
    const models = await this.#models(filter);
    const query = withBodiesQuery(this.#engine.queries, filter, models, deletedPerTransaction);
    for (;;) {
      const rows = await this.#engine.all<{ sequence: number }>(query.sql, values(query.parameters));
      if (rows.length === 0) break;
      const sequences = rows.map((row) => row.sequence);
      exchanges += await this.#patiently(() => pruneBodies(this.#engine, sequences, nowMs));
    }
    if (exchanges > 0) await this.#giveBack();
    return { exchanges };
  }

  async bodiesOf(filter: ExchangeFilter): Promise<{ readonly exchanges: number; readonly bytes: number }> {
    const query = bodySumsQuery(this.#engine.queries, filter, await this.#models(filter));
    const [row] = await this.#engine.all<{ exchanges: number; bytes: number | null }>(
      query.sql,
      values(query.parameters),
    );
    return { exchanges: row?.exchanges ?? 0, bytes: row?.bytes ?? 0 };
  }

  async receivedAtMsOf(oldest: {
    readonly skip: number;
    readonly withBodies: boolean;
  }): Promise<number | undefined> {
    const condition = oldest.withBodies ? 'WHERE bodies_pruned_at_ms IS NULL' : '';
    const [row] = await this.#engine.all<{ at: number }>(
      `SELECT received_at_ms AS at FROM exchanges ${condition} ORDER BY received_at_ms LIMIT 1 OFFSET ?`,
      [wholeNumber(oldest.skip)],
    );
    return row?.at;
  }

  prunedAfter(number: number, limit: number): Promise<{ number: number; sequence: number }[]> {
    return this.#engine.all(
      'SELECT number, sequence FROM prunings WHERE number > ? ORDER BY number LIMIT ?',
      [number, wholeNumber(limit)],
    );
  }

  /** Pieces that nobody needs go, and their space goes back to the disk. */
  async #giveBack(): Promise<void> {
    await sweepChunks(this.#engine, (work) => this.#patiently(work));
    while (await this.#patiently(() => this.#engine.reclaim()));
    this.#engine.wipe();
  }

  verify(): AsyncIterable<VerifyProgress> {
    return verifyStore(this.#engine);
  }

  backup(target: string): Promise<void> {
    return this.#engine.backup(target);
  }

  check(): Promise<void> {
    return this.#engine.check();
  }

  async health(): Promise<StoreHealth> {
    return {
      engine: this.#engine.name,
      location: this.#engine.location,
      exchanges: await this.count({}),
      bytes: await this.#engine.sizeBytes(),
      schemaVersion: await this.#engine.schemaVersion(),
    };
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  async #counter(name: 'exchanges' | 'last-sequence' | 'epoch' | 'deleted'): Promise<number> {
    const [row] = await this.#engine.all<{ value: number }>('SELECT value FROM counters WHERE name = ?', [
      name,
    ]);
    return row?.value ?? 0;
  }

  async #models(filter: ExchangeFilter): Promise<string[] | undefined> {
    if (filter.modelContains === undefined || filter.modelContains === '') return undefined;
    return askedModelsContaining(this.#engine, filter.modelContains);
  }

  async #list(query: ListQuery): Promise<StoredExchange[]> {
    const compiled = listQuery(this.#engine.queries, query);
    return this.#rows(listedExchangeFromRow, compiled.sql, values(compiled.parameters));
  }

  async #rows(
    read: (row: StoredExchangeRow) => StoredExchange,
    statement: string,
    parameters: Parameters<SqlSession['all']>[1],
  ): Promise<StoredExchange[]> {
    const rows = await this.#engine.all<StoredExchangeRow>(statement, parameters);
    return rows.map((row) => orCorrupt(`exchange ${row.sequence}`, () => read(row)));
  }

  /** Deleting may wait; it does so without blocking, and between its slices others get the lock. */
  async #patiently<Result>(work: () => Promise<Result>): Promise<Result> {
    const deadlineMs = performance.now() + this.#options.patienceMs;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        const isPassing = error instanceof StoreError && error.code === 'busy';
        if (!isPassing || performance.now() >= deadlineMs) throw error;
        await sleep(25);
      }
    }
  }
}

function values(parameters: readonly unknown[]): Parameters<SqlSession['all']>[1] {
  // Our queries only put in what `SqlValue` allows; the query builder forgets it.
  return parameters as Parameters<SqlSession['all']>[1];
}

function orCorrupt<Result>(what: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw new StoreError('corrupt', `The stored bytes of ${what} are damaged.`, { cause: error });
  }
}

function wholeNumber(value: number): number {
  return Number.isFinite(value) ? Math.max(0, Math.trunc(value)) : 0;
}
