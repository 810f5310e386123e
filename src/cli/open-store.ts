import { existsSync } from 'node:fs';
import type { ResolvedConfig } from '#config';
import { openStore, type Store } from '#store';
import { CliError, exitCodes } from './cli-error.ts';

/** Runs `work` on the store as a reader, whatever else uses it, and closes it. */
export async function withStore<Result>(
  config: ResolvedConfig,
  work: (store: Store) => Promise<Result>,
): Promise<Result> {
  const { path } = config.recorder.store;
  if (!existsSync(path)) {
    throw new CliError(
      exitCodes.notFound,
      `there is no database at ${path} yet`,
      'It appears when the recorder starts: throughline up',
    );
  }
  const store = await openStore(config.recorder.store, { role: 'reader' });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
