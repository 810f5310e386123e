import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Bytes that this user may still write on the disk of a file; undefined when the system does not say. */
export async function freeBytesOf(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(dirname(path));
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
