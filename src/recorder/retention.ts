import { deleteSegment, type JournalSegment, removeJournalDirectory } from '#journal/read';
import type { JournalPosition } from '#store';
import type { JournalTail } from './journal-tail.ts';

export interface RetentionOptions {
  /** What the store has committed, not what was read. */
  readonly committed: ReadonlyMap<string, JournalPosition>;
  /** A stored segment is kept this long … */
  readonly replayAgeMsMax: number;
  /** … unless all of them together take more than this. */
  readonly replayBytesMax: number;
  /** Wall clock, milliseconds since 1970. */
  readonly nowMs: number;
}

export interface Retired {
  readonly deletedSegments: number;
  /** Dead cores whose directory is gone now: their position can be forgotten. */
  readonly goneCores: readonly string[];
}

/**
 * Deletes segments that are stored and no longer needed to rebuild a lost store, oldest first, and the directories of
 * dead cores that are empty then.
 */
export async function retireJournals(
  journals: readonly JournalTail[],
  options: RetentionOptions,
): Promise<Retired> {
  const stored = journals
    .flatMap((journal) =>
      journal.directory.segments.filter((segment) => isStored(segment, options.committed)),
    )
    .sort((a, b) => a.modifiedAtMs - b.modifiedAtMs);
  let bytes = stored.reduce((sum, segment) => sum + segment.bytesOnDisk, 0);
  const deleted = new Set<string>();
  for (const segment of stored) {
    const isOld = options.nowMs - segment.modifiedAtMs > options.replayAgeMsMax;
    if (!isOld && bytes <= options.replayBytesMax) continue;
    await deleteSegment(segment.path);
    bytes -= segment.bytesOnDisk;
    deleted.add(segment.path);
  }

  const goneCores: string[] = [];
  for (const journal of journals) {
    const isEmpty = journal.directory.segments.every((segment) => deleted.has(segment.path));
    if (!isEmpty || !journal.hasEnded) continue;
    if (await removeJournalDirectory(journal.directory.path)) goneCores.push(journal.coreId);
  }
  return { deletedSegments: deleted.size, goneCores };
}

/** Only whole segments before the position: the newest one of a living core is never among them. */
function isStored(segment: JournalSegment, committed: ReadonlyMap<string, JournalPosition>): boolean {
  const position = committed.get(segment.coreId);
  return position !== undefined && segment.number < position.segmentNumber;
}
