import { describe, expect, it } from 'vitest';
import { createBodyMemory } from './body-memory.ts';

describe('memory for bodies', () => {
  it('is used again only when a body is retired and its batch is stored', () => {
    const memory = createBodyMemory(1_000_000);
    const first = memory.take(300_000).fill('a');
    memory.retire(first);
    const second = memory.take(300_000).fill('b');
    expect(first.every((byte) => byte === 97)).toBe(true);
    memory.recycle();
    const third = memory.take(290_000);
    expect(third.length).toBe(290_000);
    expect(third.buffer).toBe(first.buffer);
    expect(memory.take(300_000).buffer).not.toBe(second.buffer);
  });

  it('keeps no more than it may and never hands a block to two bodies', () => {
    const memory = createBodyMemory(1_000_000);
    for (let round = 0; round < 20; round += 1) {
      const bodies = Array.from({ length: 8 }, (_, n) => memory.take(100_000 + n * 60_000));
      expect(new Set(bodies.map(({ buffer }) => buffer)).size).toBe(8);
      for (const body of bodies) memory.retire(body);
      memory.recycle();
    }
    const huge = memory.take(5_000_000);
    memory.retire(huge);
    memory.recycle();
    expect(memory.take(5_000_000).buffer).not.toBe(huge.buffer);
  });
});
