import { hash } from 'node:crypto';
import type { ByteRange, JsonSlices } from '#formats';
import type { BodyPiece, SlicedBody } from '#store';

/** Below this a chunk costs more to refer to than to repeat. */
const chunkBytesMin = 64;
/** Longer stretches are cut, so that no piece is large. */
const chunkBytesMax = 256 * 1024;
/** A stretch outside the arrays is kept with the body up to this size. */
const literalBytesMax = 64 * 1024;

/** SHA-256 of an element; a cache may know it already. */
export type HashElement = (key: string, index: number, bytes: Uint8Array) => Uint8Array;

/**
 * Cuts a request where the elements of its arrays begin and end: an agent resends its whole conversation with every
 * turn, and equal elements are then stored once. Concatenating the pieces gives the exact bytes.
 */
export function sliceRequest(
  bytes: Uint8Array,
  slices: JsonSlices | undefined,
  hashElement: HashElement,
): SlicedBody {
  if (slices === undefined) return sliceOpaque(bytes);
  const pieces: BodyPiece[] = [];
  let at = 0;
  for (const { range, key, index } of elementsInOrder(slices)) {
    const length = range.end - range.start;
    if (length < chunkBytesMin) continue;
    addOpaque(pieces, bytes.subarray(at, range.start));
    const element = bytes.subarray(range.start, range.end);
    if (length > chunkBytesMax) addChunks(pieces, element);
    else pieces.push({ kind: 'chunk', sha256: hashElement(key, index, element), bytes: element });
    at = range.end;
  }
  addOpaque(pieces, bytes.subarray(at));
  return { pieces };
}

/** For bodies without a structure of ours: answers, compressed requests, files. */
export function sliceOpaque(bytes: Uint8Array): SlicedBody {
  const pieces: BodyPiece[] = [];
  addOpaque(pieces, bytes);
  return { pieces };
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer');
}

interface Element {
  readonly range: ByteRange;
  readonly key: string;
  readonly index: number;
}

/** The arrays stand one after the other in the text, so their order is that of their first elements. */
function elementsInOrder(slices: JsonSlices): Element[] {
  return [...slices.elements]
    .sort(([, a], [, b]) => (a[0]?.start ?? 0) - (b[0]?.start ?? 0))
    .flatMap(([key, ranges]) => ranges.map((range, index) => ({ range, key, index })));
}

function addOpaque(pieces: BodyPiece[], bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  if (bytes.length > literalBytesMax) addChunks(pieces, bytes);
  else pieces.push({ kind: 'literal', bytes });
}

function addChunks(pieces: BodyPiece[], bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += chunkBytesMax) {
    const chunk = bytes.subarray(at, at + chunkBytesMax);
    pieces.push({ kind: 'chunk', sha256: sha256(chunk), bytes: chunk });
  }
}
