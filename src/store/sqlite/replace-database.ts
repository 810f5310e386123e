import { existsSync, renameSync, rmSync } from 'node:fs';
import { StoreError } from '../store.ts';
import { Connection } from './connection.ts';
import { databaseFiles, sizeOf } from './files.ts';

/**
 * Puts a database that nobody has open in the place of one that others go on reading. The name is never without a
 * database: whoever came while it was would create one there, and its log would meet the replacement. In this order
 * nobody reads pages of one together with the log of the other, and a power cut at any point leaves one that is whole:
 *
 * 1. All of the log is moved into the old file and the log is emptied. Without that the old file alone would be no valid
 *    database: a checkpoint leaves out pages of which the log has a later version that it may not move yet.
 * 2. The write lock is taken, and the log is still empty: from now on nothing new comes into it.
 * 3. Log and index of the old file lose their names. Who has them open keeps them. Who opens the old file now begins a
 *    log of its own, and has nothing to write into it: what is there is up to date.
 * 4. The replacement takes the name. That log, if somebody began it, is empty, and so it is a log of the replacement as
 *    well as of the old file. Who still has the old file is told `moved` before it reads or writes again, and SQLite
 *    deletes no log beside a file that is not its own any more.
 *
 * @param beforeStep4 for tests
 * @throws StoreError `busy` while somebody reads or writes the old one
 */
export async function replaceDatabase(
  path: string,
  replacement: string,
  beforeStep4?: () => Promise<void>,
): Promise<void> {
  if (!existsSync(path)) return takePlace(path, replacement, beforeStep4);
  const old = new Connection(path, { readonly: false, busyTimeoutMs: 50 });
  try {
    const isBusy = old.pragma('wal_checkpoint(TRUNCATE)') !== 0;
    old.begin();
    if (isBusy || sizeOf(databaseFiles(path)[1]) > 0)
      throw new StoreError('busy', `${path} is being read at the moment.`);
    await takePlace(path, replacement, beforeStep4);
  } finally {
    old.rollback();
    old.close();
  }
}

async function takePlace(
  path: string,
  replacement: string,
  beforeRename?: () => Promise<void>,
): Promise<void> {
  const [, log, index] = databaseFiles(path);
  for (const file of [index, log]) rmSync(file, { force: true });
  await beforeRename?.();
  renameSync(replacement, path);
}
