import { StoreError } from '../store.ts';
import type { Connection } from './connection.ts';
import { databaseFiles, sizeOf } from './files.ts';

/**
 * SQLite would append behind a hole when someone cut its write-ahead log, and all of it would be lost when the database is
 * opened the next time. Opening it anew goes back to the last checkpoint, journal positions included.
 * @throws StoreError `moved` when the log is shorter than the frames in it
 */
export function assertWholeLog(connection: Connection): void {
  // Another process may empty the log properly between the two looks; a cut log stays cut.
  if (isCut(connection) && isCut(connection)) {
    throw new StoreError(
      'moved',
      `The write-ahead log of ${connection.path} was cut. Open the database again.`,
    );
  }
}

const logHeaderBytes = 32;
const frameHeaderBytes = 24;

function isCut(connection: Connection): boolean {
  const [state] = connection.all<{ log: number }>('PRAGMA wal_checkpoint(NOOP)', []);
  if (state === undefined || state.log <= 0) return false;
  const pageBytes = Number(connection.pragma('page_size'));
  const bytes = logHeaderBytes + state.log * (frameHeaderBytes + pageBytes);
  return sizeOf(databaseFiles(connection.path)[1]) < bytes;
}
