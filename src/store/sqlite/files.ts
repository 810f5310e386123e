import { chmodSync, closeSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { StoreConfig } from '#config';
import { StoreError } from '../store.ts';

/**
 * The files of a database as the file system sees them. Only `stat`, `chmod` and `rename` touch them by name: closing
 * any descriptor of a database file would drop the locks that SQLite holds in this process.
 */
export function databaseFiles(path: string): readonly [database: string, log: string, index: string] {
  return [path, `${path}-wal`, `${path}-shm`];
}

/** Makes an empty file that only its owner can read, or takes those rights from others when it exists. */
export function prepareFile(path: string): void {
  try {
    // Exclusive: either the file is new and nobody has locks on it, or no descriptor is opened at all.
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw unusable(path, error);
    const { mode } = statSync(path);
    if ((mode & 0o077) !== 0) chmodSync(path, mode & 0o700);
  }
}

/** Tells the opened files from others that may stand at the same path later. Undefined parts do not exist. */
export function identityOf(path: string): string {
  return databaseFiles(path).map(fileOf).join(' ');
}

/** The same of the database alone: its log and index come and go while it is opened and closed. */
export function fileOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? 'absent' : `${stat.dev}:${stat.ino}`;
}

export function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Renames a database and its companions to `<name>.corrupt-<time>`, so that a fresh one can be opened and the old
 * one examined. Close the store first. Files that are gone are skipped.
 * @returns the new path of the database
 */
export function setAside(config: StoreConfig, nowMs: number): string {
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]/g, '').replace('.', '-');
  const aside = `${config.path}.corrupt-${time}`;
  const asideFiles = databaseFiles(aside);
  // The log goes first: a fresh database must never meet the log of the old one.
  for (const index of [1, 2, 0] as const) {
    try {
      renameSync(databaseFiles(config.path)[index], asideFiles[index]);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw unusable(config.path, error);
    }
  }
  return aside;
}

function unusable(path: string, error: unknown): StoreError {
  const code = codeOf(error);
  if (code === 'ENOENT') {
    return new StoreError(
      'missing',
      `Database path ${dirname(path)} does not exist. Create directory first.`,
    );
  }
  if (code === 'ENOSPC') return new StoreError('full', `${path}: the disk is full.`, { cause: error });
  const sentence = `${path} cannot be created (${code ?? String(error)}). Check the owner and mode of its directory.`;
  return new StoreError('unusable', sentence, { cause: error });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
