import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RecorderStatus, recorderStatusAgeMsMax } from '#exchange';

const statusCharactersMax = 64 * 1024;

/** What the recorder last said; undefined when none is running. Never rejects. */
export async function readRecorderStatus(
  dataDir: string,
  nowMs: number,
): Promise<RecorderStatus | undefined> {
  try {
    const text = await readFile(join(dataDir, 'status', 'recorder.json'), 'utf8');
    if (text.length > statusCharactersMax) return undefined;
    // Written by our own recorder; a file that someone else wrote is read as far as it has the right shape.
    const status = JSON.parse(text) as Partial<RecorderStatus> | null;
    const isCurrent = typeof status?.atMs === 'number' && nowMs - status.atMs <= recorderStatusAgeMsMax;
    return isCurrent && typeof status.state === 'string' ? (status as RecorderStatus) : undefined;
  } catch {
    return undefined;
  }
}
