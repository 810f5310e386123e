import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { deriveRequests, deriveText, type IndexerStores, runIndexer } from '#derive';
import { acquireProcessLock, type ProcessLock } from '#generation';
import { openDerivedStore, openStore } from '#store';
import type { FromIndexThread, IndexThreadConfig, ToIndexThread } from './messages.ts';

/**
 * The index thread of proxy-data: the only writer of what is derived. One of all generations of a host works at a
 * time; the others wait until it leaves.
 */
const port = parentPort!;
// Handed over by `startIndexThread`, of the same release.
const config = workerData as IndexThreadConfig;
const stopping = new AbortController();

port.on('message', (message: ToIndexThread) => {
  if (message.kind === 'stop') stopping.abort();
});
tell({ kind: 'ready' });
await work();
// Without this the listener above would keep the thread.
port.close();

async function work(): Promise<void> {
  const lock = await takeLock();
  try {
    await runIndexer({
      open: openStores,
      steps: ({ facts, derived }) => [deriveRequests(facts, derived), deriveText(facts, derived)],
      signal: stopping.signal,
      onStatus: (status) => tell({ kind: 'status', status }),
      idleMs: 200,
      troubleMs: 1_000,
    });
  } finally {
    lock?.release();
  }
}

async function openStores(): Promise<IndexerStores> {
  const facts = await openStore(config.store, { role: 'reader' });
  try {
    return { facts, derived: await openDerivedStore(config.store, { role: 'writer' }) };
  } catch (error) {
    await facts.close();
    throw error;
  }
}

/** undefined when the thread was told to end before it had the lock. */
async function takeLock(): Promise<ProcessLock | undefined> {
  const run = join(config.dataDir, 'run');
  mkdirSync(run, { recursive: true, mode: 0o700 });
  while (!stopping.signal.aborted) {
    const result = await acquireProcessLock(join(run, 'index.lock'));
    if (result.kind === 'held') return result.lock;
    tell({ kind: 'status', status: { state: 'elsewhere', pid: result.heldBy } });
    await sleep(200, undefined, { signal: stopping.signal }).catch(() => undefined);
  }
  return undefined;
}

function tell(message: FromIndexThread): void {
  port.postMessage(message);
}
