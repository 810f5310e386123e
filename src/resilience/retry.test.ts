import { describe, expect, it } from 'vitest';
import type { RetrySettings } from '#core-config';
import type { Outcome } from './outcome.ts';
import { noRetries, type RetryDecision, type RetryState, retryAfterMs, retryOrNot } from './retry.ts';

const nowMs = Date.parse('Tue, 24 Nov 2026 10:00:00 GMT');
const settings: RetrySettings = { max: 3, on: [429, 500, 529, 'connection'], maxWaitMs: 30_000 };
const answered = (status: number, more: { retryAfter?: string; shouldRetry?: string } = {}): Outcome => ({
  kind: 'answered',
  status,
  ...more,
});
const broken: Outcome = { kind: 'no-answer', why: 'connection' };

function decide(
  outcome: Outcome,
  more: Partial<RetrySettings> & { state?: RetryState; jitter?: number } = {},
): RetryDecision {
  const { state = noRetries, jitter = 0.5, ...rest } = more;
  return retryOrNot(state, outcome, nowMs, { ...settings, ...rest, jitter });
}

/** Waits between the tries until it is given up, with the same jitter each time. */
function waits(outcome: Outcome, more: Partial<RetrySettings> & { jitter: number }): number[] {
  const all: number[] = [];
  let state = noRetries;
  for (;;) {
    const decision = decide(outcome, { ...more, state });
    if (decision.kind === 'give-up') return all;
    all.push(decision.waitMs);
    state = decision.state;
  }
}

describe('a retry', () => {
  it('P18: is never made when the configuration says 0', () => {
    for (const outcome of [answered(529), answered(429, { retryAfter: '0' }), broken]) {
      expect(decide(outcome, { max: 0 })).toMatchObject({ kind: 'give-up' });
    }
  });

  it('is made as often as allowed, and not once more', () => {
    expect(waits(answered(529), { jitter: 0 })).toHaveLength(3);
    expect(decide(answered(529), { state: { retries: 3, waitedMs: 0 } })).toEqual({
      kind: 'give-up',
      why: 'answered 529, and 3 retries were allowed',
    });
  });

  it('P11: waits up to a bound that doubles, drawn from the whole span, and never longer than eight seconds', () => {
    expect(waits(answered(500), { jitter: 0.999_999_9, max: 7, maxWaitMs: 1e6 })).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000,
    ]);
    expect(waits(answered(500), { jitter: 0.5 })).toEqual([250, 500, 1_000]);
    expect(waits(answered(500), { jitter: 0 })).toEqual([0, 0, 0]);
  });

  it('P11: waits as many seconds as the provider asks for, and a little more so that not all come back at once', () => {
    expect(decide(answered(429, { retryAfter: '2' }), { jitter: 0 })).toMatchObject({ waitMs: 2_000 });
    expect(decide(answered(429, { retryAfter: '2' }), { jitter: 0.5 })).toMatchObject({ waitMs: 2_250 });
    expect(decide(answered(429, { retryAfter: '20' }), { jitter: 0.5 })).toMatchObject({ waitMs: 20_500 });
  });

  it('waits until the date that the provider names', () => {
    const retryAfter = 'Tue, 24 Nov 2026 10:00:07 GMT';
    expect(decide(answered(429, { retryAfter }), { jitter: 0 })).toMatchObject({ waitMs: 7_000 });
    const past = 'Tue, 24 Nov 2026 09:00:00 GMT';
    expect(decide(answered(429, { retryAfter: past }), { jitter: 0 })).toMatchObject({ waitMs: 0 });
  });

  it('is not made sooner than the provider asked for: when that is too long, the client is told', () => {
    expect(decide(answered(429, { retryAfter: '31' }))).toEqual({
      kind: 'give-up',
      why: 'answered 429 and asked for a wait of 31 s, more than the 30 s left',
    });
    const state = { retries: 1, waitedMs: 29_000 };
    expect(decide(answered(429, { retryAfter: '2' }), { state })).toMatchObject({ kind: 'give-up' });
  });

  it('never waits longer for one request than allowed, all waits together', () => {
    const all = waits(answered(500), { jitter: 0.999_999_9, max: 10, maxWaitMs: 5_000 });
    expect(all.reduce((sum, ms) => sum + ms)).toBe(5_000);
  });

  it('goes by what the provider says with x-should-retry', () => {
    expect(decide(answered(529, { shouldRetry: 'false' }))).toMatchObject({ kind: 'give-up' });
    expect(decide(answered(529, { shouldRetry: 'true' }))).toMatchObject({ kind: 'retry' });
    expect(decide(answered(400, { shouldRetry: 'true' }))).toMatchObject({ kind: 'give-up' });
  });

  it('is made after nothing but what the configuration lists', () => {
    for (const status of [200, 400, 401, 403, 404, 413, 502, 503]) {
      expect(decide(answered(status)).kind, String(status)).toBe('give-up');
    }
    expect(decide({ kind: 'no-answer', why: 'timeout' }).kind).toBe('give-up');
    expect(decide({ kind: 'no-answer', why: 'timeout' }, { on: ['timeout'] }).kind).toBe('retry');
    expect(decide(broken, { on: [529] }).kind).toBe('give-up');
    expect(decide(broken).kind).toBe('retry');
  });

  it('is not made for a client that has left', () => {
    expect(decide({ kind: 'abandoned' }).kind).toBe('give-up');
  });
});

describe('Retry-After', () => {
  it.each([
    ['0', 0],
    [' 3 ', 3_000],
    ['1.5', 1_500],
    ['Tuesday, 24-Nov-26 10:00:01 GMT', 1_000],
  ])('%j is %d ms', (value, ms) => expect(retryAfterMs(value, nowMs)).toBe(ms));

  it.each(['', '-1', 'soon', '1e9', '9999999999', 'NaN', '2026-11-24', `${'1'.repeat(5000)} GMT`])(
    '%j is nothing that could be waited for',
    (value) => expect(retryAfterMs(value, nowMs)).toBeUndefined(),
  );
});
