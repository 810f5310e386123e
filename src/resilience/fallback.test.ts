import { describe, expect, it } from 'vitest';
import { atTheBeginning, moved, startingStep } from './fallback.ts';

/** Conversations with a clock that only this test moves. */
class Moved {
  nowMs = 1_000_000;
  state = atTheBeginning;
  readonly options: { stayMs: number; steps: number };

  constructor(options: Partial<{ stayMs: number; steps: number }> = {}) {
    this.options = { stayMs: 0, steps: 3, ...options };
  }

  ask(conversation: string, place: 'turn begins' | 'turn goes on'): number {
    const isTurnStart = () => place === 'turn begins';
    const { state, step } = startingStep(this.state, { conversation, isTurnStart }, this.nowMs, this.options);
    this.state = state;
    return step;
  }

  move(conversation: string, step: number): this {
    this.state = moved(this.state, { conversation, step }, this.nowMs);
    return this;
  }
}

describe('a conversation', () => {
  it('begins at the first step, and nobody looks into its body for that', () => {
    const isTurnStart = () => {
      throw new Error('the body was looked at');
    };
    const options = { stayMs: 0, steps: 2 };
    expect(startingStep(atTheBeginning, { conversation: 'a', isTurnStart }, 0, options).step).toBe(0);
  });

  it('stays with who took over while its turn goes on', () => {
    const chain = new Moved().move('a', 1);
    for (let i = 0; i < 50; i += 1) {
      chain.nowMs += 10 * 60_000;
      expect(chain.ask('a', 'turn goes on')).toBe(1);
    }
  });

  it('goes back to the first step with its next turn', () => {
    const chain = new Moved().move('a', 2);
    expect(chain.ask('a', 'turn begins')).toBe(0);
    expect(chain.ask('a', 'turn goes on')).toBe(0);
  });

  it('stays for as long as it is told to, also over turns', () => {
    const chain = new Moved({ stayMs: 300_000 }).move('a', 1);
    chain.nowMs += 299_999;
    expect(chain.ask('a', 'turn begins')).toBe(1);
    chain.nowMs += 1;
    expect(chain.ask('a', 'turn goes on')).toBe(1);
    expect(chain.ask('a', 'turn begins')).toBe(0);
  });

  it('moves alone: another one is not taken along', () => {
    const chain = new Moved().move('a', 1);
    expect(chain.ask('b', 'turn goes on')).toBe(0);
  });

  it('moves on to a further step, and its time begins anew', () => {
    const chain = new Moved({ stayMs: 100 }).move('a', 1);
    chain.nowMs += 90;
    chain.move('a', 2);
    chain.nowMs += 90;
    expect(chain.ask('a', 'turn begins')).toBe(2);
  });

  it('has its time from when it moved, not from when it was last seen', () => {
    const chain = new Moved({ stayMs: 100 }).move('a', 1);
    chain.nowMs += 90;
    expect(chain.ask('a', 'turn begins')).toBe(1);
    chain.move('a', 1);
    chain.nowMs += 90;
    expect(chain.ask('a', 'turn begins')).toBe(0);
  });

  it('that was silent for an hour begins at the first step, even in the middle of a turn', () => {
    const chain = new Moved().move('a', 1);
    chain.nowMs += 60 * 60_000;
    expect(chain.ask('a', 'turn goes on')).toBe(0);
  });

  it('begins at the first step when the chain has become too short for its place', () => {
    const chain = new Moved({ steps: 2 }).move('a', 2);
    expect(chain.ask('a', 'turn goes on')).toBe(0);
  });

  it('is forgotten before others when too many have moved and it was silent longest', () => {
    const chain = new Moved();
    for (let i = 0; i < 2_000; i += 1) chain.move(`c${i}`, 1);
    chain.ask('c0', 'turn goes on');
    chain.move('one more', 1);
    expect(chain.state.places.size).toBe(2_000);
    expect(['c0', 'c1', 'one more'].map((name) => chain.ask(name, 'turn goes on'))).toEqual([1, 0, 1]);
  });
});
