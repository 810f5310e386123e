import Database from 'better-sqlite3';
import type { SqlStatement, SqlValue } from '../sql-engine.ts';
import { StoreError } from '../store.ts';
import { storeErrorFrom } from './store-error-from.ts';

/** One SQLite connection whose errors are `StoreError`s. Synchronous: SQLite works in the caller's thread. */
export class Connection {
  readonly path: string;
  readonly #database: Database.Database;
  readonly #statements = new Map<SqlStatement, Database.Statement>();
  #deadlineMs = Number.POSITIVE_INFINITY;

  /** @throws StoreError */
  constructor(path: string, options: { readonly readonly: boolean; readonly busyTimeoutMs: number }) {
    this.path = path;
    this.#database = translated(
      path,
      () =>
        new Database(path, {
          readonly: options.readonly,
          fileMustExist: true,
          timeout: options.busyTimeoutMs,
        }),
    );
    // SQLite cannot be interrupted from the thread that it works in, but it calls this for every row that it looks at.
    this.#database.function('within_time', { deterministic: false, directOnly: true }, () => {
      if (performance.now() > this.#deadlineMs)
        throw new StoreError('too-slow', 'The query took longer than it may.');
      return 1;
    });
  }

  /** @param deadlineMs on the monotonic clock: from then on `within_time()` ends the statement with `too-slow` */
  allBefore<Row>(deadlineMs: number, statement: SqlStatement, parameters: readonly SqlValue[]): Row[] {
    this.#deadlineMs = deadlineMs;
    try {
      return this.all<Row>(statement, parameters);
    } finally {
      this.#deadlineMs = Number.POSITIVE_INFINITY;
    }
  }

  all<Row>(statement: SqlStatement, parameters: readonly SqlValue[]): Row[] {
    // The caller names the row type of its own statement; the driver cannot know it.
    return this.#translated(() => this.#prepare(statement).all(...parameters) as Row[]);
  }

  run(statement: SqlStatement, parameters: readonly SqlValue[] = []): number {
    return this.#translated(() => this.#prepare(statement).run(...parameters).changes);
  }

  /** Runs several statements without parameters. */
  execute(statements: string): void {
    this.#translated(() => this.#database.exec(statements));
  }

  /** First value that the pragma returns. */
  pragma(text: string): unknown {
    return this.#translated(() => this.#database.pragma(text, { simple: true }));
  }

  transaction(work: () => void): void {
    this.begin();
    try {
      work();
      this.commit();
    } catch (error) {
      this.rollback();
      throw error;
    }
  }

  /** Takes the write lock at once: a lock asked for in mid-transaction cannot be waited for. */
  begin(): void {
    this.run('BEGIN IMMEDIATE');
  }

  commit(): void {
    this.run('COMMIT');
  }

  /** Does nothing when SQLite has rolled back by itself; never throws, because an error is already under way. */
  rollback(): void {
    if (!this.#database.inTransaction) return;
    try {
      this.run('ROLLBACK');
    } catch {
      // The connection is closed or broken: the transaction is gone with it.
    }
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #prepare(statement: SqlStatement): Database.Statement {
    const known = this.#statements.get(statement);
    if (known !== undefined) return known;
    if (this.#statements.size >= 200) this.#statements.clear();
    const prepared = this.#database.prepare(statement);
    this.#statements.set(statement, prepared);
    return prepared;
  }

  #translated<Result>(work: () => Result): Result {
    if (!this.#database.open) throw new StoreError('unusable', `The store ${this.path} is closed.`);
    return translated(this.path, work);
  }
}

function translated<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw storeErrorFrom(error, path);
  }
}
