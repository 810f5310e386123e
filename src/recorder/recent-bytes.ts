import type { BodyFrame } from './assemble.ts';

/**
 * Decides how long body bytes that were just read stay in memory. Most exchanges end while their bytes are still
 * here; the others are read again from the journal, so memory does not grow with the number of open streams.
 */
export interface RecentBytes {
  /**
   * @param frames body frames out of one read of the journal; their `bytes` are views into it
   * @param readBytes size of that read, all of which stays in memory as long as one view does
   */
  add(frames: readonly BodyFrame[], readBytes: number): void;
}

export function createRecentBytes(bytesMax: number): RecentBytes {
  const reads: { frames: readonly BodyFrame[]; bytes: number }[] = [];
  let total = 0;
  return {
    add(frames, readBytes) {
      if (frames.length === 0) return;
      reads.push({ frames, bytes: readBytes });
      total += readBytes;
      while (total > bytesMax) {
        const oldest = reads.shift()!;
        total -= oldest.bytes;
        for (const frame of oldest.frames) frame.bytes = undefined;
      }
    },
  };
}
