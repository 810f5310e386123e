import { getHeapStatistics } from 'node:v8';

/** Beyond this part of the heap a process may soon end without a chance to finish anything. */
const heapShareMax = 0.75;
const lookEveryMs = 1_000;
/** One look may come just before the garbage goes. */
const looksMin = 2;

/**
 * Calls back once when the heap stays nearly full, in words. A core whose heap overflows loses every stream at once,
 * so another one takes over while this one can still finish what it has.
 */
export function watchHeap(onFull: (cause: string) => void, heap = getHeapStatistics): void {
  let looks = 0;
  const timer = setInterval(() => {
    const { used_heap_size: used, heap_size_limit: limit } = heap();
    looks = used > limit * heapShareMax ? looks + 1 : 0;
    if (looks < looksMin) return;
    clearInterval(timer);
    onFull(`${mebibytes(used)} of ${mebibytes(limit)} MiB of the heap are in use`);
  }, lookEveryMs);
  timer.unref();
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / (1024 * 1024));
}
