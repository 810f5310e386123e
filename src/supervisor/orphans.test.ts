import { expect, it } from 'vitest';
import { superseded } from './orphans.ts';

const orphan = (
  pid: number,
  generation: number,
  more: Partial<Parameters<typeof superseded>[0][number]> = {},
) => ({
  pid,
  generation,
  worker: 1,
  isReady: true,
  isDraining: false,
  ...more,
});

it('of orphans that serve, the newest generation of each worker is enough', () => {
  expect(superseded([])).toEqual([]);
  expect(superseded([orphan(1, 1)])).toEqual([]);
  expect(superseded([orphan(1, 1), orphan(3, 3), orphan(2, 2, { isReady: false })])).toEqual([1, 2]);
  expect(superseded([orphan(1, 1), orphan(2, 2, { worker: 2 })])).toEqual([]);
});

it('an orphan that is not ready or drains replaces nobody, and one that drains needs nothing more', () => {
  expect(superseded([orphan(1, 1), orphan(2, 2, { isReady: false })])).toEqual([]);
  expect(superseded([orphan(1, 1), orphan(2, 2, { isDraining: true })])).toEqual([]);
  expect(superseded([orphan(1, 1, { isDraining: true }), orphan(2, 2)])).toEqual([]);
});
