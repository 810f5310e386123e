import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DoubtedWorkers } from './doubted-workers.ts';
import type { ProcessName } from './worker.ts';

const first = { generation: 1, worker: 2 };
const later = { generation: 4, worker: 2 };
let asked: ProcessName[];
let doubted: DoubtedWorkers;
beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  doubted = new DoubtedWorkers((process) => asked.push(process), 10_000);
});
afterEach(() => vi.useRealTimers());

describe('a worker in doubt', () => {
  it('is replaced at once, and only once', () => {
    expect(doubted.add(first, 'tainted', { waitMs: 0 })).toBe(true);
    expect(doubted.add(first, 'hanging', { waitMs: 0 })).toBe(false);
    vi.advanceTimersByTime(60_000);
    expect(asked).toEqual([first]);
    expect(doubted.isDoubted(first, 'tainted')).toBe(true);
  });

  it('waits for its time', () => {
    doubted.add(later, 'tainted', { waitMs: 6_000 });
    vi.advanceTimersByTime(5_999);
    expect(asked).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(asked).toEqual([later]);
  });

  it('is replaced again later when that failed', () => {
    doubted.add(first, 'tainted', { waitMs: 0 });
    vi.advanceTimersByTime(0);
    doubted.tryAgain(first);
    vi.advanceTimersByTime(9_999);
    expect(asked).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(asked).toHaveLength(2);
  });

  it('is left alone once the doubt is gone', () => {
    doubted.add(later, 'hanging', { waitMs: 6_000 });
    doubted.forget(later);
    doubted.tryAgain(later);
    vi.advanceTimersByTime(60_000);
    expect(asked).toEqual([]);
  });
});
