import { type Dirent, lstatSync, opendirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { placeOf, type TranscriptPlace, type TranscriptRoot } from './place.ts';

export interface FoundFile {
  readonly kind: 'file';
  /** Relative to the root, written with `/`. */
  readonly path: string;
  readonly place: TranscriptPlace;
}

/** What a walk meets, one step at a time, so that the walker can be left alone between two of them. */
export type WalkStep =
  | FoundFile
  /** Absolute; met before what is in it. */
  | { readonly kind: 'directory'; readonly directory: string }
  /** Something else was seen: pass the time. */
  | { readonly kind: 'other' }
  /** Could not be read: the walk goes on without it, and nothing is known of what lies in it. */
  | { readonly kind: 'unreadable'; readonly directory: string; readonly code: string };

const depthMax = 8;
/** Claude Code keeps copies of other people's files and notes here: they are no transcripts. */
const skippedDirectories = new Set(['memory', 'file-history', 'node_modules', '.git']);

/**
 * Walks a root, or one directory below it and no further when `only` names it. Links are never followed: what they lead
 * to is not below the root, and a file that is one is none of the agent's.
 */
export function* walkTranscripts(root: TranscriptRoot, only?: string): Generator<WalkStep> {
  const start = realOf(root.directory);
  if (start === undefined) return;
  const below = only ?? '';
  const pending: { readonly path: string; readonly depth: number }[] = [
    { path: below, depth: below === '' ? 0 : below.split('/').length },
  ];
  while (pending.length > 0) {
    const { path, depth } = pending.pop()!;
    const directory = path === '' ? start : join(start, path);
    yield { kind: 'directory', directory };
    try {
      if (!lstatSync(directory).isDirectory()) continue;
      const listing = opendirSync(directory, { bufferSize: 256 });
      try {
        for (let entry = listing.readSync(); entry !== null; entry = listing.readSync()) {
          const child = path === '' ? entry.name : `${path}/${entry.name}`;
          if (isDirectory(entry)) {
            if (depth < depthMax && !skippedDirectories.has(entry.name))
              pending.push({ path: child, depth: depth + 1 });
            yield { kind: 'other' };
            continue;
          }
          const place = entry.isFile() ? placeOf(root.kind, child) : undefined;
          yield place === undefined ? { kind: 'other' } : { kind: 'file', path: child, place };
        }
      } finally {
        listing.closeSync();
      }
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
      if (code !== 'ENOENT') yield { kind: 'unreadable', directory, code };
    }
  }
}

function isDirectory(entry: Dirent): boolean {
  return entry.isDirectory();
}

/** The root itself may well be a link: people keep their settings elsewhere. */
function realOf(directory: string): string | undefined {
  try {
    return realpathSync(directory);
  } catch {
    return undefined;
  }
}
