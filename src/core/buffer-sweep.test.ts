import { expect, it } from 'vitest';
import { BufferSweep } from './buffer-sweep.ts';

it('buffers are swept once for each 8 MiB of bodies', () => {
  let sweeps = 0;
  const sweep = new BufferSweep(() => {
    sweeps += 1;
  });
  for (let i = 0; i < 127; i += 1) sweep.passed(65_536);
  expect(sweeps).toBe(0);
  sweep.passed(65_536);
  expect(sweeps).toBe(1);
  for (let i = 0; i < 256; i += 1) sweep.passed(65_536);
  expect(sweeps).toBe(3);
});
