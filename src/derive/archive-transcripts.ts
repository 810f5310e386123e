import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { ArchivedFile, FileBatch, TranscriptStore } from '#store';
import {
  type FoundFile,
  readLines,
  type TranscriptRoot,
  type TranscriptWatch,
  walkTranscripts,
} from '#transcripts';
import { Pace } from './pace.ts';
import type { Step, StepResult } from './step.ts';

export interface ArchiveOptions {
  readonly roots: readonly TranscriptRoot[];
  readonly watch: TranscriptWatch;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly clockMs: () => number;
  /** False: what the agent deletes is forgotten here as well. */
  readonly keepsDeleted: boolean;
  /** How often everything is looked at, whatever the watch said. */
  readonly rescanMs: number;
}

/** How far the archive is behind the files. */
export interface ArchiveProgress {
  /** `scanning`: the first look at everything is not over. */
  readonly state: 'scanning' | 'reading' | 'current';
  readonly files: number;
  /** Bytes of all files that were seen, and those of them that are archived. */
  readonly bytes: number;
  readonly bytesArchived: number;
  /** Over the last half minute; absent while too little was seen. */
  readonly bytesPerSecond?: number;
  /** Absent while nobody can tell, as in the first look at everything. */
  readonly leftSeconds?: number;
  /** Files and directories that could not be read, in the last look at everything. */
  readonly unreadable: number;
}

export interface ArchiveStep extends Step {
  readonly progress: ArchiveProgress;
  /** Looks at everything again, now. */
  rescan(): void;
}

/** Between two looks at the clock and in one transaction, so that a piece stays short. */
const pieceMs = 40;
const bytesPerPiece = 4 * 1024 * 1024;
const filesPerPiece = 200;
const lineBytesMax = 32 * 1024 * 1024;
/** The end of a line that is not there by then will not come. */
const unendedMs = 60_000;
const documentBytesMax = 64 * 1024;
const documentsPerPage = 500;

/** A file as this process knows it: what the archive holds, and how large the file was when it was looked at. */
interface KnownFile {
  archived: Pick<
    ArchivedFile,
    'identity' | 'readTo' | 'headHash' | 'tailHash' | 'seen' | 'kind' | 'root' | 'path'
  > & { readonly id?: number; readonly isGone: boolean };
  size: number;
  /** Number of the look at everything in which it was met last. */
  metIn: number;
}

interface Walk {
  readonly root: TranscriptRoot;
  readonly steps: Generator<ReturnType<typeof walkTranscripts> extends Generator<infer S> ? S : never>;
  readonly isWhole: boolean;
}

/**
 * Carries whatever agents append to their transcripts into the archive, each line once. Changed directories come
 * first, so that a session at work is there at once while old ones are still being read.
 */
export function archiveTranscripts(store: TranscriptStore, options: ArchiveOptions): ArchiveStep {
  const { roots, watch, nowMs, clockMs, keepsDeleted, rescanMs } = options;
  let known: Map<string, KnownFile> | undefined;
  /** Tells files that were renamed. */
  const keysByIdentity = new Map<string, string>();
  let walks: Walk[] = [];
  /** Files that have more than was read in one go. */
  const unfinished = new Map<string, { readonly root: TranscriptRoot; readonly file: FoundFile }>();
  let look = 0;
  let nextLookAtMs = 0;
  let lookBeganAtMs = 0;
  let isLooking = false;
  let hasLooked = false;
  let blindSpots: string[] = [];
  let unreadable = 0;
  let found = 0;
  let wantsRescan = false;
  const pace = new Pace();

  async function run(): Promise<StepResult> {
    known ??= await readKnown();
    takeChanges();
    beginLook();
    const deadline = clockMs() + pieceMs;
    const batches: { readonly key: string; readonly batch: FileBatch; readonly file: KnownFile }[] = [];
    let bytes = 0;
    const gather = (root: TranscriptRoot, file: FoundFile): Promise<void> | undefined => {
      if (file.place.holds !== 'entries') return putDocument(root, file.path);
      return gatherLines(root, file, (key, batch, knownFile) => {
        batches.push({ key, batch, file: knownFile });
        bytes += batch.bytes.length;
      });
    };
    try {
      for (const { root, file } of [...unfinished.values()]) {
        if (bytes >= bytesPerPiece || clockMs() > deadline) break;
        unfinished.delete(keyOf(root.directory, file.path));
        await gather(root, file);
      }
      while (clockMs() <= deadline && bytes < bytesPerPiece && batches.length < filesPerPiece) {
        const walk = walks[0];
        if (walk === undefined) break;
        const step = walk.steps.next();
        if (step.done) walks.shift();
        else if (step.value.kind === 'directory') watch.add(step.value.directory);
        else if (step.value.kind === 'file') await gather(walk.root, step.value);
        else if (step.value.kind === 'unreadable') noteUnreadable(step.value.directory, walk.isWhole);
      }
      await commit(batches);
      if (isLooking && walks.length === 0) await finishLook();
      pace.note(clockMs(), sums().bytesArchived);
    } catch (error) {
      // What was gathered is lost with the transaction: what is archived is asked for again.
      known = undefined;
      walks = [];
      isLooking = false;
      nextLookAtMs = 0;
      throw error;
    }
    return walks.length > 0 || unfinished.size > 0 ? 'more' : 'idle';
  }

  function sums(): { bytes: number; bytesArchived: number } {
    let bytes = 0;
    let bytesArchived = 0;
    for (const { size, archived } of known?.values() ?? []) {
      bytes += Math.max(size, archived.readTo);
      bytesArchived += archived.readTo;
    }
    return { bytes, bytesArchived };
  }

  async function readKnown(): Promise<Map<string, KnownFile>> {
    const files = new Map<string, KnownFile>();
    for (const file of await store.files()) {
      const archived = { ...file, isGone: file.goneAtMs !== null };
      remember(files, { archived, size: file.readTo, metIn: 0 });
    }
    return files;
  }

  function remember(files: Map<string, KnownFile>, file: KnownFile): void {
    const key = keyOf(file.archived.root, file.archived.path);
    files.set(key, file);
    keysByIdentity.set(file.archived.identity, key);
  }

  function takeChanges(): void {
    for (const directory of watch.take()) {
      const root = roots.find((each) => `${directory}${sep}`.startsWith(`${each.directory}${sep}`));
      // While everything is looked at, what changes in the rest of it is met anyway, but later.
      if (root === undefined) continue;
      const only = relative(root.directory, directory).split(sep).join('/');
      walks.unshift({ root, steps: walkTranscripts(root, only), isWhole: false });
    }
  }

  function beginLook(): void {
    if (isLooking || (clockMs() < nextLookAtMs && !wantsRescan)) return;
    isLooking = true;
    wantsRescan = false;
    look += 1;
    lookBeganAtMs = clockMs();
    blindSpots = [];
    found = 0;
    walks.push(...roots.map((root) => ({ root, steps: walkTranscripts(root), isWhole: true })));
  }

  function noteUnreadable(path: string, isWhole: boolean): void {
    if (!isWhole) return;
    found += 1;
    // A bound: with so many of them nothing is said to be gone.
    if (blindSpots.length < 10_000) blindSpots.push(path);
  }

  /** What was not met is gone, unless nobody could look. */
  async function finishLook(): Promise<void> {
    isLooking = false;
    for (const file of [...known!.values()]) {
      const { archived } = file;
      const path = join(archived.root, archived.path);
      if (archived.isGone || archived.id === undefined || file.metIn === look) continue;
      if (!roots.some(({ directory }) => directory === archived.root)) continue;
      if (blindSpots.some((spot) => path.startsWith(spot)) || exists(path)) continue;
      await leave(file);
    }
    if (!keepsDeleted && blindSpots.length === 0) await forgetDocuments();
    unreadable = found;
    hasLooked = true;
    const tookMs = clockMs() - lookBeganAtMs;
    // However many files there are, looking takes a small part of the time.
    nextLookAtMs = clockMs() + Math.max(rescanMs, 20 * tookMs);
  }

  /** Descriptions of agents and titles say what was asked for, too. */
  async function forgetDocuments(): Promise<void> {
    for (let change = 0; ; ) {
      const documents = await store.documentsAfter(change, documentsPerPage);
      for (const document of documents) {
        const isOurs = roots.some(({ directory }) => directory === document.root);
        if (isOurs && !exists(join(document.root, document.path))) await store.forgetDocument(document);
      }
      const last = documents.at(-1);
      if (last === undefined) return;
      change = last.change;
    }
  }

  async function leave(file: KnownFile): Promise<void> {
    const { archived } = file;
    if (keepsDeleted) {
      await store.noteGone(archived.id!, nowMs());
      file.archived = { ...archived, isGone: true };
    } else {
      await store.forget([archived.id!]);
      known!.delete(keyOf(archived.root, archived.path));
    }
  }

  async function gatherLines(
    root: TranscriptRoot,
    found: FoundFile,
    add: (key: string, batch: FileBatch, file: KnownFile) => void,
  ): Promise<void> {
    const key = keyOf(root.directory, found.path);
    const path = join(root.directory, found.path);
    let file = known!.get(key) ?? (await moved(root, found.path));
    const tail = { bytesMax: bytesPerPiece, lineBytesMax, unendedBeforeMs: nowMs() - unendedMs };
    let outcome = readLines(path, file?.archived, tail);
    if (outcome.kind === 'other-content') {
      if (file?.archived.id !== undefined) await store.noteReplaced(file.archived.id, nowMs());
      known!.delete(key);
      file = undefined;
      outcome = readLines(path, undefined, tail);
    }
    if (outcome.kind === 'unreadable') noteUnreadable(path, true);
    if (outcome.kind === 'untouched' && file !== undefined) file.metIn = look;
    if (outcome.kind !== 'read') return;
    const { state, start, bytes, tooLong, hasMore, modifiedAtMs, size } = outcome.read;
    const place = { kind: root.kind, root: root.directory, path: found.path };
    const id = file?.archived.id === undefined ? {} : { id: file.archived.id };
    const next: KnownFile = file ?? { archived: { ...state, ...place, isGone: false }, size, metIn: look };
    const isNews = file === undefined || start + bytes.length > file.archived.readTo || file.archived.isGone;
    next.archived = { ...state, ...place, ...id, isGone: false };
    next.size = size;
    next.metIn = look;
    remember(known!, next);
    if (hasMore) unfinished.set(key, { root, file: found });
    if (isNews) add(key, { ...id, ...place, state, modifiedAtMs, tooLong, start, bytes }, next);
  }

  /** A file that was renamed goes on where it was. */
  async function moved(root: TranscriptRoot, path: string): Promise<KnownFile | undefined> {
    const identity = identityOf(join(root.directory, path));
    if (identity === undefined) return undefined;
    const key = keysByIdentity.get(identity);
    const file = key === undefined ? undefined : known!.get(key);
    if (key === undefined || file === undefined) return undefined;
    const { archived } = file;
    if (archived.identity !== identity || archived.id === undefined || archived.kind !== root.kind)
      return undefined;
    if (identityOf(join(archived.root, archived.path)) === identity) return undefined;
    await store.noteMoved(archived.id, { root: root.directory, path }, nowMs());
    known!.delete(key);
    file.archived = { ...archived, root: root.directory, path };
    remember(known!, file);
    return file;
  }

  async function commit(
    batches: readonly { readonly batch: FileBatch; readonly file: KnownFile }[],
  ): Promise<void> {
    if (batches.length === 0) return;
    const ids = await store.append(batches.map(({ batch }) => batch));
    batches.forEach(({ file }, index) => {
      file.archived = { ...file.archived, id: ids[index]! };
    });
  }

  async function putDocument(root: TranscriptRoot, path: string): Promise<void> {
    const document = readDocument(join(root.directory, path));
    if (document !== undefined) await store.putDocument({ root: root.directory, path, ...document });
  }

  return {
    name: 'transcripts',
    run,
    rescan() {
      wantsRescan = true;
    },
    get progress(): ArchiveProgress {
      const { bytes, bytesArchived } = sums();
      const isReading = walks.length > 0 || unfinished.size > 0;
      const state = !hasLooked ? 'scanning' : isReading ? 'reading' : 'current';
      const bytesPerSecond = pace.perSecond;
      const leftSeconds = hasLooked ? pace.secondsFor(bytes - bytesArchived) : undefined;
      return {
        state,
        files: known?.size ?? 0,
        bytes,
        bytesArchived,
        ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
        ...(leftSeconds === undefined ? {} : { leftSeconds }),
        unreadable,
      };
    },
  };
}

function keyOf(root: string, path: string): string {
  return `${root}\u0000${path}`;
}

function identityOf(path: string): string | undefined {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat?.isFile() ? `${stat.dev}:${stat.ino}` : undefined;
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** A small JSON file, or nothing: it may be half written, a link, or something else altogether. */
function readDocument(path: string): { content: string; modifiedAtMs: number } | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile() || stat.size > documentBytesMax) return undefined;
    const bytes = Buffer.alloc(stat.size);
    const content = bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, bytes.length, 0));
    JSON.parse(content);
    return { content, modifiedAtMs: stat.mtimeMs };
  } catch {
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}
