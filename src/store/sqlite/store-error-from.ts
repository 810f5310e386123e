import Database from 'better-sqlite3';
import { StoreError, type StoreErrorCode } from '../store.ts';

/** Says in our words what SQLite's result code means; errors that are not SQLite's are returned as they are. */
export function storeErrorFrom(error: unknown, path: string): unknown {
  if (error instanceof StoreError) return error;
  if (!(error instanceof Database.SqliteError)) return error;
  const [code, sentence] = meaningOf(error.code);
  return new StoreError(code, `${path}: ${sentence} (${error.code}: ${error.message})`, { cause: error });
}

function meaningOf(resultCode: string): [StoreErrorCode, string] {
  // The specific codes stand before the families they begin with.
  const found = meanings.find(([start]) => resultCode === start || resultCode.startsWith(`${start}_`));
  if (found === undefined) return ['unusable', 'the database refused a statement.'];
  return [found[1], found[2]];
}

const meanings: readonly (readonly [string, StoreErrorCode, string])[] = [
  ['SQLITE_BUSY', 'busy', 'another process holds the write lock.'],
  ['SQLITE_LOCKED', 'busy', 'another connection holds a lock.'],
  ['SQLITE_PROTOCOL', 'busy', 'other processes kept the locks changing.'],
  ['SQLITE_FULL', 'full', 'the disk is full. Free some space; recording goes on by itself.'],
  ['SQLITE_CORRUPT', 'corrupt', 'the database file is damaged.'],
  ['SQLITE_NOTADB', 'corrupt', 'the file is not a database.'],
  ['SQLITE_IOERR_SHORT_READ', 'corrupt', 'the database file or its write-ahead log was cut.'],
  ['SQLITE_READONLY_DBMOVED', 'moved', 'the database file was moved or deleted while it was open.'],
  [
    'SQLITE_READONLY',
    'unusable',
    'the database cannot be written. Check the owner and mode of file and directory.',
  ],
  [
    'SQLITE_CANTOPEN',
    'unusable',
    'the database cannot be opened. Check that the directory exists and is writable.',
  ],
  ['SQLITE_PERM', 'unusable', 'access to the database was refused. Check the owner and mode of the file.'],
  ['SQLITE_IOERR', 'unusable', 'reading or writing the disk failed.'],
  ['SQLITE_NOMEM', 'unusable', 'memory ran out.'],
];
