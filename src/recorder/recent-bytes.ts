import type { BodyFrame } from './assemble.ts';

/**
 * Decides how long body bytes that were just read stay in memory. Most exchanges end while their bytes are still
 * here; the others are read again from the journal, so memory does not grow with the number of open streams.
 */
export interface RecentBytes {
  /**
   * Memory for one read of the journal. Large blocks are used again and again: touching fresh pages costs more than
   * everything that is done with the bytes on them.
   */
  block(bytes: number): Buffer;
  /**
   * @param frames body frames out of one read; their `bytes` are views into the block, and nothing else refers to it
   * @param block the whole of what `block` gave
   */
  add(frames: readonly BodyFrame[], block: Buffer): void;
}

const pooledBytes = 1024 * 1024;

export function createRecentBytes(bytesMax: number): RecentBytes {
  const reads: { readonly frames: readonly BodyFrame[]; readonly block: Buffer }[] = [];
  const free: Buffer[] = [];
  let total = 0;

  function release(block: Buffer): void {
    if (block.length === pooledBytes) free.push(block);
  }

  return {
    block(bytes) {
      if (bytes < pooledBytes / 2 || bytes > pooledBytes) return Buffer.allocUnsafe(bytes);
      return free.pop() ?? Buffer.allocUnsafeSlow(pooledBytes);
    },
    add(frames, block) {
      if (frames.length === 0) {
        release(block);
        return;
      }
      reads.push({ frames, block });
      total += block.length;
      while (total > bytesMax) {
        const oldest = reads.shift()!;
        total -= oldest.block.length;
        for (const frame of oldest.frames) frame.bytes = undefined;
        release(oldest.block);
      }
    },
  };
}
