import { join } from 'node:path';
import type { RecorderStatus } from '#exchange';
import { readStatusFile } from './status-file.ts';

const cachedMs = 500;

/** What the recorder last said about itself, read from its status file at most twice a second. */
export class RecorderStatusReader {
  readonly #path: string;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<RecorderStatus | undefined> = Promise.resolve(undefined);

  constructor(dataDir: string) {
    this.#path = join(dataDir, 'status', 'recorder.json');
  }

  /** Undefined when there is no such file or it is not readable; never rejects. */
  read(): Promise<RecorderStatus | undefined> {
    const now = performance.now();
    if (now - this.#readAtMs < cachedMs) return this.#reading;
    this.#readAtMs = now;
    // A recorder of another version may leave something out; whoever shows a value checks it.
    this.#reading = readStatusFile(this.#path) as Promise<RecorderStatus | undefined>;
    return this.#reading;
  }
}
