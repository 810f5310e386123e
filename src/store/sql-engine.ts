import type { Kysely } from 'kysely';

/**
 * What `SqlStore` needs from a database. An engine is a folder that implements this; nothing else may name it.
 * Every rejection is a `StoreError`. `Rows`: the tables of the database.
 */
export interface SqlEngine<Rows> extends SqlSession {
  /** Shown to people, for example in health answers. */
  readonly name: string;
  readonly location: string;
  /** Builds queries in the engine's dialect. Only `compile()` works: the engine runs what was compiled. */
  readonly queries: Kysely<Rows>;
  /**
   * Runs `work` in one write transaction and commits it; rolls back and rejects when `work` rejects. `work` awaits
   * nothing but the session, so that the lock is held as long as the statements take. Rejects with `busy`
   * when another process holds the write lock, with `moved` when the database is another one than was opened.
   */
  write<Result>(work: (session: SqlSession) => Promise<Result>): Promise<Result>;
  /**
   * Reads as `all` does, all in all at most for that time: afterwards a statement with the condition `within_time()`
   * rejects with `too-slow`. The condition costs a fraction of a microsecond for each row that it is computed for.
   */
  limited(timeMs: number): Pick<SqlSession, 'all'>;
  /** Gives the engine an occasion for upkeep after a commit; never rejects. */
  tidy(): void;
  /** The same when something was deleted that must be nowhere any more: empties logs as soon as no reader needs them. */
  wipe(): void;
  /** Returns the space of deleted rows, a bounded piece at a time; true while there is more to do. */
  reclaim(): Promise<boolean>;
  schemaVersion(): Promise<number>;
  sizeBytes(): Promise<number>;
  /** See `Store.check`. */
  check(): Promise<void>;
  /** See `Store.backup`. */
  backup(target: string): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Runs prepared statements: parameters are written `?` and never become part of the text. */
export interface SqlSession {
  all<Row>(statement: SqlStatement, parameters: readonly SqlValue[]): Promise<Row[]>;
  /** Number of rows that were changed. */
  run(statement: SqlStatement, parameters: readonly SqlValue[]): Promise<number>;
}

/** Text known when the program is written, or compiled by `SqlEngine.queries`. Engines keep it prepared. */
export type SqlStatement = string;
export type SqlValue = string | number | null | Uint8Array;
