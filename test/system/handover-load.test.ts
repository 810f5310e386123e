import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askReplace, askReplaceSupervisor, type RunState, readRunStates } from '#supervisor';
import {
  lossOf,
  ownCli,
  SteadyLoad,
  type SteadyProvider,
  startSteadyProvider,
  startThroughline,
  type Throughline,
  waitFor,
} from '#test-support';
import { stateOf } from './handover-fixture.ts';

// Hand-overs under a steady load: kept and fresh connections mixed, and streams that outlive several generations. The
// long run is THROUGHLINE_TEST_HANDOVERS=50; how fast the load is, THROUGHLINE_TEST_REQUESTS_PER_SECOND says.
const isLongRun = process.env.THROUGHLINE_TEST_HANDOVERS !== undefined;
const perSecond = Number(process.env.THROUGHLINE_TEST_REQUESTS_PER_SECOND ?? (isLongRun ? 500 : 150));
const longStreams = isLongRun ? 50 : 20;

let provider: SteadyProvider;
let throughline: Throughline;
beforeEach(async () => {
  provider = await startSteadyProvider(isLongRun ? { longEvents: 40 } : { longEvents: 16 });
  throughline = await startThroughline({ providerOrigin: provider.origin });
});
afterEach(async () => {
  await throughline?.stop();
  await provider?.[Symbol.asyncDispose]();
});

const state = (): RunState => stateOf(throughline);

const replacements = {
  core: async () => (await askReplace(state().controlSocket, { services: ['core'] })).ok,
  all: async () => (await askReplace(state().controlSocket, { services: ['core', 'recorder', 'data'] })).ok,
  supervisor: async () => (await askReplaceSupervisor(state().controlSocket, { program: ownCli })).pid > 0,
} as const;

describe('UPG-01: hand-overs under load refuse, reset, cut, alter, lose and repeat nothing', () => {
  it.each([
    { what: 'core', usually: 6 },
    { what: 'all', usually: 2 },
    { what: 'supervisor', usually: 2 },
  ] as const)('$what', { timeout: 1_800_000 }, async ({ what, usually }) => {
    const handOvers = Number(process.env.THROUGHLINE_TEST_HANDOVERS ?? usually);
    const url = throughline.frontUrl;
    const load = new SteadyLoad({ url, perSecond, longStreams, longEvents: provider.longEvents });
    const isBusy = () =>
      load.exchanges.length > perSecond && provider.received.size > perSecond + longStreams;
    await waitFor(isBusy, { what: 'the load to run', timeoutMs: 60_000 });
    const tookMs: number[] = [];
    for (let i = 0; i < handOvers; i += 1) {
      // Starting programs takes the processors of the load: between two replacements it goes on for a while.
      const seen = load.exchanges.length;
      if (isLongRun) await waitFor(() => load.exchanges.length >= seen + perSecond, { timeoutMs: 60_000 });
      const startedAtMs = performance.now();
      expect(await replacements[what]()).toBe(true);
      tookMs.push(performance.now() - startedAtMs);
    }
    await load.stop();
    const core = state().services.find(({ service }) => service === 'core');
    expect(core).toMatchObject({ state: 'ready', generation: handOvers + 1 });
    expect(readRunStates(throughline.dataDir)).toHaveLength(1);

    const loss = await lossOf({ throughline, provider, load, settleMsMax: 600_000 });
    const streams = load.exchanges.filter(({ kind }) => kind === 'long').length;
    const slowest = Math.max(
      ...load.exchanges
        .filter(({ kind }) => kind !== 'long')
        .map(({ sentAtMs, endedAtMs }) => endedAtMs - sentAtMs),
    );
    console.log(
      `${handOvers} hand-overs of ${what}, ${middle(tookMs).toFixed(0)} ms each; ${load.pace} requests/s, ${loss.sent} in all,`,
      `${streams} streams, slowest short request ${slowest.toFixed(0)} ms; ${JSON.stringify({ ...loss, unexplained: loss.unexplained.length })}`,
    );
    expect(loss.unexplained.slice(0, 20)).toEqual([]);
    expect(loss).toMatchObject({ answered: loss.sent, recorded: { complete: loss.sent } });
  });
});

function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
