import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ExchangeId, exchangeIdFromBytes, exchangeIdToBytes } from '#exchange';

/**
 * The ids of deleted exchanges, in small files beside the database, one for each deletion. The journal may still hold
 * these exchanges, and whoever reads it again, perhaps into an empty database, must not bring them back.
 */
export interface Deletions {
  /** Begins the file of one deletion. */
  begin(): DeletionNote;
  /** The ids that went last, at most a million: more than a journal holds. */
  read(): Promise<ReadonlySet<ExchangeId>>;
  /** Forgets deletions whose last exchange went before this time, milliseconds since 1970. */
  forgetBefore(ms: number): Promise<void>;
  /** True when nothing is noted. */
  isEmpty(): Promise<boolean>;
}

export interface DeletionNote {
  /** Resolves when the ids are on disk: only then may the exchanges go. */
  add(ids: readonly ExchangeId[]): Promise<void>;
}

const idBytes = 16;
const idsMax = 1_000_000;

/** @param dataDir the directory `deleted` in it is made when it is first needed */
export function openDeletions(dataDir: string): Deletions {
  const directory = join(dataDir, 'deleted');
  return {
    begin() {
      const path = join(directory, `${Date.now()}-${randomBytes(6).toString('hex')}.ids`);
      return { add: (ids) => append(directory, path, ids) };
    },
    async read() {
      const ids = new Set<ExchangeId>();
      for (const path of (await files(directory)).sort().reverse()) {
        const bytes = await readEnd(path, (idsMax - ids.size) * idBytes);
        for (let at = 0; at < bytes.length; at += idBytes) {
          ids.add(exchangeIdFromBytes(bytes.subarray(at, at + idBytes)));
        }
      }
      return ids;
    },
    async forgetBefore(ms) {
      for (const path of await files(directory)) {
        if ((await stat(path)).mtimeMs < ms) await rm(path, { force: true });
      }
    },
    isEmpty: async () => (await files(directory)).length === 0,
  };
}

async function append(directory: string, path: string, ids: readonly ExchangeId[]): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = await open(path, 'a', 0o600);
  try {
    await file.appendFile(Buffer.concat(ids.map(exchangeIdToBytes)));
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** The last whole ids of a file. An id that is cut off at its end was never acted upon. */
async function readEnd(path: string, bytesMax: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const end = size - (size % idBytes);
    const bytes = Buffer.alloc(Math.min(end, bytesMax));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, end - bytes.length);
    return bytes.subarray(0, bytesRead - (bytesRead % idBytes));
  } finally {
    await file.close();
  }
}

async function files(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory);
    return names.filter((name) => name.endsWith('.ids')).map((name) => join(directory, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
