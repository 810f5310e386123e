import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Roster } from './roster.ts';

describe('a roster', () => {
  it('lists those who came and have not left', () => {
    const roster = new Roster<Guest>();
    const [ada, ben, cas, dee] = [new Guest(), new Guest(), new Guest(), new Guest()];
    for (const guest of [ada, ben, cas]) roster.add(guest);
    expect(roster.delete(ada)).toBe(true);
    roster.add(dee);
    expect(roster.delete(dee)).toBe(true);
    expect(roster.size).toBe(2);
    expect(new Set(roster.list())).toEqual(new Set([ben, cas]));
  });

  it('tells whether somebody was here, so that leaving twice counts once', () => {
    const roster = new Roster<Guest>();
    const [ada, ben] = [new Guest(), new Guest()];
    roster.add(ada);
    roster.add(ada);
    expect(roster.size).toBe(1);
    expect(roster.delete(ben)).toBe(false);
    expect(roster.delete(ada)).toBe(true);
    expect(roster.delete(ada)).toBe(false);
    roster.add(ada);
    expect(roster.list()).toEqual([ada]);
  });

  it('can be read while members leave', () => {
    const roster = new Roster<Guest>();
    const guests = Array.from({ length: 5 }, () => new Guest());
    for (const guest of guests) roster.add(guest);
    for (const guest of roster.list()) roster.delete(guest);
    expect(roster.size).toBe(0);
  });

  it('keeps nobody in memory who has left, though only the young are collected', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void;
    const roster = new Roster<Guest>();
    const here: Guest[] = [];
    const pass = (count: number): void => {
      for (let i = 0; i < count; i += 1) {
        const guest = new Guest();
        roster.add(guest);
        if (here.push(guest) > 8) roster.delete(here.shift()!);
      }
    };
    pass(20);
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let round = 0; round < 10; round += 1) {
      pass(500);
      collect({ type: 'minor' });
    }
    // 5,000 guests with their luggage are 10 MB, and a Set keeps them all.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(4_000_000);
  });
});

class Guest {
  rosterPlace = -1;
  readonly luggage = new Array<number>(250).fill(1.5);
}
