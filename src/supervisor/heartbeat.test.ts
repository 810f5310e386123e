import { describe, expect, it } from 'vitest';
import { Heartbeat } from './heartbeat.ts';

/** Beats that come in time, from the first one on. */
function beating(heartbeat: Heartbeat, beats: number, fromMs = 0): boolean[] {
  return Array.from({ length: beats }, (_, index) => heartbeat.beat(fromMs + index * 2_000));
}

describe('a heartbeat', () => {
  it('asks again only when it was answered, so that nothing piles up before a process that hangs', () => {
    const heartbeat = new Heartbeat();
    expect(beating(heartbeat, 3)).toEqual([true, false, false]);
    heartbeat.answered({});
    expect(beating(heartbeat, 2, 6_000)).toEqual([true, false]);
  });

  it('UPG-09: tells that a process hangs after five beats without an answer, until it answers', () => {
    const heartbeat = new Heartbeat();
    heartbeat.beat(0);
    heartbeat.answered({});
    beating(heartbeat, 5, 2_000);
    expect(heartbeat.isHanging).toBe(false);
    heartbeat.beat(12_000);
    expect(heartbeat).toMatchObject({ isHanging: true, isLost: false });
    heartbeat.answered({});
    expect(heartbeat.isHanging).toBe(false);
  });

  it('says nothing about a process that never answered: it may be of a version that cannot', () => {
    const heartbeat = new Heartbeat();
    beating(heartbeat, 2_000);
    expect(heartbeat.isHanging).toBe(false);
  });

  it('says nothing about a machine that sleeps again and again: beats that come late do not count', () => {
    const heartbeat = new Heartbeat();
    heartbeat.beat(0);
    heartbeat.answered({});
    for (let nap = 1; nap <= 20; nap += 1) heartbeat.beat(nap * 3_600_000);
    expect(heartbeat.isHanging).toBe(false);
  });

  it('leaves a process alone that was started with a debugger', () => {
    const heartbeat = new Heartbeat();
    heartbeat.beat(0);
    heartbeat.answered({ isDebugged: true });
    beating(heartbeat, 2_000, 2_000);
    expect(heartbeat).toMatchObject({ isHanging: false, isLost: false });
  });

  it('gives a process up after half an hour', () => {
    const heartbeat = new Heartbeat();
    heartbeat.beat(0);
    heartbeat.answered({});
    beating(heartbeat, 901, 2_000);
    expect(heartbeat.isLost).toBe(true);
  });
});
