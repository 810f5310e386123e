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
const exited = (generation: number, atMs = 0) =>
  ({ kind: 'exited', generation, atMs, reason: 'it ended' }) as const;
const refused = (generation: number) => ({ kind: 'refused', generation, reason: 'it said no' }) as const;
const replace = (release: number) => ({ kind: 'replace', release }) as const;
const spawn = (generation: number, release = 0) => ({ kind: 'spawn', generation, release }) as const;
const tell = (generation: number, wish: string) => ({ kind: 'tell', generation, wish });

describe('the life of a service', () => {
  it('is started once, however often that is asked', () => {
    const { state, commands } = live([start, start]);
    expect(commands).toEqual([[spawn(1)], []]);
    expect(state.phase).toEqual({ kind: 'starting', generation: 1, failures: 0 });
  });

  it('goes on in a new generation at once after its first death', () => {
    const { state, commands } = live([start, ready(1), exited(1), waitOver]);
    expect(commands.slice(2)).toEqual([[{ kind: 'wait', ms: 0 }], [spawn(2)]]);
    expect(state.phase).toEqual({ kind: 'starting', generation: 2, failures: 1 });
  });

  it('waits longer the more often it dies in a row, and never gives up', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 1000].map((failures) => restartDelayMs(failures, policy))).toEqual([
      0, 50, 100, 200, 400, 800, 1000, 1000,
    ]);
  });

  it('forgets earlier deaths when it has served for a while', () => {
    const quick = live([start, ready(1), exited(1), waitOver, ready(2, 0), exited(2, 9_999)]);
    expect(quick.state.phase).toMatchObject({ kind: 'waiting', failures: 2 });
    const steady = live([start, ready(1), exited(1), waitOver, ready(2, 0), exited(2, 10_000)]);
    expect(steady.state.phase).toMatchObject({ kind: 'waiting', failures: 1 });
  });

  it('kills a generation that was refused, and starts another', () => {
    const { commands, state } = live([start, refused(1), exited(1), waitOver]);
    expect(commands[1]).toEqual([{ kind: 'kill', generation: 1 }]);
    expect(state.phase).toMatchObject({ kind: 'starting', generation: 2 });
  });

  it('is not disturbed by late news of an old generation', () => {
    const events = [start, ready(1), exited(1), waitOver, ready(2)];
    const before = live(events).state;
    const late: ServiceEvent[] = [ready(1), exited(1), refused(1), refused(2)];
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
    expect(state.phase).toEqual({ kind: 'stopped', generation: 1 });
  });

  it('can be told to hurry while it drains, but not to slow down again', () => {
    const { commands } = live([start, ready(1), { kind: 'drain' }, { kind: 'stop' }, { kind: 'drain' }]);
    expect(commands.slice(3)).toEqual([[{ kind: 'tell', generation: 1, wish: 'stop' }], []]);
  });

  it('ends without a word when it is waiting to be started', () => {
    const { commands, state } = live([start, exited(1), { kind: 'drain' }, waitOver]);
    expect(commands.slice(2)).toEqual([[], []]);
    expect(state.phase).toEqual({ kind: 'stopped', generation: 1 });
  });

  it('that was never started needs no ending', () => {
    expect(live([{ kind: 'stop' }])).toEqual({ state: initialState, commands: [[]] });
  });
});

describe('a replacement', () => {
  const serving = [start, ready(1)];

  it('begins beside the current generation, which is told only when the new one serves', () => {
    const { commands, state } = live([...serving, replace(1), ready(2, 5)]);
    expect(commands.slice(2)).toEqual([
      [spawn(2, 1)],
      [tell(1, 'retire'), { kind: 'replaced', from: 1, to: 2 }],
    ]);
    expect(state).toEqual({
      phase: { kind: 'ready', generation: 2, failures: 0, readyAtMs: 5 },
      newest: 2,
      release: 1,
      fallback: 0,
      candidate: undefined,
      retiring: [1],
    });
  });

  it.each([
    ['refuses', refused(2), [{ kind: 'kill', generation: 2 }], 'it said no'],
    ['dies', exited(2), [], 'it ended'],
  ])('UPG-03: that %s changes nothing', (_how, event, kills, reason) => {
    const before = live(serving).state;
    const { commands, state } = live([...serving, replace(1), event]);
    expect(commands.at(-1)).toEqual([...kills, { kind: 'not-replaced', reason }]);
    expect(state).toEqual({ ...before, newest: 2 });
    expect(live([...serving, replace(1), event, ready(2), exited(2)]).state).toEqual(state);
  });

  it('UPG-05: is alone: a second one meanwhile is an error and disturbs nothing', () => {
    const { commands, state } = live([...serving, replace(1), replace(2)]);
    expect(commands.at(-1)).toEqual([
      { kind: 'not-replaced', reason: 'busy: another replacement is under way' },
    ]);
    expect(state.candidate).toEqual({ generation: 2, release: 1 });
  });

  it('UPG-05: may follow another while any number of generations retire', () => {
    const events: ServiceEvent[] = [...serving];
    for (let generation = 2; generation <= 6; generation += 1) events.push(replace(1), ready(generation));
    const { state } = live(events);
    expect(state.retiring).toEqual([1, 2, 3, 4, 5]);
    expect(live([...events, exited(3), exited(1)]).state.retiring).toEqual([2, 4, 5]);
  });

  it('goes on while the current generation dies and is started again', () => {
    const { commands, state } = live([...serving, replace(1), exited(1), waitOver, ready(2)]);
    expect(commands.slice(3)).toEqual([
      [{ kind: 'wait', ms: 0 }],
      [spawn(3)],
      [tell(3, 'retire'), { kind: 'replaced', from: 3, to: 2 }],
    ]);
    expect(state.retiring).toEqual([3]);
  });

  it('is the way out for a service that keeps dying', () => {
    const { commands, state } = live([start, exited(1), replace(1), ready(2), waitOver]);
    expect(commands.slice(2)).toEqual([[spawn(2, 1)], [{ kind: 'replaced', from: 1, to: 2 }], []]);
    expect(state.retiring).toEqual([]);
  });

  it('CR-05: is taken back when the new program dies three times soon after it took over', () => {
    const events = [...serving, replace(1), ready(2), exited(2, 1), waitOver, ready(3, 2), exited(3, 3)];
    const { commands, state } = live([...events, waitOver, exited(4, 4), waitOver]);
    expect(commands.slice(-2)).toEqual([
      [
        { kind: 'rolled-back', from: 1, to: 0 },
        { kind: 'wait', ms: 0 },
      ],
      [spawn(5, 0)],
    ]);
    expect(state).toMatchObject({ release: 0, fallback: undefined });
  });

  it('CR-05: is not taken back once the program has served for a while', () => {
    const events: ServiceEvent[] = [...serving, replace(1), ready(2), exited(2, 10_000)];
    for (let generation = 3; generation < 9; generation += 1)
      events.push(waitOver, ready(generation, 10_000), exited(generation, 10_001));
    expect(live(events).state.release).toBe(1);
  });

  it('goes back past a program that never proved itself', () => {
    const { state } = live([...serving, replace(1), ready(2), exited(2, 1), waitOver, replace(2), ready(4)]);
    expect(state).toMatchObject({ release: 2, fallback: 0 });
  });

  it('of the supervisor retires everything, and a stop may follow', () => {
    const { commands, state } = live([
      ...serving,
      { kind: 'retire' },
      exited(9),
      waitOver,
      { kind: 'drain' },
    ]);
    expect(commands.slice(2)).toEqual([[tell(1, 'retire')], [], [], [tell(1, 'drain')]]);
    expect(state).toMatchObject({ phase: { kind: 'stopped' }, retiring: [1] });
    expect(live([...serving, { kind: 'retire' }, exited(1), waitOver]).commands.at(-1)).toEqual([]);
  });

  it('is given up when everything stops, and all generations leave', () => {
    const { commands, state } = live([
      ...serving,
      replace(1),
      ready(2),
      replace(1),
      { kind: 'drain' },
      { kind: 'stop' },
    ]);
    expect(commands.slice(-2)).toEqual([
      [
        tell(2, 'drain'),
        tell(1, 'drain'),
        tell(3, 'drain'),
        { kind: 'not-replaced', reason: 'everything is being stopped' },
      ],
      [tell(2, 'stop'), tell(1, 'stop'), tell(3, 'stop')],
    ]);
    expect(state.candidate).toBeUndefined();
    expect(live([...serving, { kind: 'drain' }, replace(1)]).commands.at(-1)).toEqual([
      { kind: 'not-replaced', reason: 'the service is being stopped' },
    ]);
  });
});
