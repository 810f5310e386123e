import { startCoreAlone } from '#test-support';
import { coreNodeOptions } from '../src/cli/core-node-options.ts';
import { builtProgram } from './built-program.ts';
import type { LoadJob, LoadResult } from './load-worker.ts';
import { cpuMs, option, printTable, quantile, spread } from './measure.ts';
import { startNginx } from './nginx.ts';
import { startWorker } from './worker.ts';

// Processor time per request of core, recording on, against nginx in the same run: rounds alternate, so that both
// see the same noise. Options: --rounds=5
const cases = [
  { name: '300 kB body, 4 kB answer', bodyBytes: 300_000, answerBytes: 4_000, requests: 400, bar: 4 },
  { name: '2 kB body, 2 kB answer', bodyBytes: 2_000, answerBytes: 2_000, requests: 4_000, bar: 8 },
];
const rounds = option('rounds', 5);

const provider = await startWorker('./provider-worker.ts');
const { port: upstreamPort } = await provider.run<{ port: number }>({});
const load = await startWorker('./load-worker.ts');
const nginx = await startNginx(upstreamPort);
const core = await startCoreAlone({
  providerOrigin: `http://127.0.0.1:${upstreamPort}`,
  program: builtProgram('core'),
  nodeArguments: coreNodeOptions,
});
try {
  const rows = [
    [
      'case',
      'core µs/request (min / median / max)',
      'nginx µs/request',
      'ratio of medians',
      'bar',
      'failures',
    ],
  ];
  for (const { name, bodyBytes, answerBytes, requests, bar } of cases) {
    const measured = { core: [] as number[], nginx: [] as number[] };
    let failures = 0;
    const round = async (pid: number, port: number, count: number): Promise<number> => {
      const job: LoadJob = {
        port,
        target: `/v1/fixed/${answerBytes}`,
        bodyBytes,
        requests: count,
        connections: 8,
      };
      const before = cpuMs(pid);
      const result = await load.run<LoadResult>(job);
      failures += result.failures;
      return ((cpuMs(pid) - before) * 1000) / count;
    };
    await round(core.pid, core.port, requests);
    await round(nginx.pid, nginx.port, requests);
    for (let index = 0; index < rounds; index++) {
      measured.core.push(await round(core.pid, core.port, requests));
      measured.nginx.push(await round(nginx.pid, nginx.port, requests));
    }
    const ratio = quantile(measured.core, 0.5) / quantile(measured.nginx, 0.5);
    rows.push([
      name,
      spread(measured.core, 0),
      spread(measured.nginx, 0),
      `${ratio.toFixed(2)} ×`,
      `≤ ${bar} ×`,
      String(failures),
    ]);
  }
  printTable(`Processor time per request, recording on, ${rounds} alternating rounds`, rows);
} finally {
  await core.stop();
  await nginx.stop();
  await load.stop();
  await provider.stop();
}
