import { describe, expect, it } from 'vitest';
import { next } from './handover.ts';
import { initialState, type ServiceEvent, type ServiceState } from './service-state.ts';
import { type ProcessName, type RestartPolicy, restartDelayMs } from './worker.ts';

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

/** Processes are written as in the log: a generation, and the number of the worker when there are several. */
const named = (generation: number, worker = 1): ProcessName => ({ generation, worker });
const start = { kind: 'start', workers: 1 } as const;
const waitOver = (generation: number, worker = 1) =>
  ({ kind: 'wait-over', process: named(generation, worker) }) as const;
const ready = (generation: number, atMs = 0, worker = 1) =>
  ({ kind: 'ready', process: named(generation, worker), atMs }) as const;
const exited = (generation: number, atMs = 0, worker = 1) =>
  ({ kind: 'exited', process: named(generation, worker), atMs, reason: 'it ended' }) as const;
const refused = (generation: number, worker = 1) =>
  ({ kind: 'refused', process: named(generation, worker), reason: 'it said no' }) as const;
const replace = (release: number, workers = 1) => ({ kind: 'replace', release, workers }) as const;
const substitute = (generation: number, worker = 1) =>
  ({ kind: 'substitute', process: named(generation, worker) }) as const;

const spawn = (generation: number, release = 0, worker = 1) => ({
  kind: 'spawn',
  process: named(generation, worker),
  release,
});
const kill = (generation: number, worker = 1) => ({ kind: 'kill', process: named(generation, worker) });
const tell = (generation: number, wish: string, worker = 1) => ({
  kind: 'tell',
  process: named(generation, worker),
  wish,
});
const wait = (generation: number, ms: number, worker = 1) => ({
  kind: 'wait',
  process: named(generation, worker),
  ms,
});
const replaced = (from: number, to: number, retiring: readonly ProcessName[]) => ({
  kind: 'replaced',
  from,
  to,
  retiring,
});

describe('the life of a service', () => {
  it('is started once, however often that is asked', () => {
    const { state, commands } = live([start, start]);
    expect(commands).toEqual([[spawn(1)], []]);
    expect(state.workers).toMatchObject([{ generation: 1, phase: { kind: 'starting' }, failures: 0 }]);
  });

  it('goes on in a new generation at once after its first death', () => {
    const { state, commands } = live([start, ready(1), exited(1), waitOver(1)]);
    expect(commands.slice(2)).toEqual([[wait(1, 0)], [spawn(2)]]);
    expect(state.workers).toMatchObject([{ generation: 2, phase: { kind: 'starting' }, failures: 1 }]);
  });

  it('waits longer the more often it dies in a row, and never gives up', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 1000].map((failures) => restartDelayMs(failures, policy))).toEqual([
      0, 50, 100, 200, 400, 800, 1000, 1000,
    ]);
  });

  it('forgets earlier deaths when it has served for a while', () => {
    const quick = live([start, ready(1), exited(1), waitOver(1), ready(2, 0), exited(2, 9_999)]);
    expect(quick.state.workers).toMatchObject([{ phase: { kind: 'waiting' }, failures: 2 }]);
    const steady = live([start, ready(1), exited(1), waitOver(1), ready(2, 0), exited(2, 10_000)]);
    expect(steady.state.workers).toMatchObject([{ phase: { kind: 'waiting' }, failures: 1 }]);
  });

  it('kills a generation that was refused, and starts another', () => {
    const { commands, state } = live([start, refused(1), exited(1), waitOver(1)]);
    expect(commands[1]).toEqual([kill(1)]);
    expect(state.workers).toMatchObject([{ generation: 2, phase: { kind: 'starting' } }]);
  });

  it('is not disturbed by late news of an old generation', () => {
    const events = [start, ready(1), exited(1), waitOver(1), ready(2)];
    const before = live(events).state;
    const late: ServiceEvent[] = [ready(1), exited(1), refused(1), refused(2), waitOver(1), waitOver(2)];
    expect(live([...events, ...late]).state).toEqual(before);
  });

  it('ends for good when it drains', () => {
    const { commands, state } = live([
      start,
      ready(1),
      { kind: 'drain' },
      { kind: 'drain' },
      exited(1),
      waitOver(1),
    ]);
    expect(commands.slice(2)).toEqual([[tell(1, 'drain')], [], [], []]);
    expect(state).toMatchObject({ stage: 'stopped', workers: [] });
  });

  it('can be told to hurry while it drains, but not to slow down again', () => {
    const { commands } = live([start, ready(1), { kind: 'drain' }, { kind: 'stop' }, { kind: 'drain' }]);
    expect(commands.slice(3)).toEqual([[tell(1, 'stop')], []]);
  });

  it('ends without a word when it is waiting to be started', () => {
    const { commands, state } = live([start, exited(1), { kind: 'drain' }, waitOver(1)]);
    expect(commands.slice(2)).toEqual([[], []]);
    expect(state).toMatchObject({ stage: 'stopped', workers: [] });
  });

  it('that was never started needs no ending', () => {
    expect(live([{ kind: 'stop' }])).toEqual({ state: initialState, commands: [[]] });
  });
});

describe('a replacement', () => {
  const serving = [start, ready(1)];

  it('begins beside the current generation, which is told only when the new one serves', () => {
    const { commands, state } = live([...serving, replace(1), ready(2, 5)]);
    expect(commands.slice(2)).toEqual([[spawn(2, 1)], [tell(1, 'retire'), replaced(1, 2, [named(1)])]]);
    expect(state).toEqual({
      stage: 'running',
      workers: [{ ...named(2), phase: { kind: 'ready', readyAtMs: 5 }, failures: 0, substitute: undefined }],
      newest: 2,
      release: 1,
      fallback: 0,
      candidate: undefined,
      retiring: [named(1)],
    });
  });

  it.each([
    ['refuses', refused(2), [kill(2)], 'it said no'],
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
    expect(state.candidate).toMatchObject({ generation: 2, release: 1 });
  });

  it('UPG-05: may follow another while any number of generations retire', () => {
    const events: ServiceEvent[] = [...serving];
    for (let generation = 2; generation <= 6; generation += 1) events.push(replace(1), ready(generation));
    const { state } = live(events);
    expect(state.retiring).toEqual([1, 2, 3, 4, 5].map((generation) => named(generation)));
    expect(live([...events, exited(3), exited(1)]).state.retiring).toEqual(
      [2, 4, 5].map((generation) => named(generation)),
    );
  });

  it('goes on while the current generation dies and is started again', () => {
    const { commands, state } = live([...serving, replace(1), exited(1), waitOver(1), ready(2)]);
    expect(commands.slice(3)).toEqual([
      [wait(1, 0)],
      [spawn(3)],
      [tell(3, 'retire'), replaced(3, 2, [named(3)])],
    ]);
    expect(state.retiring).toEqual([named(3)]);
  });

  it('is the way out for a service that keeps dying', () => {
    const { commands, state } = live([start, exited(1), replace(1), ready(2), waitOver(1)]);
    expect(commands.slice(2)).toEqual([[spawn(2, 1)], [replaced(1, 2, [])], []]);
    expect(state.retiring).toEqual([]);
  });

  it('CR-05: is taken back when the new program dies three times soon after it took over', () => {
    const events = [...serving, replace(1), ready(2), exited(2, 1), waitOver(2), ready(3, 2), exited(3, 3)];
    const { commands, state } = live([...events, waitOver(3), exited(4, 4), waitOver(4)]);
    expect(commands.slice(-2)).toEqual([
      [{ kind: 'rolled-back', from: 1, to: 0 }, wait(4, 0)],
      [spawn(5, 0)],
    ]);
    expect(state).toMatchObject({ release: 0, fallback: undefined });
  });

  it('CR-05: is not taken back once the program has served for a while', () => {
    const events: ServiceEvent[] = [...serving, replace(1), ready(2), exited(2, 10_000)];
    for (let generation = 3; generation < 9; generation += 1)
      events.push(waitOver(generation - 1), ready(generation, 10_000), exited(generation, 10_001));
    expect(live(events).state.release).toBe(1);
  });

  it('goes back past a program that never proved itself', () => {
    const { state } = live([
      ...serving,
      replace(1),
      ready(2),
      exited(2, 1),
      waitOver(2),
      replace(2),
      ready(4),
    ]);
    expect(state).toMatchObject({ release: 2, fallback: 0 });
  });

  it('of the supervisor retires everything, and a stop may follow', () => {
    const { commands, state } = live([
      ...serving,
      { kind: 'retire' },
      exited(9),
      waitOver(1),
      { kind: 'drain' },
    ]);
    expect(commands.slice(2)).toEqual([[tell(1, 'retire')], [], [], [tell(1, 'drain')]]);
    expect(state).toMatchObject({ stage: 'stopped', retiring: [named(1)] });
    expect(live([...serving, { kind: 'retire' }, exited(1), waitOver(1)]).commands.at(-1)).toEqual([]);
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

describe('several workers', () => {
  const two = [{ kind: 'start', workers: 2 }, ready(1), ready(1, 0, 2)] as const;

  it('are started at once, as one generation', () => {
    const { commands, state } = live(two);
    expect(commands[0]).toEqual([spawn(1), spawn(1, 0, 2)]);
    expect(state.workers).toMatchObject([
      { ...named(1, 1), phase: { kind: 'ready' } },
      { ...named(1, 2), phase: { kind: 'ready' } },
    ]);
  });

  it('are started again one by one, each with a wait of its own, while the others go on', () => {
    const again = [exited(1, 1, 2), waitOver(1, 2), ready(2, 1, 2), exited(2, 2, 2), exited(1, 3, 1)];
    const { commands, state } = live([...two, ...again, waitOver(2, 2), waitOver(1, 1)]);
    expect(commands.slice(3)).toEqual([
      [wait(1, 0, 2)],
      [spawn(2, 0, 2)],
      [],
      [wait(2, 50, 2)],
      [wait(1, 0, 1)],
      [spawn(3, 0, 2)],
      [spawn(4, 0, 1)],
    ]);
    expect(state.workers.map(({ failures }) => failures)).toEqual([1, 2]);
  });

  it('UPG-02: are replaced as one: nobody is told before the last of the new ones is ready', () => {
    const { commands, state } = live([...two, replace(1, 2), ready(2, 5, 2), ready(2, 5, 2), ready(2, 6, 1)]);
    expect(commands.slice(3)).toEqual([
      [spawn(2, 1), spawn(2, 1, 2)],
      [],
      [],
      [tell(1, 'retire'), tell(1, 'retire', 2), replaced(1, 2, [named(1), named(1, 2)])],
    ]);
    expect(state.workers.map(({ generation, worker }) => [generation, worker])).toEqual([
      [2, 1],
      [2, 2],
    ]);
  });

  it.each([
    ['refuses', refused(2, 2), [kill(2, 2)], 'it said no'],
    ['dies', exited(2, 5, 2), [], 'it ended'],
  ])(
    'UPG-02: one of the new ones that %s takes the whole candidate with it',
    (_how, event, kills, reason) => {
      const before = live(two).state;
      const { commands, state } = live([...two, replace(1, 2), ready(2, 5, 1), event]);
      expect(commands.at(-1)).toEqual([...kills, tell(2, 'retire'), { kind: 'not-replaced', reason }]);
      expect(state).toEqual({ ...before, newest: 2, retiring: [named(2)] });
    },
  );

  it('kills what was given up and never becomes ready', () => {
    const { commands } = live([...two, replace(1, 2), exited(2, 5, 2), refused(2)]);
    expect(commands.at(-1)).toEqual([kill(2)]);
  });

  it('may become more or fewer with a replacement', () => {
    const { commands, state } = live([...two, replace(1, 1), ready(2), replace(1, 3)]);
    expect(commands.slice(-2)).toEqual([
      [tell(1, 'retire'), tell(1, 'retire', 2), replaced(1, 2, [named(1), named(1, 2)])],
      [spawn(3, 1), spawn(3, 1, 2), spawn(3, 1, 3)],
    ]);
    expect(state.workers).toHaveLength(1);
  });

  it('end when the last of them has left', () => {
    const leaving = [...two, { kind: 'drain' }, exited(1)] as const;
    expect(live(leaving).commands[3]).toEqual([tell(1, 'drain'), tell(1, 'drain', 2)]);
    expect(live(leaving).state.stage).toBe('draining');
    expect(live([...leaving, exited(1, 0, 2)]).state).toMatchObject({ stage: 'stopped', workers: [] });
  });

  it('CR-05: all go back when one of them keeps dying with a new program', () => {
    const took = [...two, replace(1, 2), ready(2), ready(2, 0, 2)];
    const dying = [exited(2, 1, 2), waitOver(2, 2), exited(3, 2, 2), waitOver(3, 2), exited(4, 3, 2)];
    const { commands, state } = live([...took, ...dying, waitOver(4, 2), ready(6, 4, 2), ready(5, 5)]);
    expect(commands.slice(-4)).toEqual([
      [{ kind: 'rolled-back', from: 1, to: 0 }, wait(4, 0, 2), spawn(5, 0)],
      [spawn(6, 0, 2)],
      [],
      [tell(2, 'retire'), { kind: 'substituted', process: named(2), by: named(5) }],
    ]);
    expect(state.workers).toMatchObject([named(5), named(6, 2)]);
  });
});

describe('a substitute', () => {
  const two = [{ kind: 'start', workers: 2 }, ready(1), ready(1, 0, 2)] as const;

  it('UPG-09: starts beside one worker, which is told only when it is ready', () => {
    const { commands, state } = live([...two, substitute(1, 2), substitute(1, 2), ready(2, 5, 2)]);
    expect(commands.slice(3)).toEqual([
      [spawn(2, 0, 2)],
      [],
      [tell(1, 'retire', 2), { kind: 'substituted', process: named(1, 2), by: named(2, 2) }],
    ]);
    expect(state.workers).toMatchObject([named(1, 1), { ...named(2, 2), phase: { kind: 'ready' } }]);
    expect(state.retiring).toEqual([named(1, 2)]);
  });

  it.each([
    ['refuses', refused(2, 2), [kill(2, 2)], 'it said no'],
    ['dies', exited(2, 5, 2), [], 'it ended'],
  ])('that %s changes nothing, and another one may be asked for', (_how, event, kills, reason) => {
    const before = live(two).state;
    const { commands, state } = live([...two, substitute(1, 2), event]);
    const failed = { kind: 'not-substituted', process: named(1, 2), reason };
    expect(commands.at(-1)).toEqual([...kills, failed]);
    expect(state).toEqual({ ...before, newest: 2 });
    expect(live([...two, substitute(1, 2), event, substitute(1, 2)]).commands.at(-1)).toEqual([
      spawn(3, 0, 2),
    ]);
  });

  it('is the next process of a worker that dies meanwhile', () => {
    const { commands, state } = live([...two, substitute(1, 2), exited(1, 1, 2), ready(2, 2, 2)]);
    expect(commands.slice(4)).toEqual([[], []]);
    expect(state.workers[1]).toMatchObject({ ...named(2, 2), phase: { kind: 'ready' }, failures: 1 });
  });

  it('is not started for a worker that is gone, waits or leaves', () => {
    expect(live([...two, exited(1, 1, 2), substitute(1, 2)]).commands.at(-1)).toEqual([]);
    expect(live([...two, { kind: 'drain' }, substitute(1, 2)]).commands.at(-1)).toEqual([]);
    expect(live([...two, substitute(7, 2)]).commands.at(-1)).toEqual([]);
  });

  it('does not hold up a replacement, and retires with the worker', () => {
    const { commands } = live([...two, substitute(1, 2), replace(1, 2), ready(3), ready(3, 0, 2)]);
    expect(commands.at(-1)).toEqual([
      ...[tell(1, 'retire'), tell(1, 'retire', 2), tell(2, 'retire', 2)],
      replaced(1, 3, [named(1), named(1, 2), named(2, 2)]),
    ]);
  });

  it('leaves with everybody', () => {
    const { commands, state } = live([...two, substitute(1, 2), { kind: 'stop' }]);
    expect(commands.at(-1)).toEqual([tell(1, 'stop'), tell(1, 'stop', 2), tell(2, 'stop', 2)]);
    expect(state.retiring).toEqual([named(2, 2)]);
  });
});
