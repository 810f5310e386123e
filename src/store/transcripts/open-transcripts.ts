import type { StoreConfig } from '#config';
import { besideStore } from '../open-store.ts';
import { openEngine } from '../sqlite/engine.ts';
import { transcriptsDatabase } from '../sqlite/transcripts-database.ts';
import { createTranscriptStore } from './sql-transcript-store.ts';
import type { TranscriptStore } from './transcript-store.ts';

/**
 * Opens the archive of transcripts; the first to come creates it.
 * @throws StoreError as `openStore`
 */
export async function openTranscripts(
  config: StoreConfig,
  { now = Date.now }: { readonly now?: () => number } = {},
): Promise<TranscriptStore> {
  const engine = await openEngine<unknown>(besideStore(config, 'transcripts'), transcriptsDatabase, {
    now,
    openTimeoutMs: 5_000,
  });
  return createTranscriptStore(engine);
}
