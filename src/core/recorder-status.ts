import { join } from 'node:path';
import type { RecorderStatus } from '#exchange';
import { readStatusFile } from './status-file.ts';

const cachedMs = 500;

/** What the recorder last said about itself, read from its status file at most twice a second. */
export class RecorderStatusReader {
  readonly #path: string;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<RecorderStatus | undefined> = Promise.resolve(undefined);
  #latest: RecorderStatus | undefined;

  constructor(dataDir: string) {
    this.#path = join(dataDir, 'status', 'recorder.json');
  }

  /** Undefined when there never was such a file; one that is damaged or gone is as old as it was. Never rejects. */
  read(): Promise<RecorderStatus | undefined> {
    const now = performance.now();
    if (now - this.#readAtMs < cachedMs) return this.#reading;
    this.#readAtMs = now;
    this.#reading = this.#readAnew();
    return this.#reading;
  }

  async #readAnew(): Promise<RecorderStatus | undefined> {
    // A recorder of another version may leave something out; whoever shows a value checks it.
    const status = (await readStatusFile(this.#path)) as RecorderStatus | undefined;
    this.#latest = status ?? this.#latest;
    return this.#latest;
  }
}
