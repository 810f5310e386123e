import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { SqlEngine, SqlSession, SqlStatement, SqlValue } from '../sql-engine.ts';
import { StoreError } from '../store.ts';
import { Checkpointer } from './checkpointer.ts';
import { Connection } from './connection.ts';
import { databaseFiles, fileOf, identityOf, prepareFile, sizeOf } from './files.ts';
import { assertWholeLog } from './log-check.ts';
import { type DatabaseKind, migrate, newEpoch, schemaVersion } from './migrations.ts';
import { requireSafeVersion } from './safe-version.ts';

export interface EngineOptions {
  readonly now: () => number;
  /** How long opening waits for processes that are opening the same file. */
  readonly openTimeoutMs: number;
  /** Instead of the version of the library, for tests. */
  readonly engineVersion?: string | undefined;
}

/**
 * Opens the database, creates and migrates it when needed. Any number of processes may do so at once.
 * `Rows`: the tables of that kind.
 */
export async function openEngine<Rows>(
  path: string,
  kind: DatabaseKind,
  options: EngineOptions,
): Promise<SqlEngine<Rows>> {
  const deadlineMs = options.now() + options.openTimeoutMs;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return new SqliteEngine<Rows>(path, kind, options);
    } catch (error) {
      const isPassing = error instanceof StoreError && error.code === 'busy';
      if (!isPassing || options.now() >= deadlineMs) throw error;
      await sleep(10 + ((attempt * 37 + process.pid) % 50));
    }
  }
}

/** Short, because SQLite waits in our thread; whoever commits retries without blocking. */
const busyTimeoutMs = 50;

class SqliteEngine<Rows> implements SqlEngine<Rows> {
  readonly name = 'sqlite';
  readonly location: string;
  readonly queries = new Kysely<Rows>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
  readonly #writer: Connection;
  readonly #reader: Connection;
  readonly #checkpointer: Checkpointer;
  readonly #identity: string;
  #writing: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(path: string, kind: DatabaseKind, options: EngineOptions) {
    this.location = path;
    prepareFile(path);
    const file = fileOf(path);
    this.#writer = new Connection(path, { readonly: false, busyTimeoutMs });
    let reader: Connection | undefined;
    try {
      requireSafeVersion(this.#writer, options.engineVersion);
      configureWriter(this.#writer, kind);
      // The log is found by name: nothing is written before it is known to be that of the file.
      assertStill(path, file);
      migrate(this.#writer, options.now(), kind);
      reader = new Connection(path, { readonly: true, busyTimeoutMs });
      reader.all(`SELECT 1 FROM ${kind.probe} LIMIT 1`, []);
      this.#identity = identityOf(path);
      assertStill(path, file);
    } catch (error) {
      reader?.close();
      this.#writer.close();
      // Of two files that were opened as one anything can seem to be wrong.
      assertStill(path, file);
      throw error;
    }
    this.#reader = reader;
    this.#checkpointer = new Checkpointer(this.#writer, { idleMs: 500 });
  }

  async all<Row>(statement: SqlStatement, parameters: readonly SqlValue[]): Promise<Row[]> {
    this.#assertSameFiles();
    return this.#reader.all(statement, parameters);
  }

  run(statement: SqlStatement, parameters: readonly SqlValue[]): Promise<number> {
    return this.write((session) => session.run(statement, parameters));
  }

  write<Result>(work: (session: SqlSession) => Promise<Result>): Promise<Result> {
    const result = this.#writing.then(() => this.#transact(work));
    this.#writing = result.catch(() => undefined);
    return result;
  }

  limited(timeMs: number): Pick<SqlSession, 'all'> {
    const deadlineMs = performance.now() + timeMs;
    return {
      all: async <Row>(statement: SqlStatement, parameters: readonly SqlValue[]) => {
        this.#assertSameFiles();
        return this.#reader.allBefore<Row>(deadlineMs, statement, parameters);
      },
    };
  }

  tidy(): void {
    if (!this.#isClosed) this.#checkpointer.committed();
  }

  wipe(): void {
    if (!this.#isClosed) this.#checkpointer.wipe();
  }

  reclaim(): Promise<boolean> {
    return this.write(async (session) => {
      const before = await freePages(session);
      if (before === 0) return false;
      this.#writer.execute('PRAGMA incremental_vacuum(500)');
      const after = await freePages(session);
      return after > 0 && after < before;
    });
  }

  async schemaVersion(): Promise<number> {
    return schemaVersion(this.#reader);
  }

  async sizeBytes(): Promise<number> {
    const [database, log] = databaseFiles(this.location);
    return sizeOf(database) + sizeOf(log);
  }

  /** Takes this thread for as long as reading the file takes. */
  async check(): Promise<void> {
    this.#assertSameFiles();
    const finding = String(this.#reader.pragma('quick_check(1)'));
    if (finding === 'ok') return;
    throw new StoreError('corrupt', `${this.location}: the database file is damaged (${finding}).`);
  }

  /** Takes this thread for as long as copying takes; programs that serve others run it in a process of its own. */
  async backup(target: string): Promise<void> {
    this.#assertSameFiles();
    if (existsSync(target))
      throw new StoreError('unusable', `${target} exists. Name a file that does not exist.`);
    const unfinished = `${target}.unfinished`;
    rmSync(unfinished, { force: true });
    prepareFile(unfinished);
    this.#reader.run('VACUUM INTO ?', [unfinished]);
    giveNewEpoch(unfinished);
    syncFile(unfinished);
    renameSync(unfinished, target);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#checkpointer.stop();
    await this.#writing;
    this.#reader.close();
    this.#writer.close();
  }

  async #transact<Result>(work: (session: SqlSession) => Promise<Result>): Promise<Result> {
    this.#assertSameFiles();
    assertWholeLog(this.#writer);
    this.#writer.begin();
    try {
      const result = await work(this.#session);
      this.#writer.commit();
      return result;
    } catch (error) {
      this.#writer.rollback();
      throw error;
    }
  }

  readonly #session: SqlSession = {
    all: async <Row>(statement: SqlStatement, parameters: readonly SqlValue[]) =>
      this.#writer.all<Row>(statement, parameters),
    run: async (statement, parameters) => this.#writer.run(statement, parameters),
  };

  // SQLite goes on writing happily into a file that was deleted or renamed: all of that would be lost.
  #assertSameFiles(): void {
    if (this.#isClosed) throw new StoreError('unusable', `The store ${this.location} is closed.`);
    if (identityOf(this.location) === this.#identity) return;
    throw new StoreError(
      'moved',
      `${this.location} was moved, deleted or replaced while it was open. Open it again.`,
    );
  }
}

/** @throws StoreError `busy` when another file has the name by now: opening begins again then */
function assertStill(path: string, file: string): void {
  if (fileOf(path) !== file) throw new StoreError('busy', `${path} was replaced while it was opened.`);
}

function configureWriter(connection: Connection, { isDerived }: DatabaseKind): void {
  // Only an empty file can learn to shrink again; asked of another, SQLite takes the write lock, and a database that
  // somebody holds locked could not even be opened to read.
  if (connection.pragma('page_count') === 0) connection.pragma('auto_vacuum = INCREMENTAL');
  const mode = connection.pragma('journal_mode = WAL');
  if (mode !== 'wal') {
    throw new StoreError(
      'unusable',
      `${connection.path} stands on a file system without shared memory (journal mode ${String(mode)}). Configure a database path on a local disk.`,
    );
  }
  connection.pragma(`synchronous = ${isDerived ? 'NORMAL' : 'FULL'}`);
  connection.pragma('wal_autocheckpoint = 0');
  connection.pragma('journal_size_limit = 67108864');
  connection.pragma('secure_delete = ON');
  connection.pragma('trusted_schema = OFF');
}

/** A copy that is put in place of the store goes on differently than the store did. */
function giveNewEpoch(path: string): void {
  const copy = new Connection(path, { readonly: false, busyTimeoutMs });
  try {
    copy.execute(newEpoch);
  } finally {
    copy.close();
  }
}

async function freePages(session: SqlSession): Promise<number> {
  const [row] = await session.all<{ freelist_count: number }>('PRAGMA freelist_count', []);
  return row?.freelist_count ?? 0;
}

function syncFile(path: string): void {
  const descriptor = openSync(path, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
