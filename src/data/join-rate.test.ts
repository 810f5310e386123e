import { expect, it } from 'vitest';
import type { JoinRate } from '#store';
import { createJoinRate } from './join-rate.ts';
import type { QueryThread } from './query-thread/start.ts';

const counted: JoinRate = {
  answers: 2,
  matched: 1,
  recordedAnswers: 2,
  recordedMatched: 1,
  mismatched: 0,
};

/** A count of the query thread that takes so long on the clock of the test. */
function startCounting(tookMs: number) {
  const clock = { ms: 0, counts: 0 };
  const ask = async () => {
    clock.counts += 1;
    clock.ms += tookMs;
    return counted;
  };
  const rate = createJoinRate({ ask: ask as QueryThread['ask'] }, () => clock.ms);
  /** Asks at that time, and lets a count that began come to its end. */
  async function rateAt(ms: number): Promise<JoinRate | undefined> {
    clock.ms = ms;
    const known = rate();
    await new Promise(setImmediate);
    return known;
  }
  return { clock, rateAt };
}

it('health says the rate that was counted last, and counts anew when that is some seconds ago', async () => {
  const { clock, rateAt } = startCounting(10);
  expect(await rateAt(0)).toBeUndefined();
  expect(await rateAt(100)).toEqual(counted);
  await rateAt(5_000);
  expect(clock.counts).toBe(1);
  await rateAt(5_100);
  expect(clock.counts).toBe(2);
});

it('a count that takes long is paused twenty times as long', async () => {
  const { clock, rateAt } = startCounting(1_000);
  await rateAt(0);
  await rateAt(20_900);
  expect(clock.counts).toBe(1);
  await rateAt(21_100);
  expect(clock.counts).toBe(2);
});
