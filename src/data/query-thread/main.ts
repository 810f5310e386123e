import { parentPort, workerData } from 'node:worker_threads';
import { openDerivedStore, openStore, openTranscripts, StoreError } from '#store';
import { createStoreAccess } from '../store-access.ts';
import type { FromQueryThread, QueryThreadConfig, ToQueryThread } from './messages.ts';
import { queries } from './queries.ts';
import type { QuerySources } from './query-sources.ts';

/**
 * The query thread of proxy-data: reads what is derived, and bodies, one query after the other, so that a long one keeps nobody
 * waiting but other queries.
 */
const port = parentPort!;
// Handed over by `startQueryThread`, of the same release.
const config = workerData as QueryThreadConfig;
const access = createStoreAccess(() => openDerivedStore(config.store, { role: 'reader' }), {
  nowMs: () => performance.now(),
  pauseMs: 250,
});
const facts = createStoreAccess(() => openStore(config.store, { role: 'reader' }), {
  nowMs: () => performance.now(),
  pauseMs: 250,
});
const transcripts = createStoreAccess(() => openTranscripts(config.store), {
  nowMs: () => performance.now(),
  pauseMs: 250,
});

port.on('message', (message: ToQueryThread) => {
  if (message.kind === 'ask') void answer(message);
  else void Promise.all([access.close(), facts.close(), transcripts.close()]).then(() => port.close());
});
tell({ kind: 'ready' });

async function answer({ id, name, input }: ToQueryThread & { readonly kind: 'ask' }): Promise<void> {
  // The table ties each name to its own input and output; a look-up in it cannot say so in types.
  const query = queries[name] as (sources: QuerySources, input: unknown) => Promise<unknown>;
  try {
    tell({
      kind: 'answer',
      id,
      value: await access.use((derived) => query({ facts, derived, transcripts }, input)),
    });
  } catch (error) {
    const code = error instanceof StoreError ? error.code : undefined;
    tell({ kind: 'failure', id, code, sentence: sentenceOf(error) });
  }
}

function sentenceOf(error: unknown): string {
  if (error instanceof StoreError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function tell(message: FromQueryThread): void {
  port.postMessage(message);
}
