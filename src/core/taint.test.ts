import type { getHeapStatistics } from 'node:v8';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { watchHeap } from './taint.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** What is used of a heap of 100 MiB at each look. */
function told(used: readonly number[]): string[] {
  const causes: string[] = [];
  const looks = [...used];
  const mebibyte = 1024 * 1024;
  const heap = () => ({ used_heap_size: (looks.shift() ?? 0) * mebibyte, heap_size_limit: 100 * mebibyte });
  watchHeap((cause) => causes.push(cause), heap as typeof getHeapStatistics);
  vi.advanceTimersByTime(used.length * 1_000);
  return causes;
}

it('CR-03: a heap that stays nearly full is told once', () => {
  expect(told([10, 80, 81, 90, 95])).toEqual(['81 of 100 MiB of the heap are in use']);
});

it('a heap that is full between two collections is nothing to tell', () => {
  expect(told([80, 20, 90, 30, 60])).toEqual([]);
});
