import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';

export interface FilePart {
  readonly bytesMax: number;
  /** Absent = the beginning. */
  readonly part?: 'beginning' | 'end';
}

/**
 * The beginning or the end of a file that others write: no more than `bytesMax`, and only of a regular file. Pipes and
 * devices, also behind links, are not opened.
 * @returns undefined when there is no such file or it cannot be read
 */
export async function readRegularFile(
  path: string,
  { bytesMax, part = 'beginning' }: FilePart,
): Promise<string | undefined> {
  let file: FileHandle | undefined;
  try {
    if (!(await stat(path)).isFile()) return undefined;
    // A pipe that took its place meanwhile must not keep us waiting for a writer.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { size } = await file.stat();
    const bytes = Buffer.alloc(Math.min(size, bytesMax));
    const start = part === 'end' ? size - bytes.length : 0;
    const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
    return bytes.toString('utf8', 0, bytesRead);
  } catch {
    return undefined;
  } finally {
    await file?.close().catch(() => undefined);
  }
}
