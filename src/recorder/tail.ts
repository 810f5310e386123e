import { isOfThisPidNamespace, isProcessAlive } from '#generation';
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
/**
 * A core that cannot be judged by its pid is dead when its journal did not change for so long: a living one touches its
 * newest segment every few seconds.
 */
const quietMsMax = 60_000;
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
      const hadEnded = journal.hasEnded;
      journal.update(found, await isDead(found));
      if (hadEnded && !journal.hasEnded) cores.get(found.coreId)!.isPidMisleading = true;
    }
    for (const [coreId, journal] of journals) {
      if (seen.has(coreId)) continue;
      // Deleted while its core may live: it will be made again.
      const gone = { ...journal.directory, segments: [] };
      journal.update(gone, await isDead(gone));
    }
    listedAtMs = nowMs();
  }

  /**
   * By its process where that can be seen. Two containers may share a data directory, and a pid of another namespace
   * names a stranger here, or nobody.
   */
  async function isDead(found: JournalDirectory): Promise<boolean> {
    const core = coreOf(found);
    core.process ??= await processOf(found);
    const { pid, startToken } = core.process ?? {};
    const isPidOfUse = pid !== undefined && !core.isPidMisleading && isOfThisPidNamespace(startToken);
    if (isPidOfUse) return !isAlive(pid, startToken);
    return nowMs() - core.changedAtMs > quietMsMax;
  }

  /** The clock of the wall plays no part: it may jump. */
  function coreOf(found: JournalDirectory): Core {
    const newest = found.segments.at(-1);
    const mark = newest === undefined ? '' : `${newest.number} ${newest.bytes} ${newest.modifiedAtMs}`;
    let core = cores.get(found.coreId);
    if (core === undefined) {
      core = { mark, changedAtMs: nowMs(), isPidMisleading: false };
      cores.set(found.coreId, core);
    }
    if (core.mark !== mark) core.changedAtMs = nowMs();
    core.mark = mark;
    return core;
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
  /** Of the newest segment: differs when the core lives. */
  mark: string;
  changedAtMs: number;
  /** The process seemed to be gone, and yet the journal grew. */
  isPidMisleading: boolean;
  process?: { readonly pid: number; readonly startToken?: string } | undefined;
}

async function processOf(found: JournalDirectory): Promise<Core['process']> {
  for (const segment of found.segments.toReversed().slice(0, 8)) {
    const opened = await readSegmentOpened(segment);
    if (opened !== undefined) return opened;
  }
  return undefined;
}
