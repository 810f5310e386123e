import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ServiceStatus } from '#supervisor';
import {
  type Kill,
  killAndWatch,
  lossOf,
  SteadyLoad,
  type SteadyProvider,
  startSteadyProvider,
  startThroughline,
  type Throughline,
  waitFor,
} from '#test-support';
import { stateOf } from './handover-fixture.ts';

// proxy-core is killed again and again under a steady load. The long run is THROUGHLINE_TEST_KILLS=20: there each core has
// served for a while before it is killed, as in life; in the short one it comes back with a growing delay.
const isLongRun = process.env.THROUGHLINE_TEST_KILLS !== undefined;
const killCount = Number(process.env.THROUGHLINE_TEST_KILLS ?? 3);
const perSecond = Number(process.env.THROUGHLINE_TEST_REQUESTS_PER_SECOND ?? (isLongRun ? 300 : 120));
/** A core that served this long is started again at once when it dies. */
const servedMs = isLongRun ? 11_000 : 500;

let provider: SteadyProvider;
let throughline: Throughline;
beforeEach(async () => {
  provider = await startSteadyProvider({ longEvents: 16 });
  // The hardest case: there is nobody else to go on.
  const config = { core: { workers: 1 } };
  throughline = await startThroughline({ providerOrigin: provider.origin, config });
});
afterEach(async () => {
  await throughline?.stop();
  await provider?.[Symbol.asyncDispose]();
});

const core = (): ServiceStatus => stateOf(throughline).services.find(({ service }) => service === 'core')!;

it('CR-01: kills of core refuse nobody, cost only what was open, and leave a record of that', {
  timeout: 1_200_000,
}, async () => {
  const url = throughline.frontUrl;
  const load = new SteadyLoad({ url, perSecond, longStreams: 10, longEvents: provider.longEvents });
  const kills: Kill[] = [];
  const firstAnswerMs: number[] = [];
  for (let i = 0; i < killCount; i += 1) {
    const before = load.exchanges.length;
    await waitFor(
      () => {
        const { state, readyAtMs = Date.now() } = core();
        return state === 'ready' && Date.now() - readyAtMs > servedMs && load.exchanges.length > before + 100;
      },
      { timeoutMs: 60_000, what: 'core to serve again' },
    );
    const kill = await killAndWatch(core().pid!);
    kills.push(kill);
    const sentLater = load.exchanges.length;
    const first = await waitFor(
      () =>
        load.exchanges
          .slice(sentLater)
          .find(({ sentAtMs, end }) => sentAtMs > kill.untilMs && end === 'answered'),
      { timeoutMs: 30_000, what: 'an answer after the kill' },
    );
    firstAnswerMs.push(Math.round(first.endedAtMs - kill.fromMs));
  }
  await load.stop();

  const loss = await lossOf({ throughline, provider, load, kills });
  console.log(
    `${killCount} kills at ${load.pace} requests/s; ms from the kill to the first new answer: ${firstAnswerMs.join(' ')};`,
    JSON.stringify({ ...loss, unexplained: loss.unexplained.length }),
  );
  expect(loss.unexplained.slice(0, 20)).toEqual([]);
  expect(loss.refused).toBe(0);
  expect(loss.openAtKill).toBeGreaterThan(0);
  expect(loss.answered + loss.openAtKill).toBe(loss.sent);
  // Some reached no provider, or had been written to the end before the kill.
  expect(loss.recorded.interrupted).toBeGreaterThan(0);
  expect(loss.recorded.interrupted).toBeLessThanOrEqual(loss.openAtKill);
});
