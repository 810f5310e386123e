/**
 * Memory for whole bodies. Large blocks are used again and again: touching fresh pages costs more than copying a body
 * into warm ones, and the garbage collector has nothing to do.
 *
 * A body is in use until it is retired *and* the batch that it came with is stored: only `recycle` makes its memory
 * free for others. A body that nobody retires is left to the garbage collector.
 */
export interface BodyMemory {
  take(bytes: number): Buffer;
  /** Nobody needs this body after its batch. Once for each body that `take` gave. */
  retire(body: Buffer): void;
  /** The batch is stored or given up: nothing refers to retired bodies any more. */
  recycle(): void;
}

const blockStepBytes = 128 * 1024;

/** @param bytesMax of free blocks that are kept */
export function createBodyMemory(bytesMax: number): BodyMemory {
  let retired: ArrayBuffer[] = [];
  /** Least recently used first. */
  const free: ArrayBuffer[] = [];
  let freeBytes = 0;

  function takeFree(bytes: number): ArrayBuffer | undefined {
    // The one used last is the one that caches still hold.
    const index = free.findLastIndex((block) => block.byteLength >= bytes && block.byteLength <= bytes * 4);
    if (index < 0) return undefined;
    const [block] = free.splice(index, 1);
    freeBytes -= block!.byteLength;
    return block;
  }

  return {
    take(bytes) {
      if (bytes < blockStepBytes / 2) return Buffer.allocUnsafe(bytes);
      const needed = Math.ceil(bytes / blockStepBytes) * blockStepBytes;
      return Buffer.from(takeFree(needed) ?? Buffer.allocUnsafeSlow(needed).buffer, 0, bytes);
    },
    retire(body) {
      if (body.length >= blockStepBytes / 2) retired.push(body.buffer as ArrayBuffer);
    },
    recycle() {
      for (const block of retired) {
        free.push(block);
        freeBytes += block.byteLength;
      }
      retired = [];
      while (freeBytes > bytesMax) freeBytes -= free.shift()!.byteLength;
    },
  };
}
