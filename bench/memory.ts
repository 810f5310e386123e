import { startCoreAlone, waitFor } from '#test-support';
import { coreNodeOptions } from '../src/cli/core-node-options.ts';
import { builtProgram } from './built-program.ts';
import type { LoadJob, LoadResult } from './load-worker.ts';
import { option, printTable, rssMib } from './measure.ts';
import type { StreamJob } from './stream-worker.ts';
import { startWorker } from './worker.ts';

// Resident memory of core: with many open streams, and over many exchanges of which one in five is left by its
// client. Options: --streams=1000 --exchanges=20000 (200000 for the bar)
const streams = option('streams', 1_000);
const exchanges = option('exchanges', 20_000);
const steps = 5;

const provider = await startWorker('./provider-worker.ts');
const { port } = await provider.run<{ port: number }>({});
const core = await startCoreAlone({
  providerOrigin: `http://127.0.0.1:${port}`,
  program: builtProgram('core'),
  nodeArguments: coreNodeOptions,
});
try {
  const rows: (string | number)[][] = [['state of core', 'MiB', 'bar']];
  rows.push(['just started', rssMib(core.pid), '']);
  const client = await startWorker('./stream-worker.ts');
  await client.run({ kind: 'open', port: core.port, streams } satisfies StreamJob);
  rows.push([`${streams} open streams`, rssMib(core.pid), '≤ 150']);
  await client.run({ kind: 'close' } satisfies StreamJob);
  await client.stop();
  await waitFor(async () => (await openExchanges()) === 0, { what: 'the streams to end' });
  rows.push(['streams closed', rssMib(core.pid), '']);

  const load = await startWorker('./load-worker.ts');
  let failures = 0;
  for (let step = 1; step <= steps; step++) {
    const requests = Math.round(exchanges / steps);
    const job: LoadJob = {
      port: core.port,
      target: '/v1/fixed/20000',
      bodyBytes: 8_000,
      requests,
      connections: 16,
      abortEvery: 5,
    };
    failures += (await load.run<LoadResult>(job)).failures;
    rows.push([
      `after ${requests * step} exchanges, 20 % left by the client`,
      rssMib(core.pid),
      step === steps ? 'flat' : '',
    ]);
  }
  await load.stop();
  printTable(`Resident memory of core (${failures} unexpected failures)`, rows);
} finally {
  await core.stop();
  await provider.stop();
}

async function openExchanges(): Promise<number> {
  const text = await (await fetch(`${core.url}/metrics`)).text();
  return Number(/^throughline_\w*open_exchanges\w* (\d+)/m.exec(text)?.[1] ?? 0);
}
