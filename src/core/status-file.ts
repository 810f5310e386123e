import { readFile } from 'node:fs/promises';

const statusBytesMax = 64 * 1024;

/**
 * A status file: an object with a time. Undefined when there is none or it is not readable; never rejects. What else it
 * holds was written by another program, maybe of another version.
 */
export async function readStatusFile(path: string): Promise<({ atMs: number } & object) | undefined> {
  try {
    const text = await readFile(path, 'utf8');
    if (text.length > statusBytesMax) return undefined;
    const status: unknown = JSON.parse(text);
    if (typeof status !== 'object' || status === null) return undefined;
    return typeof (status as { atMs?: unknown }).atMs === 'number' ? (status as { atMs: number }) : undefined;
  } catch {
    return undefined;
  }
}
