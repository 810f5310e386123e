import { describe, expect, it } from 'vitest';
import { type Candidacy, electionDelayMs, type OrphanView, orphanStep } from './orphan-step.ts';

/** Sees nobody, and has been alone for a moment. */
const alone: OrphanView = {
  nowMs: 100_000,
  hasPlace: true,
  hasSupervisor: false,
  joinsAtMs: 0,
  hasElector: false,
  hopeAtMs: 99_900,
  candidacy: { kind: 'none' },
};
const candidacies: readonly Candidacy[] = [
  { kind: 'none' },
  { kind: 'open', standsAtMs: 0 },
  { kind: 'elected', startsAtMs: 0 },
  { kind: 'starting', startedAtMs: 99_000 },
];
const open = { ...alone, candidacy: { kind: 'open', standsAtMs: 100_000 } } as const;

describe('a service without a supervisor', () => {
  it.each(candidacies)('joins a supervisor whatever it was about to do: %j', (candidacy) => {
    expect(orphanStep({ ...alone, candidacy, hasSupervisor: true })).toBe('join');
  });

  it('does not ask one that did not answer again and again', () => {
    const asked = { ...alone, hasSupervisor: true, joinsAtMs: 100_500 };
    expect(orphanStep(asked)).toBe('wait');
    expect(orphanStep({ ...asked, nowMs: 100_500 })).toBe('join');
  });

  it.each(candidacies)('leaves when nobody will ever be found: %j', (candidacy) => {
    expect(orphanStep({ ...alone, candidacy, hasPlace: false })).toBe('leave');
  });

  it('that may not start one waits while somebody may, and a little longer', () => {
    expect(orphanStep({ ...alone, hopeAtMs: 0, hasElector: true })).toBe('wait');
    expect(orphanStep({ ...alone, hopeAtMs: 95_001 })).toBe('wait');
    expect(orphanStep({ ...alone, hopeAtMs: 95_000 })).toBe('leave');
  });

  it('that may start one stands for it when nobody else has the right, and never leaves', () => {
    expect(orphanStep({ ...open, hopeAtMs: 0 })).toBe('stand');
    expect(orphanStep({ ...open, hasElector: true })).toBe('wait');
    expect(orphanStep({ ...open, nowMs: 99_999 })).toBe('wait');
  });

  it('that was elected starts one when its time has come', () => {
    const elected = { ...alone, candidacy: { kind: 'elected', startsAtMs: 100_000 } } as const;
    expect(orphanStep(elected)).toBe('start');
    expect(orphanStep({ ...elected, nowMs: 99_999 })).toBe('wait');
  });

  it('gives up one that does not begin to work', () => {
    const starting = { ...alone, candidacy: { kind: 'starting', startedAtMs: 70_001 } } as const;
    expect(orphanStep(starting)).toBe('wait');
    expect(orphanStep({ ...starting, nowMs: 100_001 })).toBe('give-up');
  });
});

describe('the time until another supervisor is started', () => {
  it('is nothing at first, and grows with what goes wrong', () => {
    const afterFailedStarts = [0, 1, 2, 3, 4, 10, 1_000].map((failedStarts) =>
      electionDelayMs({ failedStarts, earlyDeaths: 0 }),
    );
    expect(afterFailedStarts).toEqual([0, 250, 500, 1_000, 2_000, 60_000, 60_000]);
    const afterEarlyDeaths = [0, 3, 4, 5, 6, 7, 8, 1_000].map((earlyDeaths) =>
      electionDelayMs({ failedStarts: 0, earlyDeaths }),
    );
    expect(afterEarlyDeaths).toEqual([0, 0, 250, 500, 1_000, 2_000, 2_000, 2_000]);
    expect(electionDelayMs({ failedStarts: 1, earlyDeaths: 8 })).toBe(2_000);
  });
});
