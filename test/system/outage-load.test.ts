import { afterEach, expect, it } from 'vitest';
import {
  lossOf,
  makeTempHome,
  type RecordState,
  recordState,
  SteadyLoad,
  startSteadyProvider,
  startThroughline,
  type Throughline,
  type ThroughlineOptions,
  waitFor,
} from '#test-support';

// Recorder and proxy-data stay away for a while of load. The long run is THROUGHLINE_TEST_OUTAGE_SECONDS=600.
const isLongRun = process.env.THROUGHLINE_TEST_OUTAGE_SECONDS !== undefined;
const outageMs = 1_000 * Number(process.env.THROUGHLINE_TEST_OUTAGE_SECONDS ?? 5);
const perSecond = Number(process.env.THROUGHLINE_TEST_REQUESTS_PER_SECOND ?? (isLongRun ? 300 : 150));

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

it('recorder and proxy-data are stopped under load: nobody notices, and everything appears when they are back', {
  timeout: outageMs * 4 + 300_000,
}, async () => {
  const provider = await startSteadyProvider({ longEvents: 16 });
  const home = makeTempHome('outage');
  cleanups.push(
    () => home.remove(),
    () => provider[Symbol.asyncDispose](),
  );
  // A supervisor for each, so that two of them can be away for good.
  const start = async (command: ThroughlineOptions['command'] & string): Promise<Throughline> => {
    const one = await startThroughline({ command, providerOrigin: provider.origin, home });
    cleanups.push(() => one.stop());
    return one;
  };
  const core = await start('core');
  const longEvents = provider.longEvents;
  const load = new SteadyLoad({ url: core.frontUrl, perSecond, longStreams: 10, longEvents });
  await waitFor(() => load.exchanges.length > 100, { timeoutMs: 60_000 });
  const awayUntilMs = performance.now() + outageMs;
  await waitFor(() => performance.now() > awayUntilMs, { timeoutMs: outageMs + 10_000, intervalMs: 200 });

  const waiting = load.exchanges.length;
  const recorder = await start('record');
  const data = await start('data');
  const first = await waitFor(() => recordState(data).then((now) => (now.isRecording ? now : undefined)), {
    timeoutMs: 60_000,
    what: () => `the recorder to work: ${recorder.logs()}`,
  });
  const firstAtMs = performance.now();
  // Some of the load meets a recorder that has much to catch up with.
  const before = load.exchanges.length;
  await waitFor(() => load.exchanges.length > before + 2 * perSecond, { timeoutMs: 60_000 });
  await load.stop();
  let last: RecordState = first;
  await waitFor(
    async () => {
      last = await recordState(data);
      return last.lagBytes === 0 && last.openExchanges === 0;
    },
    { timeoutMs: outageMs * 2 + 60_000, what: () => `the lag to end: ${JSON.stringify(last)}` },
  );
  const seconds = (performance.now() - firstAtMs) / 1_000;
  const loss = await lossOf({ throughline: { ...data, frontUrl: data.dataUrl }, provider, load });
  console.log(
    `${waiting} exchanges waited after ${outageMs / 1_000} s at ${load.pace} requests/s; the lag was over after`,
    `${seconds.toFixed(1)} s, ${((last.stored - first.stored) / seconds).toFixed(0)} exchanges a second;`,
    JSON.stringify({ ...loss, unexplained: loss.unexplained.length }),
  );
  expect(loss.unexplained.slice(0, 20)).toEqual([]);
  expect(loss).toMatchObject({ answered: loss.sent, recorded: { complete: loss.sent } });
  expect(waiting).toBeGreaterThan(200);
});
