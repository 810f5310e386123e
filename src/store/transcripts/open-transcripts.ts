import type { StoreConfig } from '#config';
import { openEngine } from '../sqlite/engine.ts';
import { transcriptsDatabase } from '../sqlite/transcripts-database.ts';
import { createTranscriptStore } from './sql-transcript-store.ts';
import type { TranscriptStore } from './transcript-store.ts';

/** The archive lies beside the store and is named after it: `throughline.transcripts.db` beside `throughline.db`. */
export function transcriptsPath(storePath: string): string {
  return `${storePath.replace(/\.db$/, '')}.transcripts.db`;
}

/**
 * Opens the archive of transcripts; the first to come creates it.
 * @throws StoreError as `openStore`
 */
export async function openTranscripts(
  config: StoreConfig,
  { now = Date.now }: { readonly now?: () => number } = {},
): Promise<TranscriptStore> {
  const engine = await openEngine<unknown>(transcriptsPath(config.path), transcriptsDatabase, {
    now,
    openTimeoutMs: 5_000,
  });
  return createTranscriptStore(engine);
}
