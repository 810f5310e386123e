import type { Dirent } from 'node:fs';
import { type FileHandle, lstat, open, readdir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { SegmentOpened } from '#exchange';
import { checkFrame, checkHead, headerBytes, segmentSalt } from './format.ts';
import { createFrameReader } from './frame-reader.ts';

export interface JournalSegment {
  readonly coreId: string;
  /** 1, 2, 3 … Segments with a smaller number than another one of the same core are sealed. */
  readonly number: number;
  readonly path: string;
  /** Size of the file; offsets run to here. */
  readonly bytes: number;
  /** Bytes it takes on the disk: less than `bytes` once bodies were thinned. */
  readonly bytesOnDisk: number;
  readonly modifiedAtMs: number;
}

export interface JournalDirectory {
  readonly coreId: string;
  readonly path: string;
  /** In order of their numbers. */
  readonly segments: readonly JournalSegment[];
}

/**
 * Every core that left a journal here, empty directories included. A missing directory has none; something else in its
 * place is an error.
 */
export async function listJournals(directory: string): Promise<JournalDirectory[]> {
  const journals: JournalDirectory[] = [];
  for (const entry of await coreEntries(directory)) {
    if (!entry.isDirectory()) continue;
    const path = join(directory, entry.name);
    journals.push({ coreId: entry.name, path, segments: await listSegments(path, entry.name) });
  }
  return journals.sort((a, b) => (a.coreId < b.coreId ? -1 : 1));
}

async function listSegments(path: string, coreId: string): Promise<JournalSegment[]> {
  const segments: JournalSegment[] = [];
  for (const entry of await entries(path)) {
    const number = segmentNumberOf(entry.name);
    if (number === undefined || !entry.isFile()) continue;
    const segmentPath = join(path, entry.name);
    const stats = await absentWhenMissing(lstat(segmentPath));
    if (stats === undefined) continue;
    const { size: bytes, mtimeMs: modifiedAtMs } = stats;
    segments.push({
      coreId,
      number,
      path: segmentPath,
      bytes,
      bytesOnDisk: stats.blocks * 512,
      modifiedAtMs,
    });
  }
  return segments.sort((a, b) => a.number - b.number);
}

export function segmentName(number: number): string {
  return `${String(number).padStart(8, '0')}.seg`;
}

function segmentNumberOf(name: string): number | undefined {
  return /^\d{8}\.seg$/.test(name) ? Number(name.slice(0, 8)) : undefined;
}

/** Some bytes of a segment, and the file they are from: thinning puts another one in its place. */
export interface SegmentPiece {
  readonly bytes: Buffer;
  /** Number of the file on its file system. */
  readonly inode: number;
}

/**
 * At most `bytesMax` bytes from `offset`; empty at the end of the file, undefined when the segment is gone.
 * Rejects for any other reason (permissions, a failing disk).
 * @param into memory for the bytes, at least `bytesMax`; fresh when absent
 */
export async function readSegmentPiece(
  path: string,
  offset: number,
  bytesMax: number = 1024 * 1024,
  into: Buffer = Buffer.allocUnsafe(bytesMax),
): Promise<SegmentPiece | undefined> {
  const file = await absentWhenMissing(open(path, 'r'));
  if (file === undefined) return undefined;
  try {
    const { ino: inode } = await file.stat();
    return { bytes: await readAt(file, offset, into.subarray(0, bytesMax)), inode };
  } finally {
    await file.close();
  }
}

/** The bytes of `readSegmentPiece` alone, for one look at a segment. */
export async function readSegmentFrom(
  path: string,
  offset: number,
  bytesMax?: number,
): Promise<Buffer | undefined> {
  return (await readSegmentPiece(path, offset, bytesMax))?.bytes;
}

/** The first frame of a segment: whose it is. Undefined while it is not written, or when it is damaged or gone. */
export async function readSegmentOpened(segment: {
  readonly path: string;
  readonly coreId: string;
  readonly number: number;
}): Promise<SegmentOpened | undefined> {
  return (await readFirstEntry(segment))?.payload;
}

/** Wall clock when a segment was begun, milliseconds since 1970; undefined like `readSegmentOpened`. */
export async function segmentBeganAtMs(
  segment: Parameters<typeof readSegmentOpened>[0],
): Promise<number | undefined> {
  const first = await readFirstEntry(segment);
  return first && first.payload.processStartedAtMs + first.atUs / 1000;
}

async function readFirstEntry(segment: Parameters<typeof readSegmentOpened>[0]) {
  const bytes = await readSegmentFrom(segment.path, 0, 16 * 1024);
  if (bytes === undefined) return undefined;
  const reader = createFrameReader({ coreId: segment.coreId, segmentNumber: segment.number });
  const first = reader.feed(bytes)[0]?.entry;
  return first?.kind === 'segment-opened' && isWhole(first.payload) ? first : undefined;
}

/** A core of another version may have written it. */
function isWhole({ pid, startToken, processStartedAtMs }: Partial<SegmentOpened>): boolean {
  const isNamed = typeof pid === 'number' && (startToken === undefined || typeof startToken === 'string');
  return isNamed && typeof processStartedAtMs === 'number';
}

/**
 * Reads the payloads of frames again that were seen before. Verifies each: undefined where a frame was thinned
 * for the quota since, or is damaged or gone. All of them are in memory at once: the caller bounds their bytes.
 */
export async function readPayloads(
  segment: { readonly path: string; readonly coreId: string; readonly number: number },
  frames: readonly { readonly startOffset: number; readonly endOffset: number }[],
): Promise<(Buffer | undefined)[]> {
  const file = await absentWhenMissing(open(segment.path, 'r'));
  if (file === undefined) return frames.map(() => undefined);
  const salt = segmentSalt(segment.coreId, segment.number);
  try {
    const payloads: (Buffer | undefined)[] = [];
    let window: { offset: number; bytes: Buffer } = { offset: 0, bytes: Buffer.alloc(0) };
    for (const { startOffset, endOffset } of frames) {
      if (startOffset < window.offset || endOffset > window.offset + window.bytes.length) {
        const bytes = Math.max(windowBytes, endOffset - startOffset);
        window = { offset: startOffset, bytes: await readAt(file, startOffset, Buffer.allocUnsafe(bytes)) };
      }
      payloads.push(verifiedPayload(window, salt, startOffset, endOffset));
    }
    return payloads;
  } finally {
    await file.close();
  }
}

const windowBytes = 1024 * 1024;

function verifiedPayload(
  window: { readonly offset: number; readonly bytes: Buffer },
  salt: number,
  startOffset: number,
  endOffset: number,
): Buffer | undefined {
  const at = startOffset - window.offset;
  const end = endOffset - window.offset;
  if (end > window.bytes.length || end - at < headerBytes) return undefined;
  const place = { salt, offset: startOffset };
  const head = checkHead(window.bytes, at, place);
  if (head.kind === 'false' || head.isThinned || at + headerBytes + head.payloadBytes !== end)
    return undefined;
  if (!checkFrame(window.bytes, at, place, head)) return undefined;
  const payload = window.bytes.subarray(at + headerBytes, end);
  // A view keeps its whole window in memory: a slow stream has its pieces all over the journal.
  return payload.length * 4 < window.bytes.length ? Buffer.from(payload) : payload;
}

/** Removes a segment that is stored. Idempotent. */
export async function deleteSegment(path: string): Promise<void> {
  await absentWhenMissing(unlink(path));
}

/** Removes the directory of a dead core once it is empty; false while something is left in it. Idempotent. */
export async function removeJournalDirectory(path: string): Promise<boolean> {
  // A core that died while it thinned a segment left its copy behind.
  for (const { name } of await entries(path)) {
    if (/^\d{8}\.seg\../.test(name)) await deleteSegment(join(path, name));
  }
  try {
    await rmdir(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return true;
    if (hasCode(error, 'ENOTEMPTY') || hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** The part of `buffer` that the file could fill. */
async function readAt(file: FileHandle, offset: number, buffer: Buffer): Promise<Buffer> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** Where the cores have their directories: only this one may not be something else. */
async function coreEntries(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

async function entries(path: string): Promise<Dirent[]> {
  return (await absentWhenMissing(readdir(path, { withFileTypes: true }))) ?? [];
}

async function absentWhenMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
