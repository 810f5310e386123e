import { readPayloads } from '#journal/read';
import type { AssembledBody, BodyFrame } from './assemble.ts';
import type { BodyMemory } from './body-memory.ts';

/** A body as it can be had from the journal now. */
export interface ReadBody {
  readonly bytes: Buffer;
  /** The frames whose bytes are in `bytes`, in order. */
  readonly frames: readonly BodyFrame[];
}

/** Longer bodies are kept up to here; the rest counts as missing. */
const bodyBytesMax = 64 * 1024 * 1024;

/**
 * Collects the bytes of a body: from memory where they still are, else from the segments. Frames that were thinned
 * for the quota, damaged or deleted since they were seen are left out.
 * @param segmentPath where segment `n` of the core lies
 */
export async function readBody(
  body: AssembledBody,
  core: {
    readonly coreId: string;
    readonly memory: BodyMemory;
    segmentPath(segmentNumber: number): string;
  },
): Promise<ReadBody> {
  const frames = withinLimit(body.frames);
  const payloads: (Uint8Array | undefined)[] = frames.map((frame) => frame.bytes);
  for (const [segmentNumber, indexes] of missingBySegment(frames)) {
    const segment = { coreId: core.coreId, number: segmentNumber, path: core.segmentPath(segmentNumber) };
    const read = await readOrNothing(
      segment,
      indexes.map((index) => frames[index]!),
    );
    for (const [n, index] of indexes.entries()) payloads[index] = read[n];
  }

  const isWhole = !payloads.includes(undefined);
  if (isWhole) return { bytes: joined(payloads as Uint8Array[], core.memory), frames };
  return {
    bytes: joined(
      payloads.filter((payload) => payload !== undefined),
      core.memory,
    ),
    frames: frames.filter((_, index) => payloads[index] !== undefined),
  };
}

/** Copies even a single piece: a view would keep the whole read it came with in memory. */
function joined(pieces: readonly Uint8Array[], memory: BodyMemory): Buffer {
  const body = memory.take(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    body.set(piece, at);
    at += piece.length;
  }
  return body;
}

type Segment = Parameters<typeof readPayloads>[0];

/** A disk that cannot read a segment any more costs these bytes, which are then counted as missing. */
async function readOrNothing(
  segment: Segment,
  frames: readonly BodyFrame[],
): Promise<(Buffer | undefined)[]> {
  try {
    return await readPayloads(segment, frames);
  } catch {
    return frames.map(() => undefined);
  }
}

function withinLimit(frames: readonly BodyFrame[]): readonly BodyFrame[] {
  let bytes = 0;
  for (const [index, frame] of frames.entries()) {
    bytes += frame.length;
    if (bytes > bodyBytesMax) return frames.slice(0, index);
  }
  return frames;
}

function missingBySegment(frames: readonly BodyFrame[]): Map<number, number[]> {
  const missing = new Map<number, number[]>();
  for (const [index, frame] of frames.entries()) {
    if (frame.bytes !== undefined) continue;
    const indexes = missing.get(frame.segmentNumber);
    if (indexes === undefined) missing.set(frame.segmentNumber, [index]);
    else indexes.push(index);
  }
  return missing;
}
