import { expect, it } from 'vitest';
import { Pace } from './pace.ts';

it('a rate is told when enough was seen, and says when the rest will be done', () => {
  const pace = new Pace();
  expect(pace.perSecond).toBeUndefined();
  pace.note(0, 100);
  pace.note(500, 150);
  expect([pace.perSecond, pace.secondsFor(10)]).toEqual([undefined, undefined]);
  pace.note(2_000, 300);
  expect(pace.perSecond).toBe(100);
  expect([pace.secondsFor(250), pace.secondsFor(0), pace.secondsFor(-3)]).toEqual([2.5, 0, 0]);
});

it('a rate is that of the last half minute, however often is looked', () => {
  const pace = new Pace();
  // A hundred a second, then one.
  for (let atMs = 0; atMs <= 100_000; atMs += 20) pace.note(atMs, atMs / 10);
  for (let atMs = 100_020; atMs <= 200_000; atMs += 20) pace.note(atMs, 10_000 + (atMs - 100_000) / 1000);
  expect(pace.perSecond).toBeCloseTo(1, 3);
});

it('what stands still is never done, and what begins anew has a pace of its own', () => {
  const pace = new Pace();
  pace.note(0, 50);
  pace.note(5_000, 50);
  expect([pace.perSecond, pace.secondsFor(1)]).toEqual([0, undefined]);
  pace.note(6_000, 0);
  expect(pace.perSecond).toBeUndefined();
  pace.note(8_000, 20);
  expect(pace.perSecond).toBe(10);
});
