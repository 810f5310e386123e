/**
 * Reading the journal: frames out of bytes (`frame-reader.ts`, pure) and bytes out of files
 * (`journal-directory.ts`). Must not know what an exchange means, nor what the writer is doing.
 * Read `format.ts` first: it is the on-disk format.
 *
 * A frame may come twice (the writer repeats what a failed write may have lost): ignore a `sequence` that an
 * exchange already had. A sequence may be missing: what was dropped is counted in a `gap`.
 */

export type { FrameReader, FrameReaderCounts, ReadFrame } from './frame-reader.ts';
export { createFrameReader } from './frame-reader.ts';
export type { JournalDirectory, JournalSegment, SegmentPiece } from './journal-directory.ts';
export {
  deleteSegment,
  listJournals,
  readPayloads,
  readSegmentOpened,
  readSegmentPiece,
  removeJournalDirectory,
  segmentBeganAtMs,
} from './journal-directory.ts';
