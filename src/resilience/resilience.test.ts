import { describe, expect, it } from 'vitest';
import {
  type BreakerOptions,
  type BreakerState,
  breakerAdmits,
  closedBreaker,
  courseBegins,
  firstStep,
  type Move,
  nextMove,
  noteOutcome,
  type Outcome,
  outcomeOfAnswer,
  type RetryPolicy,
  StickySteps,
} from './index.ts';

/** Everything here happens on a clock that the test moves. */
const answered = (status: number, headers: readonly string[] = []): Outcome =>
  outcomeOfAnswer(status, headers, Date.UTC(2026, 0, 1));
const reset: Outcome = { kind: 'no-answer', cause: 'ECONNRESET' };
const policy: RetryPolicy = {
  max: 2,
  statuses: [429, 500, 502, 503, 504, 529],
  onNoAnswer: true,
  waitMsMax: 30_000,
};

interface Way {
  readonly retry?: RetryPolicy;
  readonly steps?: readonly string[];
  readonly mayChange?: boolean;
  readonly open?: readonly number[];
  readonly random?: number;
}

/** What happens to a request whose tries go as listed. */
function moves(outcomes: readonly Outcome[], way: Way = {}): Move[] {
  const { retry = policy, steps = ['a'], mayChange = true, open = [], random = 0.5 } = way;
  const options = { steps: steps.map((name) => ({ name, retry })), mayChange };
  let course = courseBegins();
  const made: Move[] = [];
  for (const outcome of outcomes) {
    const move = nextMove(course, outcome, options, { random, isOpen: (step) => open.includes(step) });
    made.push(move);
    if (move.kind === 'take') break;
    course = move.course;
  }
  return made;
}

const kinds = (made: readonly Move[]) => made.map(({ kind }) => kind);

describe('a retry', () => {
  it('follows a 529, and what then comes goes to the client', () => {
    const [first, second] = moves([answered(529), answered(200)]);
    expect(first).toMatchObject({ kind: 'again', waitMs: 250, reason: 'tried again after 0.3 s' });
    expect(second).toEqual({ kind: 'take' });
  });

  it('waits twice as long each time, up to 8 s, anywhere between nothing and that', () => {
    const retry = { ...policy, max: 9, waitMsMax: 600_000 };
    const waits = (random: number) =>
      moves(
        Array.from({ length: 8 }, () => reset),
        { retry, random },
      ).map((move) => (move.kind === 'again' ? move.waitMs : -1));
    expect(waits(1)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000, 8_000]);
    expect(waits(0)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('waits as long as Retry-After asks, in seconds, milliseconds or until a date', () => {
    const waitOf = (...headers: string[]) => moves([answered(429, headers)])[0];
    expect(waitOf('Retry-After', '7')).toMatchObject({ kind: 'again', waitMs: 7_000 });
    expect(waitOf('retry-after-ms', '1200')).toMatchObject({ waitMs: 1_200 });
    expect(waitOf('Retry-After', 'Thu, 01 Jan 2026 00:00:05 GMT')).toMatchObject({ waitMs: 5_000 });
    expect(waitOf('Retry-After', 'Wed, 31 Dec 2025 23:00:00 GMT')).toMatchObject({ waitMs: 0 });
    expect(waitOf('Retry-After', 'soon')).toMatchObject({ waitMs: 250 });
  });

  it('is left to the client when Retry-After asks for more than is allowed', () => {
    expect(moves([answered(429, ['retry-after', '120'])])).toEqual([
      { kind: 'take', reason: 'asks to wait 120 s, 30 s are allowed' },
    ]);
  });

  it('counts all waits of a request together', () => {
    const slow = answered(503, ['retry-after', '20']);
    expect(moves([slow, slow])).toMatchObject([
      { kind: 'again', waitMs: 20_000 },
      { kind: 'take', reason: 'asks to wait 20 s, 10 s are allowed' },
    ]);
  });

  it('ends after the last try that is allowed, and 0 allows none (P18)', () => {
    expect(kinds(moves([reset, reset, reset]))).toEqual(['again', 'again', 'take']);
    expect(moves([reset], { retry: { ...policy, max: 0 } })).toEqual([{ kind: 'take' }]);
  });

  it('never follows a mistake of the client, nor a provider that says it would not help', () => {
    for (const status of [400, 401, 403, 404, 413])
      expect(kinds(moves([answered(status)]))).toEqual(['take']);
    expect(kinds(moves([answered(529, ['x-should-retry', 'false'])]))).toEqual(['take']);
  });
});

const options: BreakerOptions = { failuresMax: 3, openMs: 30_000 };

/** A breaker on a clock that moves by one second with each outcome. */
function breakerAfter(outcomes: readonly Outcome[], from: BreakerState = closedBreaker, atMs = 0) {
  let state = from;
  let nowMs = atMs;
  for (const outcome of outcomes) {
    nowMs += 1_000;
    state = noteOutcome(state, { outcome, isProbe: false }, nowMs, options);
  }
  return state;
}

describe('a breaker', () => {
  it('opens after so many failures in a row, and keeps away what comes then', () => {
    const state = breakerAfter([answered(500), reset, answered(429)]);
    expect(state).toEqual({ kind: 'open', untilMs: 33_000 });
    expect(breakerAdmits(state, 32_999, options).isAdmitted).toBe(false);
  });

  it('begins to count anew after an answer that is well (P9: a 5xx is not one)', () => {
    const mixed = breakerAfter([reset, reset, answered(200), reset, answered(529)]);
    expect(mixed).toEqual({ kind: 'closed', failures: 2 });
  });

  it('is not moved by mistakes of clients, in either direction', () => {
    const state = breakerAfter([reset, answered(400), answered(404), reset, answered(401)]);
    expect(state).toEqual({ kind: 'closed', failures: 2 });
  });

  it('lets one request through when the pause is over, and keeps the others away until that is back', () => {
    const open = breakerAfter([reset, reset, reset]);
    const probe = breakerAdmits(open, 33_000, options);
    expect(probe).toEqual({
      state: { kind: 'half-open', probeUntilMs: 63_000 },
      isAdmitted: true,
      isProbe: true,
    });
    expect(breakerAdmits(probe.state, 33_001, options).isAdmitted).toBe(false);
  });

  it('closes with a probe that is well, and opens for another pause with one that is not', () => {
    const probing: BreakerState = { kind: 'half-open', probeUntilMs: 63_000 };
    expect(noteOutcome(probing, { outcome: answered(200), isProbe: true }, 40_000, options)).toEqual(
      closedBreaker,
    );
    expect(noteOutcome(probing, { outcome: answered(503), isProbe: true }, 40_000, options)).toEqual({
      kind: 'open',
      untilMs: 70_000,
    });
  });

  it('sends another probe when the first one told nothing about the provider, or never came back', () => {
    const probing: BreakerState = { kind: 'half-open', probeUntilMs: 63_000 };
    const told = noteOutcome(probing, { outcome: answered(400), isProbe: true }, 40_000, options);
    expect(breakerAdmits(told, 40_000, options).isAdmitted).toBe(true);
    expect(breakerAdmits(probing, 63_000, options).isAdmitted).toBe(true);
  });

  it('is moved by its probe alone: what was sent before it opened tells of the past, good or bad', () => {
    const open = breakerAfter([reset, reset, reset]);
    const probing: BreakerState = { kind: 'half-open', probeUntilMs: 63_000 };
    for (const outcome of [answered(200), answered(500), answered(400), reset]) {
      expect(breakerAfter([outcome], open, 20_000)).toEqual(open);
      expect(breakerAfter([outcome], probing, 40_000)).toEqual(probing);
    }
  });

  it('opens anew with a probe that comes back only after its time', () => {
    const open: BreakerState = { kind: 'open', untilMs: 70_000 };
    expect(noteOutcome(open, { outcome: reset, isProbe: true }, 80_000, options)).toEqual({
      kind: 'open',
      untilMs: 110_000,
    });
  });
});

describe('a fallback', () => {
  it('follows the last try, and says who takes over from whom and why', () => {
    const retry = { ...policy, max: 1 };
    const made = moves([answered(529), answered(529), answered(200)], { steps: ['a', 'b:model'], retry });
    expect(made).toMatchObject([
      { kind: 'again' },
      {
        kind: 'step',
        reason: 'b:model takes over: a answered 529 at the last of 2 tries',
        course: { step: 1, tries: 1 },
      },
      { kind: 'take' },
    ]);
  });

  it('goes down the whole chain, passing over who is broken off', () => {
    const retry = { ...policy, max: 0 };
    const made = moves([reset, reset, reset], { steps: ['a', 'b', 'c', 'd'], open: [1], retry });
    expect(made.map((move) => (move.kind === 'step' ? move.course.step : move.kind))).toEqual([2, 3, 'take']);
  });

  it('comes at once when the breaker has opened, without the tries that are left', () => {
    expect(moves([reset], { steps: ['a', 'b'], open: [0] })).toMatchObject([{ kind: 'step' }]);
  });

  it('never follows a mistake of the client', () => {
    expect(kinds(moves([answered(400)], { steps: ['a', 'b'] }))).toEqual(['take']);
  });

  it('never comes in the middle of a turn', () => {
    const made = moves([reset], { steps: ['a', 'b'], mayChange: false, retry: { ...policy, max: 0 } });
    expect(made).toEqual([{ kind: 'take', reason: 'no other provider takes over in the middle of a turn' }]);
  });
});

const nobodyOpen = () => false;

describe('a conversation that was taken over', () => {
  it('stays where it is until its turn ends, however long that takes', () => {
    const sticky = { step: 1, untilMs: 1_000 };
    const middle = { sticky, isTurnStart: false, steps: 2, nowMs: 9_000, isOpen: nobodyOpen };
    expect(firstStep(middle)).toEqual({ step: 1, reason: 'the turn was begun there' });
  });

  it('stays for further turns, and goes back when its time is over', () => {
    const sticky = { step: 1, untilMs: 1_000 };
    const turn = { sticky, isTurnStart: true, steps: 2, isOpen: nobodyOpen };
    expect(firstStep({ ...turn, nowMs: 999 })).toMatchObject({ step: 1 });
    expect(firstStep({ ...turn, nowMs: 1_000 })).toEqual({ step: 0 });
  });

  it('begins a turn with the next one when who it has is broken off, and with the first when all are', () => {
    const turn = { sticky: undefined, isTurnStart: true, steps: 3, nowMs: 0 };
    expect(firstStep({ ...turn, isOpen: (step) => step < 2 })).toEqual({
      step: 2,
      reason: 'those before it are broken off',
    });
    expect(firstStep({ ...turn, isOpen: () => true })).toEqual({ step: 0 });
  });

  it('is forgotten when it is back, and when there are too many', () => {
    const steps = new StickySteps({ holdMs: 1_000, entriesMax: 2 });
    steps.note('one', 1, 0);
    steps.note('one', 1, 500);
    expect(steps.get('one')).toEqual({ step: 1, untilMs: 1_000 });
    steps.note('one', 0, 600);
    expect(steps.get('one')).toBeUndefined();
    for (const name of ['two', 'three', 'four']) steps.note(name, 1, 0);
    expect(steps.get('two')).toBeUndefined();
    expect(steps.get('four')).toBeDefined();
  });
});
