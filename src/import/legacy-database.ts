import Database from 'better-sqlite3';

/** One row of the table `requests`, as far as the file has the columns. Text is JSON where the column says so. */
export interface LegacyRow {
  readonly rowid: number;
  readonly id: string;
  readonly timestamp: string | null;
  readonly method: string | null;
  readonly endpoint: string | null;
  /** JSON: name → values. */
  readonly headers: string | null;
  /** JSON. */
  readonly body: string | null;
  /** JSON of the answer; null when there was none, or it was never written. */
  readonly response: string | null;
  readonly model: string | null;
  readonly original_model?: string | null;
  readonly routed_model?: string | null;
  readonly provider?: string | null;
  readonly subagent_name?: string | null;
  readonly input_tokens?: number | null;
  readonly output_tokens?: number | null;
  readonly cache_read_tokens?: number | null;
  readonly cache_creation_tokens?: number | null;
  readonly response_time_ms?: number | null;
  readonly first_byte_time_ms?: number | null;
}

const requiredColumns = ['id', 'timestamp', 'method', 'endpoint', 'headers', 'body', 'response', 'model'];
const laterColumns = [
  'original_model',
  'routed_model',
  'provider',
  'subagent_name',
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_creation_tokens',
  'response_time_ms',
  'first_byte_time_ms',
];

/** Longer texts are not taken into memory; the row counts as unreadable. */
const textBytesMax = 128 * 1024 * 1024;

/** A sentence with the cure. */
export class LegacyDatabaseError extends Error {}

/** The database of the system before, opened to be read. It may be in use meanwhile. */
export class LegacyDatabase {
  readonly #database: Database.Database;
  readonly #page: Database.Statement;

  /** @throws LegacyDatabaseError when the file is missing, not readable, or another kind of database */
  constructor(path: string) {
    this.#database = opened(path);
    try {
      this.#page = this.#database.prepare(pageQuery(this.#columns(path)));
    } catch (error) {
      this.#database.close();
      throw asLegacyError(path, error);
    }
  }

  count(): number {
    return this.#database.prepare('SELECT count(*) FROM requests').pluck().get() as number;
  }

  /** The next rows after a row, in the order they were written. Rows that are too large have no texts. */
  rowsAfter(rowid: number, limit: number): LegacyRow[] {
    // The statement names exactly the columns of the type.
    return this.#page.all(rowid, limit) as LegacyRow[];
  }

  close(): void {
    this.#database.close();
  }

  #columns(path: string): string[] {
    const rows = this.#database.prepare(`SELECT name FROM pragma_table_info('requests')`).all();
    const present = new Set((rows as { name: string }[]).map(({ name }) => name));
    const missing = requiredColumns.filter((column) => !present.has(column));
    if (missing.length > 0) {
      throw new LegacyDatabaseError(
        present.size === 0
          ? `${path} has no table "requests". Name the requests.db of the system before.`
          : `${path}: the table "requests" has no column ${missing.join(', ')}, so it is not the history of the system before.`,
      );
    }
    return [...requiredColumns, ...laterColumns.filter((column) => present.has(column))];
  }
}

function opened(path: string): Database.Database {
  try {
    return new Database(path, { readonly: true, fileMustExist: true, timeout: 5_000 });
  } catch (error) {
    throw asLegacyError(path, error);
  }
}

function pageQuery(columns: readonly string[]): string {
  const selected = columns.map((column) =>
    ['headers', 'body', 'response'].includes(column)
      ? `CASE WHEN octet_length("${column}") <= ${textBytesMax} THEN "${column}" END AS "${column}"`
      : `"${column}"`,
  );
  return `SELECT rowid, ${selected.join(', ')} FROM requests WHERE rowid > ? ORDER BY rowid LIMIT ?`;
}

function asLegacyError(path: string, error: unknown): LegacyDatabaseError {
  if (error instanceof LegacyDatabaseError) return error;
  const cause = error instanceof Error ? error.message : String(error);
  return new LegacyDatabaseError(`${path} cannot be read as a database (${cause}).`, { cause: error });
}
