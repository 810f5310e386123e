import { describe, expect, it } from 'vitest';
import {
  admit,
  type BreakerChange,
  type BreakerState,
  closedBreaker,
  judge,
  pauseLeftMs,
} from './breaker.ts';
import type { Outcome } from './outcome.ts';

const options = { failuresMax: 3, pauseMs: 30_000 };
const works: Outcome = { kind: 'answered', status: 200 };
const answered = (status: number): Outcome => ({ kind: 'answered', status });
const broken: Outcome = { kind: 'no-answer', why: 'connection' };

/** A breaker with a clock that only this test moves. */
class Moved {
  nowMs = 1_000_000;
  state: BreakerState = closedBreaker;

  ask(): 'given' | 'as-probe' | 'refused' {
    const { state, leave } = admit(this.state, this.nowMs);
    this.state = state;
    return leave;
  }

  report(outcome: Outcome, isProbe = false): BreakerChange | undefined {
    const { state, change } = judge(this.state, { outcome, isProbe }, this.nowMs, options);
    this.state = state;
    return change;
  }

  broken(): this {
    for (let i = 0; i < options.failuresMax; i += 1) this.report(answered(529));
    return this;
  }
}

describe('a breaker', () => {
  it.each([
    ['P9: an answer with 500', answered(500)],
    ['P9: an answer with 503', answered(503)],
    ['P9: an answer with 529', answered(529)],
    ['P9: an answer with 429', answered(429)],
    ['an answer with 408', answered(408)],
    ['a connection that fails', broken],
    ['silence', { kind: 'no-answer', why: 'timeout' } as const],
  ])('%s counts, and the third in a row opens it', (_, outcome) => {
    const breaker = new Moved();
    expect([breaker.report(outcome), breaker.report(outcome)]).toEqual([undefined, undefined]);
    expect(breaker.ask()).toBe('given');
    expect(breaker.report(outcome)).toBe('opened');
    expect(breaker.ask()).toBe('refused');
  });

  it.each([400, 401, 403, 404, 413, 422])(
    'an answer with %d never opens it: that is the client',
    (status) => {
      const breaker = new Moved();
      for (let i = 0; i < 100; i += 1) expect(breaker.report(answered(status))).toBeUndefined();
      expect(breaker.ask()).toBe('given');
    },
  );

  it('is not opened by clients that leave', () => {
    const breaker = new Moved();
    for (let i = 0; i < 100; i += 1) breaker.report({ kind: 'abandoned' });
    expect(breaker.ask()).toBe('given');
  });

  it('begins to count anew after a success', () => {
    const breaker = new Moved();
    for (const outcome of [broken, broken, works, broken, broken]) breaker.report(outcome);
    expect(breaker.ask()).toBe('given');
  });

  it('goes on counting over a mistake of the client', () => {
    const breaker = new Moved();
    for (const outcome of [broken, broken, answered(404), broken]) breaker.report(outcome);
    expect(breaker.ask()).toBe('refused');
  });

  it('refuses for the whole pause and says how much of it is left', () => {
    const breaker = new Moved().broken();
    breaker.nowMs += 29_999;
    expect(breaker.ask()).toBe('refused');
    expect(pauseLeftMs(breaker.state, breaker.nowMs)).toBe(1);
  });

  it('lets one request through after the pause, and no second one beside it', () => {
    const breaker = new Moved().broken();
    breaker.nowMs += 30_000;
    expect([breaker.ask(), breaker.ask(), breaker.ask()]).toEqual(['as-probe', 'refused', 'refused']);
  });

  it('closes when the probe has an answer', () => {
    const breaker = new Moved().broken();
    breaker.nowMs += 30_000;
    breaker.ask();
    expect(breaker.report(works, true)).toBe('closed');
    expect([breaker.ask(), breaker.ask()]).toEqual(['given', 'given']);
  });

  it('opens for another pause when the probe fails', () => {
    const breaker = new Moved().broken();
    breaker.nowMs += 30_000;
    breaker.ask();
    expect(breaker.report(answered(503), true)).toBe('opened');
    breaker.nowMs += 29_999;
    expect(breaker.ask()).toBe('refused');
    breaker.nowMs += 1;
    expect(breaker.ask()).toBe('as-probe');
  });

  it.each([
    ['whose client left', { kind: 'abandoned' } as const],
    ['that the provider refused as a mistake', answered(400)],
  ])('makes the next request the probe after one %s', (_, outcome) => {
    const breaker = new Moved().broken();
    breaker.nowMs += 30_000;
    breaker.ask();
    expect(breaker.report(outcome, true)).toBeUndefined();
    expect(breaker.ask()).toBe('as-probe');
  });

  it('does not listen to what was sent before it opened, neither while it is open nor beside a probe', () => {
    const breaker = new Moved().broken();
    breaker.report(works);
    expect(breaker.ask()).toBe('refused');
    breaker.nowMs += 30_000;
    breaker.ask();
    breaker.report(works);
    breaker.report(broken);
    expect(breaker.ask()).toBe('refused');
    expect(breaker.report(works, true)).toBe('closed');
  });

  it('does not wait for ever for a probe that nobody hears of again', () => {
    const breaker = new Moved().broken();
    breaker.nowMs += 30_000;
    breaker.ask();
    breaker.nowMs += 15 * 60_000;
    expect(breaker.ask()).toBe('as-probe');
  });

  it('stays open when the clock is put back, and not longer than it would have', () => {
    const breaker = new Moved().broken();
    const until = breaker.nowMs + 30_000;
    breaker.nowMs -= 5_000;
    expect(breaker.ask()).toBe('refused');
    breaker.nowMs = until;
    expect(breaker.ask()).toBe('as-probe');
  });
});
