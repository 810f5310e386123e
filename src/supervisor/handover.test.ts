import { describe, expect, it } from 'vitest';
import {
  initialState,
  next,
  type RestartPolicy,
  restartDelayMs,
  type ServiceEvent,
  type ServiceState,
} from './handover.ts';

const policy: RestartPolicy = { immediate: 1, firstMs: 50, maxMs: 1000, steadyMs: 10_000 };

/** The life of a service: what happens to it, and what is done about each event. */
function live(events: readonly ServiceEvent[]) {
  let state: ServiceState = initialState;
  const commands = events.map((event) => {
    const step = next(state, event, policy);
    state = step.state;
    return step.commands;
  });
  return { state, commands };
}

const start = { kind: 'start' } as const;
const waitOver = { kind: 'wait-over' } as const;
const ready = (generation: number, atMs = 0) => ({ kind: 'ready', generation, atMs }) as const;
const exited = (generation: number, atMs = 0) => ({ kind: 'exited', generation, atMs }) as const;

describe('the life of a service', () => {
  it('is started once, however often that is asked', () => {
    const { state, commands } = live([start, start]);
    expect(commands).toEqual([[{ kind: 'spawn', generation: 1 }], []]);
    expect(state).toEqual({ kind: 'starting', generation: 1, failures: 0 });
  });

  it('goes on in a new generation at once after its first death', () => {
    const { state, commands } = live([start, ready(1), exited(1), waitOver]);
    expect(commands.slice(2)).toEqual([[{ kind: 'wait', ms: 0 }], [{ kind: 'spawn', generation: 2 }]]);
    expect(state).toEqual({ kind: 'starting', generation: 2, failures: 1 });
  });

  it('waits longer the more often it dies in a row, and never gives up', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 1000].map((failures) => restartDelayMs(failures, policy))).toEqual([
      0, 50, 100, 200, 400, 800, 1000, 1000,
    ]);
  });

  it('forgets earlier deaths when it has served for a while', () => {
    const quick = live([start, ready(1), exited(1), waitOver, ready(2, 0), exited(2, 9_999)]);
    expect(quick.state).toMatchObject({ kind: 'waiting', failures: 2 });
    const steady = live([start, ready(1), exited(1), waitOver, ready(2, 0), exited(2, 10_000)]);
    expect(steady.state).toMatchObject({ kind: 'waiting', failures: 1 });
  });

  it('kills a generation that was refused, and starts another', () => {
    const { commands, state } = live([start, { kind: 'refused', generation: 1 }, exited(1), waitOver]);
    expect(commands[1]).toEqual([{ kind: 'kill', generation: 1 }]);
    expect(state).toMatchObject({ kind: 'starting', generation: 2 });
  });

  it('is not disturbed by late news of an old generation', () => {
    const events = [start, ready(1), exited(1), waitOver, ready(2)];
    const before = live(events).state;
    const late: ServiceEvent[] = [
      ready(1),
      exited(1),
      { kind: 'refused', generation: 1 },
      { kind: 'refused', generation: 2 },
    ];
    expect(live([...events, ...late]).state).toEqual(before);
  });

  it('ends for good when it drains', () => {
    const { commands, state } = live([
      start,
      ready(1),
      { kind: 'drain' },
      { kind: 'drain' },
      exited(1),
      waitOver,
    ]);
    expect(commands.slice(2)).toEqual([[{ kind: 'tell', generation: 1, wish: 'drain' }], [], [], []]);
    expect(state).toEqual({ kind: 'stopped', generation: 1 });
  });

  it('can be told to hurry while it drains, but not to slow down again', () => {
    const { commands } = live([start, ready(1), { kind: 'drain' }, { kind: 'stop' }, { kind: 'drain' }]);
    expect(commands.slice(3)).toEqual([[{ kind: 'tell', generation: 1, wish: 'stop' }], []]);
  });

  it('ends without a word when it is waiting to be started', () => {
    const { commands, state } = live([start, exited(1), { kind: 'drain' }, waitOver]);
    expect(commands.slice(2)).toEqual([[], []]);
    expect(state).toEqual({ kind: 'stopped', generation: 1 });
  });

  it('that was never started needs no ending', () => {
    expect(live([{ kind: 'stop' }])).toEqual({ state: initialState, commands: [[]] });
  });
});
