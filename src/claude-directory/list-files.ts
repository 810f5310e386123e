import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';

/** A plain file that was found in a directory. */
export interface FoundFile {
  readonly path: string;
  /** Path below the directory that was searched, with slashes. */
  readonly name: string;
  readonly bytes: number;
  readonly modifiedAtMs: number;
}

/** So many entries are looked at below one directory; the rest of a larger one is left out. */
const entriesMax = 200_000;
const atOnce = 32;

/** Names of the plain directories in a directory; none when it cannot be read. */
export async function listDirectories(directory: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name, kind } of entriesOf(directory)) if (kind === 'directory') names.push(name);
  return names;
}

/**
 * The plain files below a directory. Links are not followed, so nothing outside of it is ever found; what cannot be read
 * or disappears meanwhile is left out.
 * @param depth levels of directories below it that are searched as well
 */
export async function listFiles(
  directory: string,
  { depth, accepts }: { readonly depth: number; readonly accepts: (name: string) => boolean },
): Promise<readonly FoundFile[]> {
  const names = await namesBelow(directory, { depth, left: entriesMax });
  const accepted = names.filter(accepts);
  const found: FoundFile[] = [];
  for (let at = 0; at < accepted.length; at += atOnce) {
    const batch = accepted.slice(at, at + atOnce).map((name) => describe(directory, name));
    for (const file of await Promise.all(batch)) if (file) found.push(file);
  }
  return found;
}

async function namesBelow(
  directory: string,
  { depth, left }: { readonly depth: number; readonly left: number },
): Promise<string[]> {
  const names: string[] = [];
  const directories: string[] = [];
  for await (const { name, kind } of entriesOf(directory)) {
    if (names.length + directories.length >= left) return names;
    if (kind === 'file') names.push(name);
    else if (depth > 0) directories.push(name);
  }
  for (const inner of directories) {
    const room = { depth: depth - 1, left: left - names.length };
    for (const name of await namesBelow(join(directory, inner), room)) names.push(`${inner}/${name}`);
  }
  return names;
}

async function* entriesOf(
  directory: string,
): AsyncGenerator<{ readonly name: string; readonly kind: 'file' | 'directory' }> {
  try {
    for await (const entry of await opendir(directory, { bufferSize: 256 })) {
      if (entry.isFile()) yield { name: entry.name, kind: 'file' };
      else if (entry.isDirectory()) yield { name: entry.name, kind: 'directory' };
    }
  } catch (error) {
    // Most people have no todo lists or no plans, and what is not ours to read is as if it were not there.
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || code.startsWith('ERR_')) throw error;
  }
}

async function describe(directory: string, name: string): Promise<FoundFile | undefined> {
  const path = join(directory, name);
  const status = await lstat(path).catch(() => undefined);
  if (!status?.isFile()) return undefined;
  return { path, name, bytes: status.size, modifiedAtMs: status.mtimeMs };
}
