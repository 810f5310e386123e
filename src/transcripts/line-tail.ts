import { createHash } from 'node:crypto';
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** How far a file was read, and how to tell that it is still the same one. */
export interface FileState {
  /** Device and inode. */
  readonly identity: string;
  /** Everything before this offset was read; it ends a line. */
  readonly readTo: number;
  /** Of the first bytes, at most 1 KiB of what was read. */
  readonly headHash: string;
  /** Of the last bytes before `readTo`, at most 1 KiB. */
  readonly tailHash: string;
  /** Nanoseconds as text, and the size: what is equal in both was not touched. */
  readonly seen: string;
}

export interface TailRead {
  readonly state: FileState;
  /** Offset in the file of the first byte of `bytes`. */
  readonly start: number;
  /** Whole lines, each with its line end; empty when there are no new ones. */
  readonly bytes: Buffer;
  /** Lines beyond the bound that were passed over. */
  readonly tooLong: number;
  /** True when there may be more to read now. */
  readonly hasMore: boolean;
  readonly modifiedAtMs: number;
  readonly size: number;
}

export type TailOutcome =
  | { readonly kind: 'read'; readonly read: TailRead }
  /** Nothing happened since `state`. */
  | { readonly kind: 'untouched'; readonly state: FileState }
  /** Cut, written anew, or another file in its place: begin again with no state. */
  | { readonly kind: 'other-content' }
  | { readonly kind: 'missing' }
  /** A pipe, a device, a link, or one that we may not read. */
  | { readonly kind: 'unreadable'; readonly code: string };

export interface TailOptions {
  /** Reading ends at the first line end after so many bytes. */
  readonly bytesMax: number;
  /** A line longer than this is passed over, so that memory is bounded. */
  readonly lineBytesMax: number;
  /** A last line without end counts as whole in a file that nobody touched since then: its writer is gone. */
  readonly unendedBeforeMs?: number;
}

const sampleBytes = 1_024;
const newline = 0x0a;

/**
 * Reads the next whole lines after `state`. Appending costs what was appended; whether the part that was read is still
 * the same is judged by two samples of it. Never throws because of what the file is.
 */
export function readLines(path: string, state: FileState | undefined, options: TailOptions): TailOutcome {
  let descriptor: number;
  try {
    // Neither through a link, which may lead anywhere, nor waiting for somebody to write into a pipe.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    return code === 'ENOENT' || code === 'ENOTDIR' ? { kind: 'missing' } : { kind: 'unreadable', code };
  }
  try {
    const stat = fstatSync(descriptor, { bigint: true });
    if (!stat.isFile()) return { kind: 'unreadable', code: 'not a file' };
    const seen = seenOf(stat);
    const identity = `${stat.dev}:${stat.ino}`;
    const size = Number(stat.size);
    if (state !== undefined) {
      const isFinished = state.readTo === size || !isLeft(stat, options);
      if (state.seen === seen && state.identity === identity && isFinished)
        return { kind: 'untouched', state };
      if (!isContinuation(descriptor, state, size)) return { kind: 'other-content' };
    }
    return { kind: 'read', read: readOn(descriptor, { state, identity, seen, size, stat }, options) };
  } catch (error) {
    return { kind: 'unreadable', code: (error as NodeJS.ErrnoException).code ?? 'unknown error' };
  } finally {
    closeSync(descriptor);
  }
}

interface Opened {
  readonly state: FileState | undefined;
  readonly identity: string;
  readonly seen: string;
  readonly size: number;
  readonly stat: BigIntStats;
}

function readOn(descriptor: number, opened: Opened, options: TailOptions): TailRead {
  const { state, identity, seen, size, stat } = opened;
  const start = state?.readTo ?? 0;
  const { from, bytes, tooLong } = wholeLines(descriptor, start, size, {
    ...options,
    takesUnended: isLeft(stat, options),
  });
  const readTo = from + bytes.length;
  const moved = readTo > start;
  // Until everything up to its end was read, the next look must not take the file for untouched.
  const hasMore = readTo < size && moved;
  return {
    state: {
      identity,
      readTo,
      headHash:
        state !== undefined && state.readTo >= sampleBytes
          ? state.headHash
          : sampleHash(descriptor, 0, readTo),
      tailHash:
        moved || state === undefined
          ? sampleHash(descriptor, Math.max(0, readTo - sampleBytes), readTo)
          : state.tailHash,
      seen: hasMore ? '' : seen,
    },
    start: from,
    bytes,
    tooLong,
    hasMore,
    modifiedAtMs: Number(stat.mtimeMs),
    size,
  };
}

/** Whole lines from `start` on: at least one when one is complete, however long it is within its bound. */
function wholeLines(
  descriptor: number,
  start: number,
  size: number,
  { bytesMax, lineBytesMax, takesUnended }: TailOptions & { readonly takesUnended: boolean },
): { from: number; bytes: Buffer; tooLong: number } {
  let from = start;
  let tooLong = 0;
  for (;;) {
    let wanted = Math.min(bytesMax, size - from);
    for (;;) {
      const bytes = readPart(descriptor, from, wanted);
      const end = bytes.lastIndexOf(newline) + 1;
      if (end > 0) return { from, bytes: bytes.subarray(0, end), tooLong };
      const isAll = bytes.length < wanted || from + wanted >= size;
      if (isAll && takesUnended && bytes.length <= lineBytesMax && isJson(bytes))
        return { from, bytes, tooLong };
      if (isAll && bytes.length <= lineBytesMax) return { from, bytes: bytes.subarray(0, 0), tooLong };
      if (wanted > lineBytesMax) break;
      wanted = Math.min(wanted * 4, lineBytesMax + 1, size - from);
    }
    const next = afterNextNewline(descriptor, from + Math.min(lineBytesMax, size - from), size);
    // The end of a line that is too long is not there yet.
    if (next === undefined) return { from, bytes: Buffer.alloc(0), tooLong };
    from = next;
    tooLong += 1;
  }
}

function afterNextNewline(descriptor: number, from: number, size: number): number | undefined {
  const step = 1024 * 1024;
  for (let at = from; at < size; at += step) {
    const index = readPart(descriptor, at, Math.min(step, size - at)).indexOf(newline);
    if (index >= 0) return at + index + 1;
  }
  return undefined;
}

function isContinuation(descriptor: number, state: FileState, size: number): boolean {
  if (size < state.readTo) return false;
  if (state.readTo === 0) return true;
  const tailStart = Math.max(0, state.readTo - sampleBytes);
  return (
    sampleHash(descriptor, 0, state.readTo) === state.headHash &&
    sampleHash(descriptor, tailStart, state.readTo) === state.tailHash
  );
}

function sampleHash(descriptor: number, from: number, to: number): string {
  const bytes = readPart(descriptor, from, Math.min(sampleBytes, to - from));
  return createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
}

function readPart(descriptor: number, from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(Math.max(0, length));
  let count = 0;
  while (count < bytes.length) {
    const read = readSync(descriptor, bytes, count, bytes.length - count, from + count);
    if (read === 0) break;
    count += read;
  }
  return bytes.subarray(0, count);
}

function isLeft(stat: BigIntStats, { unendedBeforeMs = 0 }: TailOptions): boolean {
  return Number(stat.mtimeMs) < unendedBeforeMs;
}

function seenOf(stat: BigIntStats): string {
  return `${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
}

function isJson(bytes: Buffer): boolean {
  if (bytes.length === 0) return false;
  try {
    JSON.parse(bytes.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}
