import type { StoreConfig } from '#config';
import { SqlStore } from './sql-store.ts';
import { openEngine } from './sqlite/engine.ts';
import { factsDatabase } from './sqlite/migrations.ts';
import type { Store } from './store.ts';
import type { Tables } from './tables.ts';

// This file chooses the engine: beyond it nothing knows which one there is.
export { setAside } from './sqlite/files.ts';

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
