import { describe, expect, it } from 'vitest';
import { outcomeOf } from './outcome.ts';

describe('the outcome of an exchange', () => {
  it.each([
    ['finished', true, false, 'complete'],
    ['finished', false, false, 'complete'],
    ['finished', false, true, 'complete'],
    ['client-gone', true, false, 'complete'],
    ['client-gone', false, false, 'client-aborted'],
    ['client-gone', false, true, 'upstream-failed'],
    ['upstream-broken', false, false, 'upstream-failed'],
    ['timed-out', false, false, 'upstream-failed'],
    ['answered-by-us', true, false, 'upstream-failed'],
    ['cut', false, false, 'interrupted'],
    ['cut', true, false, 'complete'],
    [undefined, false, false, 'interrupted'],
    [undefined, true, false, 'interrupted'],
  ] as const)(
    'end %s, answer whole %s, error in the stream %s: %s',
    (end, isAnswerWhole, hasStreamError, outcome) => {
      expect(outcomeOf({ end, isAnswerWhole, hasStreamError })).toBe(outcome);
    },
  );
});
