import type { ArchiveProgress } from '#derive';
import type { Logger } from '../log.ts';
import { type ProgramThread, startThread } from '../program-thread.ts';
import type { FromIndexThread, IndexThreadConfig, IndexThreadStatus, ToIndexThread } from './messages.ts';

export interface IndexThread {
  /** What it said last; undefined before it said anything. */
  readonly status: IndexThreadStatus | undefined;
  /** Since when, on the monotonic clock, not everything that is recorded is derived; undefined while everything is. */
  readonly behindSinceMs: number | undefined;
  /** How far transcripts are archived, as it said last. */
  readonly transcripts: ArchiveProgress | undefined;
  /** Looks at all transcripts at once; what was read is not read again. */
  rescan(): void;
  /** Ends it and lets another process go on. Resolves when it is gone. */
  stop(): Promise<void>;
}

/** @returns when the thread has loaded everything. Rejects when it cannot. */
export async function startIndexThread(config: IndexThreadConfig, log: Logger): Promise<IndexThread> {
  let status: IndexThreadStatus | undefined;
  let transcripts: ArchiveProgress | undefined;
  let behindSinceMs: number | undefined = performance.now();
  const thread: ProgramThread<ToIndexThread> = await startThread<ToIndexThread, FromIndexThread>('index', {
    data: {
      dataDir: config.dataDir,
      store: config.store,
      transcripts: config.transcripts,
      prices: config.prices,
    } satisfies IndexThreadConfig,
    memoryMegabytes: 256,
    log,
    onMessage(message) {
      if (message.kind === 'status') {
        status = message.status;
        behindSinceMs = isDone(message.status) ? undefined : (behindSinceMs ?? performance.now());
      }
      if (message.kind === 'transcripts') transcripts = message.progress;
    },
    onEnd() {
      status = undefined;
      transcripts = undefined;
      behindSinceMs ??= performance.now();
    },
  });
  return {
    get status() {
      return status;
    },
    get behindSinceMs() {
      return behindSinceMs;
    },
    get transcripts() {
      return transcripts;
    },
    rescan() {
      thread.send({ kind: 'rescan' });
    },
    stop() {
      thread.send({ kind: 'stop' });
      return thread.stop(5_000);
    },
  };
}

/** Another process that derives says for itself how far it is. */
function isDone(status: IndexThreadStatus): boolean {
  return status.state === 'current' || status.state === 'elsewhere';
}
