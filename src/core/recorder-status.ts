import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecorderStatus } from '#exchange';

const cachedMs = 500;
const statusBytesMax = 64 * 1024;

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
    this.#reading = readStatus(this.#path);
    return this.#reading;
  }
}

async function readStatus(path: string): Promise<RecorderStatus | undefined> {
  try {
    const text = await readFile(path, 'utf8');
    if (text.length > statusBytesMax) return undefined;
    const status = JSON.parse(text) as RecorderStatus;
    return typeof status === 'object' && status !== null && typeof status.atMs === 'number'
      ? status
      : undefined;
  } catch {
    return undefined;
  }
}
