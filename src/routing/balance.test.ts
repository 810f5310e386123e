import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BalanceCandidate } from '#core-config';
import { type Counts, chooseAmong, counted, leastUsed } from './balance.ts';
import { placeOf } from './place.ts';

const candidate = (provider: string, weight: number, score = 0): BalanceCandidate => ({
  provider,
  weight,
  score,
});
const nobodyIsOpen = () => false;
const choose = (
  candidates: readonly BalanceCandidate[],
  more: Partial<Parameters<typeof chooseAmong>[1]> = {},
) =>
  chooseAmong(
    { by: 'cost', candidates },
    { session: undefined, counts: undefined, isOpen: nobodyIsOpen, ...more },
  );

/** Who is chosen in this many requests without a session. */
function shares(candidates: readonly BalanceCandidate[], times: number, open: readonly string[] = []) {
  const chosen: string[] = [];
  let counts: Counts | undefined;
  for (let i = 0; i < times; i += 1) {
    const next = choose(candidates, { counts, isOpen: (provider) => open.includes(provider) });
    chosen.push(next.candidate.provider);
    counts = next.counts;
  }
  return chosen;
}

describe('providers that share the work', () => {
  it('P19: get requests without a session by their weights', () => {
    const chosen = shares([candidate('a', 3), candidate('b', 1)], 8);
    expect(chosen).toEqual(['a', 'b', 'a', 'a', 'a', 'b', 'a', 'a']);
  });

  it('P15: are chosen in the same way every time', () => {
    const three = [candidate('c', 1), candidate('a', 1), candidate('b', 1)];
    expect(shares(three, 6)).toEqual(['c', 'a', 'b', 'c', 'a', 'b']);
    expect(shares(three, 6)).toEqual(shares(three, 6));
  });

  it('are never chosen with weight 0, unless all have it', () => {
    expect(new Set(shares([candidate('a', 1), candidate('b', 0)], 20))).toEqual(new Set(['a']));
    expect(shares([candidate('a', 0), candidate('b', 0)], 4)).toEqual(['a', 'b', 'a', 'b']);
  });

  it('are the best three; the fourth is a reserve', () => {
    const four = ['a', 'b', 'c', 'd'].map((name) => candidate(name, 1));
    expect(new Set(shares(four, 20))).toEqual(new Set(['a', 'b', 'c']));
    expect(new Set(shares(four, 20, ['b']))).toEqual(new Set(['a', 'c', 'd']));
  });

  it('are left out while they are broken off, and the reason says so', () => {
    const two = [candidate('a', 1), candidate('b', 1)];
    const left = choose(two, { isOpen: (provider) => provider === 'a' });
    expect(left.candidate.provider).toBe('b');
    expect(left.reason).toBe('the only one left by cost, 1 of 2 broken off');
    const none = choose(two, { isOpen: () => true });
    expect(none.candidate.provider).toBe('a');
    expect(none.reason).toBe('best by cost, although all are broken off');
  });

  it('are broken off by model', () => {
    const models = [
      { ...candidate('a', 1), model: 'm' },
      { ...candidate('a', 1), model: 'n' },
    ];
    const left = choose(models, { isOpen: (_provider, model) => model === 'm' });
    expect(left.candidate.model).toBe('n');
  });

  it('are not counted when there is no choice', () => {
    expect(choose([candidate('a', 1)]).counts).toBeUndefined();
  });

  it('forget half of their counts before these grow without end, and keep the proportion', () => {
    expect(counted([1500, 500], 1)).toEqual([750, 250]);
    expect(counted([1499, 500], 1)).toEqual([1499, 501]);
  });

  it('are never further from their share than one request', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 200 }), (all, times) => {
        let counts: Counts = all.map(() => 0);
        for (let i = 0; i < times; i += 1) counts = counted(counts, leastUsed(counts, all));
        const total = all.reduce((sum, weight) => sum + weight, 0);
        // Each got at most one more than the weight of another one's request is worth.
        for (const [index, count] of counts.entries())
          expect(count).toBeLessThanOrEqual((times * all[index]!) / total + all[index]!);
      }),
    );
  });
});

describe('the place of a session', () => {
  const three = [candidate('a', 1), candidate('b', 1), candidate('c', 2)];
  const placeAmong = (session: string, open: readonly string[] = []) =>
    choose(three, { session, isOpen: (provider) => open.includes(provider) }).candidate.provider;
  const sessions = Array.from({ length: 2000 }, (_, i) => `session-${i}`);

  it('stays, whatever others do and however the candidates are ordered', () => {
    for (const session of sessions.slice(0, 100)) {
      const place = placeAmong(session);
      const turned = choose(three.toReversed(), { session }).candidate.provider;
      expect(turned).toBe(place);
    }
  });

  it('is spread by weight', () => {
    const inC = sessions.filter((session) => placeAmong(session) === 'c').length;
    expect(inC / sessions.length).toBeGreaterThan(0.45);
    expect(inC / sessions.length).toBeLessThan(0.55);
  });

  it('changes only for the sessions of a provider that is broken off, and only while it is', () => {
    for (const session of sessions.slice(0, 200)) {
      const place = placeAmong(session);
      const without = placeAmong(session, ['a']);
      if (place === 'a') expect(without).not.toBe('a');
      else expect(without).toBe(place);
    }
  });

  it('is said in the reason', () => {
    expect(choose(three, { session: 's' }).reason).toMatch(
      /^the place of this session, share [12] of 4 by cost$/,
    );
  });

  it('exists for every name and weight', () => {
    const weights = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(fc.string(), weights, (name, all) => {
        const place = placeOf(name, all.map(String), all);
        expect(place).toBeGreaterThanOrEqual(0);
        if (all.some((weight) => weight > 0)) expect(all[place]).toBeGreaterThan(0);
      }),
    );
  });
});
