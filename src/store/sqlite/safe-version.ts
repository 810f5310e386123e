import { StoreError } from '../store.ts';
import type { Connection } from './connection.ts';

/** Before this version a checkpoint could lose a commit that another process made at the same moment. */
const safeVersion = [3, 51, 3] as const;

/** @throws StoreError `unusable` when the library is too old to share a database between processes */
export function requireSafeVersion(connection: Connection, stated?: string): void {
  const [row] = connection.all<{ version: string }>('SELECT sqlite_version() AS version', []);
  const version = stated ?? row?.version ?? '0';
  if (isAtLeast(version)) return;
  throw new StoreError(
    'unusable',
    `SQLite ${version} can damage a database that two processes write. At least ${safeVersion.join('.')} is needed: reinstall the dependencies.`,
  );
}

function isAtLeast(version: string): boolean {
  const parts = version.split('.').map(Number);
  for (const [index, wanted] of safeVersion.entries()) {
    const part = parts[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}
