import { decodeContent } from '#formats';
import type { BodyFrame } from './assemble.ts';

/**
 * When the first piece of content had arrived.
 * @param offset where it is complete in the decoded stream
 * @param body the stream as it arrived, possibly compressed
 * @returns the `atUs` of the frame that completed it
 */
export function firstTokenAtUs(
  offset: number,
  body: { readonly bytes: Uint8Array; readonly frames: readonly BodyFrame[]; readonly encoding?: string },
): number | undefined {
  const ends = frameEnds(body.frames);
  const reaches =
    body.encoding === undefined || body.encoding === 'identity'
      ? (index: number) => ends[index]! >= offset
      : (index: number) => decodedBytes(body.bytes.subarray(0, ends[index]!), body.encoding) >= offset;
  const index = firstIndex(body.frames.length, reaches);
  return index === undefined ? undefined : body.frames[index]!.atUs;
}

function frameEnds(frames: readonly BodyFrame[]): number[] {
  let end = 0;
  return frames.map((frame) => {
    end += frame.length;
    return end;
  });
}

function decodedBytes(bytes: Uint8Array, encoding: string | undefined): number {
  const decoded = decodeContent(bytes, encoding);
  return decoded.ok ? decoded.bytes.length : 0;
}

/** The smallest index for which the condition holds, given that it holds for all after it. It is usually small,
 * and asking is dear for compressed streams: doubling steps first, then halves between the last two. */
function firstIndex(count: number, holds: (index: number) => boolean): number | undefined {
  let below = -1;
  let step = 1;
  let at = 0;
  while (at < count && !holds(at)) {
    below = at;
    at = Math.min(at + step, at === count - 1 ? count : count - 1);
    step *= 2;
  }
  if (at >= count) return undefined;
  while (at - below > 1) {
    const middle = (at + below) >> 1;
    if (holds(middle)) at = middle;
    else below = middle;
  }
  return at;
}
