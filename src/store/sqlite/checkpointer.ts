import type { Connection } from './connection.ts';
import { databaseFiles, sizeOf } from './files.ts';

const megabyte = 1024 * 1024;
/**
 * A log that was moved keeps its size and is written from its beginning: the size alone would ask for another checkpoint,
 * and so for waiting for the disk, after each of many small commits.
 */
const pauseMs = 1_000;

/**
 * Moves committed pages from the write-ahead log into the database, in idle time or when the log has grown. SQLite's own
 * checkpoints are switched off: they would run inside a commit and take as long as the log is large.
 */
export class Checkpointer {
  readonly #connection: Connection;
  readonly #logFile: string;
  readonly #idleMs: number;
  #timer: NodeJS.Timeout | undefined;
  #checkpointedAtMs = Number.NEGATIVE_INFINITY;
  #mustEmpty = false;

  constructor(connection: Connection, options: { readonly idleMs: number }) {
    this.#connection = connection;
    this.#logFile = databaseFiles(connection.path)[1];
    this.#idleMs = options.idleMs;
  }

  /** Call after each commit. */
  committed(): void {
    const isTime = performance.now() - this.#checkpointedAtMs >= pauseMs;
    const logBytes = isTime ? sizeOf(this.#logFile) : 0;
    // A reader with an old snapshot keeps the log from being reused; truncating waits for it, so it comes late.
    if (logBytes > 64 * megabyte) this.#checkpoint('TRUNCATE');
    else if (logBytes > 16 * megabyte) this.#checkpoint('PASSIVE');
    if (this.#timer !== undefined) this.#timer.refresh();
    else this.#timer = setTimeout(() => this.idle(), this.#idleMs).unref();
  }

  /** Pages that were moved stay readable in the log until it is written over: this one is emptied, as soon as it can be. */
  wipe(): void {
    this.#mustEmpty = true;
    this.committed();
  }

  /** Also called by itself when no commit came for a while. */
  idle(): void {
    const isLarge = sizeOf(this.#logFile) > 4 * megabyte;
    this.#checkpoint(this.#mustEmpty || isLarge ? 'TRUNCATE' : 'PASSIVE');
    this.#mustEmpty &&= sizeOf(this.#logFile) > 0;
    // Somebody reads or writes at the moment.
    if (this.#mustEmpty) this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #checkpoint(mode: 'PASSIVE' | 'TRUNCATE'): void {
    try {
      this.#connection.pragma(`wal_checkpoint(${mode})`);
    } catch {
      // Nothing is lost: the pages stay in the log, and what is really wrong the next commit reports.
    }
    this.#checkpointedAtMs = performance.now();
  }
}
