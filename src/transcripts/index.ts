/**
 * The files in which coding agents write down their sessions: where they are, how they grow, what their lines say.
 * Lines are read leniently: what is unknown is kept as unknown, what is broken is counted, nothing fails the caller.
 * Knows no store; `derive` carries what is read here into the archive and makes conversations of it.
 *
 * Read `place.ts` first (which file means what), then `line-tail.ts` (how a file is followed) and `entry.ts` (what a
 * line means).
 */
export type { FoundFile } from './discover.ts';
export { walkTranscripts } from './discover.ts';
export type { Entry, EntryBlock, EntryKind } from './entry.ts';
export { readEntry } from './entry.ts';
export type { FileState, TailOutcome, TailRead } from './line-tail.ts';
export { readLines } from './line-tail.ts';
export type { TranscriptKind, TranscriptPlace, TranscriptRoot } from './place.ts';
export { placeOf } from './place.ts';
export { requestDigest } from './request-digest.ts';
export type { TranscriptWatch } from './watch.ts';
export { watchDirectories } from './watch.ts';
