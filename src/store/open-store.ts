import { rmSync } from 'node:fs';
import type { StoreConfig } from '#config';
import type { DerivedStore } from './derived/derived-store.ts';
import type { DerivedTables } from './derived/derived-tables.ts';
import { SqlDerivedStore } from './derived/sql-derived-store.ts';
import { SqlStore } from './sql-store.ts';
import { derivedDatabase } from './sqlite/derived-migrations.ts';
import { openEngine } from './sqlite/engine.ts';
import { databaseFiles, sizeOf } from './sqlite/files.ts';
import { factsDatabase } from './sqlite/migrations.ts';
import { replaceDatabase } from './sqlite/replace-database.ts';
import { textIndex } from './sqlite/text-index.ts';
import { type Store, StoreError } from './store.ts';
import type { Tables } from './tables.ts';

// This file chooses the engine: beyond it nothing knows which one there is.
export { setAside } from './sqlite/files.ts';
export { assertTextSearch } from './sqlite/text-index.ts';

export interface OpenStoreOptions {
  /** One writer per store: the recorder. Any number of readers. */
  readonly role: 'writer' | 'reader';
  /** Wall clock, milliseconds since 1970. */
  readonly now?: () => number;
  /** Stands in for the version of the engine's library. */
  readonly engineVersion?: string;
}

/**
 * Opens the store; the first to come creates it, whatever its role.
 * @throws StoreError `busy` when others keep the file locked, `missing` without its directory, `corrupt` when it is
 * damaged (see `setAside`), `unusable` when it is newer than this program, not ours, or not accessible
 */
export async function openStore(config: StoreConfig, options: OpenStoreOptions): Promise<Store> {
  const now = options.now ?? Date.now;
  const engine = await openEngine<Tables>(config.path, factsDatabase, {
    now,
    openTimeoutMs: 5_000,
    engineVersion: options.engineVersion,
  });
  return new SqlStore(engine, { role: options.role, rememberedChunks: 65_536, patienceMs: 10_000 });
}

/** Where a database beside the facts lies: `throughline.derived.db` beside `throughline.db`. */
export function besideStore(config: StoreConfig, name: 'derived' | 'transcripts'): string {
  return `${config.path.replace(/\.db$/, '')}.${name}.db`;
}

/**
 * Opens what is derived from the store. A file that cannot be used is deleted and begun anew, because nothing is lost
 * with it; only the writer does that.
 * @throws StoreError `busy`, `full`, `missing`; to a reader also `corrupt` and `unusable`
 */
export async function openDerivedStore(
  config: StoreConfig,
  options: OpenStoreOptions & { readonly isReplacement?: boolean },
): Promise<DerivedStore> {
  const path = options.isReplacement ? replacementPath(config) : besideStore(config, 'derived');
  const open = () =>
    openEngine<DerivedTables>(path, derivedDatabase, {
      now: options.now ?? Date.now,
      openTimeoutMs: 5_000,
      engineVersion: options.engineVersion,
    });
  try {
    return new SqlDerivedStore(await open(), textIndex);
  } catch (error) {
    const isHopeless = error instanceof StoreError && (error.code === 'corrupt' || error.code === 'unusable');
    if (!isHopeless || options.role !== 'writer') throw error;
    deleteDatabase(path);
    return new SqlDerivedStore(await open(), textIndex);
  }
}

/** Where what is derived lies, and how large it and its replacement are; 0 bytes = there is none. */
export function derivedFiles(config: StoreConfig): {
  readonly path: string;
  readonly bytes: number;
  readonly replacementBytes: number;
} {
  const sum = (path: string) => databaseFiles(path).reduce((bytes, file) => bytes + sizeOf(file), 0);
  const path = besideStore(config, 'derived');
  return { path, bytes: sum(path), replacementBytes: sum(replacementPath(config)) };
}

/** Forgets a replacement that was begun. */
export function discardReplacement(config: StoreConfig): void {
  deleteDatabase(replacementPath(config));
}

/**
 * Puts the replacement in the place of what is derived. Close both first; readers find out and open it anew.
 * @param options.beforeRename for tests
 * @throws StoreError `busy` while somebody has the replacement open, or is reading what it replaces
 */
export async function promoteReplacement(
  config: StoreConfig,
  options: { readonly beforeRename?: () => Promise<void> } = {},
): Promise<void> {
  const [replacement, log] = databaseFiles(replacementPath(config));
  if (sizeOf(log) > 0) throw new StoreError('busy', `${replacement} is still in use.`);
  await replaceDatabase(besideStore(config, 'derived'), replacement, options.beforeRename);
}

/** Deletes the facts, what is derived from them and the archive of transcripts. Nobody may have them open. */
export function deleteStore(config: StoreConfig): void {
  const derived = [replacementPath(config), besideStore(config, 'derived')];
  for (const path of [...derived, besideStore(config, 'transcripts'), config.path]) deleteDatabase(path);
}

function replacementPath(config: StoreConfig): string {
  return `${besideStore(config, 'derived')}.next`;
}

/** The log goes first: an old log must never meet a new database. */
function deleteDatabase(path: string): void {
  for (const file of [...databaseFiles(path)].reverse()) rmSync(file, { force: true });
}
