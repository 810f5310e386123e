import { startCoreAlone } from '#test-support';
import { coreNodeOptions } from '../src/cli/core-node-options.ts';
import { builtProgram } from './built-program.ts';
import { option, printTable, quantile, spread } from './measure.ts';
import type { StreamJob } from './stream-worker.ts';
import { startWorker } from './worker.ts';

// Delay of each streamed event from the provider's write to the client's read, directly and through core, in
// alternating rounds. Options: --streams=100 --rate=50 --seconds=4 --rounds=3
const streams = option('streams', 100);
const perSecond = option('rate', 50);
const events = perSecond * option('seconds', 4);
const rounds = option('rounds', 3);

const provider = await startWorker('./provider-worker.ts');
const { port: direct } = await provider.run<{ port: number }>({});
const client = await startWorker('./stream-worker.ts');
const core = await startCoreAlone({
  providerOrigin: `http://127.0.0.1:${direct}`,
  program: builtProgram('core'),
  nodeArguments: coreNodeOptions,
});
try {
  const seen = { direct: [] as number[][], through: [] as number[][] };
  for (let index = 0; index < rounds; index++) {
    for (const [way, port] of [
      ['direct', direct],
      ['through', core.port],
    ] as const) {
      const job: StreamJob = { kind: 'delays', port, streams, perSecond, events };
      seen[way].push((await client.run<{ delaysMs: number[] }>(job)).delaysMs);
    }
  }
  const at = (rows: readonly number[][], share: number): number[] =>
    rows.map((delays) => quantile(delays, share));
  const added = (share: number): number =>
    quantile(at(seen.through, share), 0.5) - quantile(at(seen.direct, share), 0.5);
  printTable(
    `Delay per streamed event in ms, ${streams} streams × ${perSecond} events/s, ${rounds} alternating rounds`,
    [
      [
        '',
        'direct (min / median / max of rounds)',
        'through core',
        'added (medians)',
        'bar on an idle machine',
      ],
      ['p50', spread(at(seen.direct, 0.5), 3), spread(at(seen.through, 0.5), 3), added(0.5), '≤ 0.5'],
      ['p99', spread(at(seen.direct, 0.99), 3), spread(at(seen.through, 0.99), 3), added(0.99), '≤ 5'],
      ['events', String(seen.direct.flat().length), String(seen.through.flat().length), '', ''],
    ],
  );
} finally {
  await core.stop();
  await client.stop();
  await provider.stop();
}
