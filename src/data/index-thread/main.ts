import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import {
  type ArchiveProgress,
  archiveTranscripts,
  compareWireAnswers,
  deriveConversations,
  deriveDetails,
  deriveRequests,
  deriveSessionTitles,
  deriveText,
  deriveTranscriptText,
  deriveWireAnswers,
  forgetDeleted,
  forgetTranscripts,
  type IndexerStores,
  KnownMessages,
  openDerivation,
  runIndexer,
  type Step,
} from '#derive';
import { acquireProcessLock, type ProcessLock } from '#generation';
import { promoteReplacement } from '#store';
import { watchDirectories } from '#transcripts';
import type { FromIndexThread, IndexThreadConfig, ToIndexThread } from './messages.ts';
import { refuseHopeless } from './refuse-hopeless.ts';

/**
 * The index thread of proxy-data: the only writer of what is derived. One of all generations of a host works at a
 * time; the others wait until it leaves.
 */
const port = parentPort!;
// Handed over by `startIndexThread`, of the same release.
const config = workerData as IndexThreadConfig;
const stopping = new AbortController();
/** Systems allow some thousands of watches to a user; others need some as well. */
const watch = watchDirectories({ onChange: () => undefined, directoriesMax: 4_096 });
let rescan: () => void = () => undefined;
let lastProgress = '';

port.on('message', (message: ToIndexThread) => {
  if (message.kind === 'stop') stopping.abort();
  else rescan();
});
await refuseHopeless(config);
tell({ kind: 'ready' });
await work();
// Without this the listener above would keep the thread.
port.close();

async function work(): Promise<void> {
  const lock = await takeLock();
  try {
    await runIndexer({
      open: () => openDerivation(config.store, config.prices),
      promote: () => promoteReplacement(config.store),
      steps,
      signal: stopping.signal,
      onStatus: (status) => tell({ kind: 'status', status }),
      idleMs: 200,
      troubleMs: 1_000,
    });
  } finally {
    watch.close();
    lock?.release();
  }
}

/** Transcripts come last in a round: they are the longest work when everything is new. */
function steps({ facts, derived, transcripts }: IndexerStores): readonly Step[] {
  const archive = archiveTranscripts(transcripts, {
    ...config.transcripts,
    watch,
    nowMs: () => Date.now(),
    clockMs: () => performance.now(),
    rescanMs: 30_000,
  });
  rescan = () => archive.rescan();
  const told: Step = {
    name: archive.name,
    async run() {
      const result = await archive.run();
      tellProgress(archive.progress);
      return result;
    },
  };
  const known = new KnownMessages();
  return [
    forgetDeleted(facts, derived, known),
    deriveRequests(facts, derived, config.prices),
    deriveDetails(facts, derived),
    deriveWireAnswers(facts, derived),
    deriveText(facts, derived, known),
    ...(config.transcripts.roots.length > 0 ? [told] : []),
    deriveConversations(transcripts, derived),
    deriveSessionTitles(transcripts, derived),
    deriveTranscriptText(transcripts, derived),
    forgetTranscripts(transcripts, derived),
    compareWireAnswers({ facts, derived, transcripts }, () => Date.now()),
  ];
}

function tellProgress(progress: ArchiveProgress): void {
  const text = JSON.stringify(progress);
  if (text === lastProgress) return;
  lastProgress = text;
  tell({ kind: 'transcripts', progress });
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
