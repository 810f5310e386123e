import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecorderStatus } from '#exchange';

/** Writes the status file; never rejects, because a status that cannot be written must not stop recording. */
export interface StatusFile {
  /** Writes are one at a time; of those that come meanwhile only the last is written. */
  write(status: RecorderStatus): Promise<void>;
}

/** @param onFailure called at the first failure after a success, so that a full disk does not fill the log too */
export function createStatusFile(dataDir: string, onFailure: (error: unknown) => void): StatusFile {
  const directory = join(dataDir, 'status');
  const path = join(directory, 'recorder.json');
  const temporary = `${path}.new`;
  let waiting: RecorderStatus | undefined;
  let writing: Promise<void> | undefined;
  let hasFailed = false;

  async function writeAll(): Promise<void> {
    while (waiting !== undefined) {
      const status = waiting;
      waiting = undefined;
      try {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        await writeFile(temporary, `${JSON.stringify(status)}\n`, { mode: 0o600 });
        await rename(temporary, path);
        hasFailed = false;
      } catch (error) {
        if (!hasFailed) onFailure(error);
        hasFailed = true;
      }
    }
    writing = undefined;
  }

  return {
    write(status) {
      waiting = status;
      writing ??= writeAll();
      return writing;
    },
  };
}
