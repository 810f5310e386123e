import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { RecorderConfig } from '#config';
import type { RecorderStatus } from '#exchange';
import { acquireProcessLock, type ProcessLock } from '#generation';
import { openDeletions, openStore, setAside } from '#store';
import { createDamageReports } from './damage-report.ts';
import { Recorder, type RecorderLog } from './recorder.ts';
import { createStatusFile } from './status.ts';
import { createStoreKeeper } from './store-keeper.ts';
import { createTail } from './tail.ts';

export interface ServiceOptions {
  readonly log: RecorderLog;
  /** The journals are ours; called before the store is open, because recording may start late but must not fail. */
  readonly onReady: () => void;
  /** Store what can be read by now, then leave. */
  readonly drain: AbortSignal;
  /** Leave now; the journal keeps what is not stored. */
  readonly stop: AbortSignal;
  /** How long another recorder of the same journals may take to leave; default 10 s, or 60 s as its replacement. */
  readonly lockWaitMs?: number;
  /** The other one leaves only when this one has said that it is ready; it waits for the journals then. */
  readonly isReplacement?: boolean;
  /** How often stored segments are looked at for deletion; default 15 s. */
  readonly retentionEveryMs?: number;
}

const statusEveryMs = 1_000;
const drainMs = 5_000;

/**
 * Runs the recorder with its lock and its status file. Resolves after a drain or a stop.
 * @throws Error with a sentence for a person when another recorder holds the journals
 */
export async function runRecorder(config: RecorderConfig, options: ServiceOptions): Promise<void> {
  const { log } = options;
  await mkdir(config.journalDirectory, { recursive: true, mode: 0o700 });
  const isReplacement = options.isReplacement === true;
  if (isReplacement) options.onReady();
  const lock = await takeLock(config.journalDirectory, {
    waitMs: options.lockWaitMs ?? (isReplacement ? 60_000 : 10_000),
    isNoLongerWanted: () => options.drain.aborted || options.stop.aborted,
  });
  if (lock === undefined) return;
  if (!isReplacement) options.onReady();

  const ending = new AbortController();
  const statusFile = createStatusFile(config.dataDir, (error) =>
    log.warn({ err: error }, 'cannot write the status file'),
  );
  let trouble: string | undefined;
  const keeper = createStoreKeeper({
    open: () => openStore(config.store, { role: 'writer' }),
    setAside: () => setAside(config.store, Date.now()),
    signal: ending.signal,
    reports: createDamageReports(config.dataDir, () => performance.now()),
    onTrouble(sentence) {
      if (sentence === trouble) return;
      if (sentence === undefined) log.info({}, 'the store works again');
      else log.warn({ trouble: sentence }, 'waiting for the store; the journal keeps everything');
      trouble = sentence;
      writeStatus();
    },
    onSetAside: (place, cause) =>
      log.error(
        { place, err: cause },
        'the store is damaged: put aside, building a new one from the journals',
      ),
  });
  const recorder = new Recorder({
    createTail: (positions) =>
      createTail({ directory: config.journalDirectory, positions, nowMs: () => performance.now() }),
    keeper,
    deletions: openDeletions(config.dataDir),
    replayAgeMsMax: config.replayAgeMsMax,
    replayBytesMax: config.replayBytesMax,
    log,
    signal: ending.signal,
    ...(options.retentionEveryMs === undefined ? {} : { retentionEveryMs: options.retentionEveryMs }),
  });

  function status(state: RecorderStatus['state']): RecorderStatus {
    const sentence = trouble ?? recorder.trouble;
    return {
      version: 1,
      atMs: Date.now(),
      pid: process.pid,
      state,
      ...(sentence === undefined ? {} : { trouble: sentence }),
      store: { engine: config.store.engine, engineVersion: '', location: config.store.path },
      ...recorder.counts,
      storeErrors: keeper.errors,
    };
  }
  function writeStatus(): void {
    if (trouble !== undefined) void statusFile.write(status('waiting-for-store'));
    else if (recorder.trouble !== undefined) void statusFile.write(status('failed'));
    // Nothing is said before the store took something: a recorder that dies on its way there again and again would
    // seem to be well.
    else if (recorder.counts.lastCommitAtMs !== undefined) void statusFile.write(status('recording'));
  }

  const statusTimer = setInterval(writeStatus, statusEveryMs);
  writeStatus();
  const beginDrain = (): void => {
    recorder.drain(drainMs);
    // A store that is locked for good must not keep the process: the journal has everything.
    setTimeout(() => ending.abort(), drainMs + 1_000).unref();
  };
  onAbort(options.drain, beginDrain);
  onAbort(options.stop, () => ending.abort());
  try {
    // Opening a locked store takes seconds that a stop does not have.
    await Promise.race([recorder.run(), aborted(ending.signal)]);
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  } finally {
    clearInterval(statusTimer);
    await keeper.close();
    await statusFile.write(status('stopped'));
    lock.release();
  }
}

function onAbort(signal: AbortSignal, callback: () => void): void {
  if (signal.aborted) callback();
  else signal.addEventListener('abort', callback, { once: true });
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => onAbort(signal, () => reject(signal.reason)));
}

/**
 * Two recorders would do no harm to the store but twice the work, so the second waits for the first to leave.
 * @returns undefined when it was told to leave before
 */
async function takeLock(
  journalDirectory: string,
  { waitMs, isNoLongerWanted }: { readonly waitMs: number; readonly isNoLongerWanted: () => boolean },
): Promise<ProcessLock | undefined> {
  const deadlineMs = performance.now() + waitMs;
  for (;;) {
    const result = await acquireProcessLock(join(journalDirectory, 'recorder.lock'));
    if (result.kind === 'held') return result.lock;
    if (isNoLongerWanted()) return undefined;
    if (performance.now() > deadlineMs) {
      throw new Error(
        `another recorder (process ${result.heldBy}${result.isElsewhere ? ' of another container' : ''}) records the journals in ${journalDirectory}: stop it first, or start with another data directory`,
      );
    }
    await delay(100);
  }
}
