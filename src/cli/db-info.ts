import type { GlobalOptions } from './global-options.ts';
import { withStore } from './open-store.ts';
import { print, printJson } from './output.ts';
import { readConfig } from './read-config.ts';

/** Prints where the database is and what it holds. */
export async function databaseInfo(options: GlobalOptions & { readonly json?: true }): Promise<void> {
  const { config } = await readConfig(options);
  const health = await withStore(config, (store) => store.health());
  if (options.json) {
    printJson({ v: 1, ...health });
    return;
  }
  print(`engine      ${health.engine}, schema version ${health.schemaVersion}`);
  print(`location    ${health.location}`);
  print(`requests    ${health.exchanges}`);
  print(`size        ${(health.bytes / 1_000_000).toFixed(1)} MB`);
}
