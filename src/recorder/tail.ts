import { isProcessAlive } from '#generation';
import { type JournalDirectory, listJournals, readSegmentOpened } from '#journal/read';
import type { JournalPosition } from '#store';
import { JournalTail, type TailStep } from './journal-tail.ts';
import { createRecentBytes } from './recent-bytes.ts';

export interface TailOptions {
  /** Has one directory per core. */
  readonly directory: string;
  /** How far each core's journal is stored; those not named are read from the beginning. */
  readonly positions: ReadonlyMap<string, JournalPosition>;
  /** Monotonic, milliseconds. */
  readonly nowMs: () => number;
  readonly isAlive?: (pid: number, startToken: string | undefined) => boolean;
}

/** Follows every journal of the host. */
export interface Tail {
  /** Reads at most one piece of one journal. */
  next(): Promise<TailStep>;
  /** Looks for new directories and segments now instead of within the next moments. */
  list(): Promise<void>;
  journals(): readonly JournalTail[];
  journal(coreId: string): JournalTail | undefined;
  /** The directory of an ended core is gone. */
  forget(coreId: string): void;
}

/** A directory is looked at again after this; between, only the newest segments are. */
const listingMsMax = 200;
/** While bytes come, a new segment should not wait for the slow rhythm. */
const listingMsMin = 40;
/** A core writes its first segment at once; a directory without any for so long belongs to nobody. */
const unknownCoreMsMax = 60_000;
const recentBytesMax = 48 * 1024 * 1024;

export function createTail(options: TailOptions): Tail {
  const { directory, positions, nowMs } = options;
  const isAlive = options.isAlive ?? isProcessAlive;
  const recent = createRecentBytes(recentBytesMax);
  const journals = new Map<string, JournalTail>();
  const cores = new Map<string, Core>();
  let listedAtMs = Number.NEGATIVE_INFINITY;
  let turn = 0;

  async function list(): Promise<void> {
    const directories = await listJournals(directory);
    const seen = new Set<string>();
    for (const found of directories) {
      seen.add(found.coreId);
      let journal = journals.get(found.coreId);
      if (journal === undefined) {
        journal = new JournalTail(found, { position: positions.get(found.coreId), recent });
        journals.set(found.coreId, journal);
      }
      if (!journal.hasEnded) journal.update(found, await isDead(found));
      else journal.update(found, true);
    }
    for (const [coreId, journal] of journals) {
      if (seen.has(coreId)) continue;
      // Deleted while its core may live: it will be made again.
      const gone = { ...journal.directory, segments: [] };
      journal.update(gone, await isDead(gone));
    }
    listedAtMs = nowMs();
  }

  async function isDead(found: JournalDirectory): Promise<boolean> {
    let core = cores.get(found.coreId);
    if (core === undefined) {
      core = { firstSeenMs: nowMs() };
      cores.set(found.coreId, core);
    }
    core.process ??= await processOf(found);
    if (core.process !== undefined) return !isAlive(core.process.pid, core.process.startToken);
    const newestMs = found.segments.at(-1)?.modifiedAtMs;
    const isQuiet = newestMs === undefined || Date.now() - newestMs > unknownCoreMsMax;
    return isQuiet && nowMs() - core.firstSeenMs > unknownCoreMsMax;
  }

  return {
    async next() {
      const sinceListing = nowMs() - listedAtMs;
      if (sinceListing > listingMsMax) await list();
      const turns = [...journals.values()];
      for (let tried = 0; tried < turns.length; tried += 1) {
        turn = (turn + 1) % turns.length;
        const step = await turns[turn]!.step();
        if (step.isMoving) return step;
      }
      if (sinceListing > listingMsMin && sinceListing <= listingMsMax) await list();
      return { finished: [], readBytes: 0, isMoving: false };
    },
    list,
    journals: () => [...journals.values()],
    journal: (coreId) => journals.get(coreId),
    forget(coreId) {
      journals.delete(coreId);
      cores.delete(coreId);
    },
  };
}

interface Core {
  readonly firstSeenMs: number;
  process?: { readonly pid: number; readonly startToken?: string } | undefined;
}

async function processOf(found: JournalDirectory): Promise<Core['process']> {
  for (const segment of found.segments.toReversed().slice(0, 8)) {
    const opened = await readSegmentOpened(segment);
    if (opened !== undefined) return opened;
  }
  return undefined;
}
