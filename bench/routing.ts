import type { CoreConfig, CoreProvider } from '#core-config';
import { agentTraffic, type CoreAlone, startCoreAlone } from '#test-support';
import { coreNodeOptions } from '../src/cli/core-node-options.ts';
import { builtProgram } from './built-program.ts';
import type { LoadJob, LoadResult } from './load-worker.ts';
import { cpuMs, option, printTable, quantile, spread } from './measure.ts';
import { startWorker } from './worker.ts';

// What routing costs: processor time of core per request of an agent, recording on, without rules and with three kinds
// of them, in alternating rounds of the same run. Options: --rounds=5 --requests=300
const rounds = option('rounds', 5);
const requests = option('requests', 300);
const bodies = [...agentTraffic({ turns: 40 })].map(({ body }) => body.toString());
const sizes = [bodies[0]!, bodies.at(-1)!].toSorted((a, b) => a.length - b.length);

interface Way {
  readonly name: string;
  readonly provider?: Partial<CoreProvider>;
  readonly routes?: CoreConfig['routes'];
}

const ways: readonly Way[] = [
  { name: 'no rules: passed through' },
  {
    name: 'a rule about the head, not about this request',
    routes: [{ name: 'rule 1', when: { header: { 'x-team': ['red'] } }, to: { provider: 'bench' } }],
  },
  {
    name: 'a rule about the model, of another one: peeked',
    routes: [{ name: 'rule 1', when: { model: ['other-*'] }, to: { provider: 'bench', model: 'bench-2' } }],
  },
  {
    name: 'a rule that names a model: held, patched',
    routes: [{ name: 'rule 1', when: { model: ['*'] }, to: { provider: 'bench', model: 'bench-2' } }],
  },
  {
    name: 'a provider of the other format: translated',
    provider: { format: 'openai', apiKey: 'key-of-bench' },
  },
];

const upstream = await startWorker('./provider-worker.ts');
const { port } = await upstream.run<{ port: number }>({});
const load = await startWorker('./load-worker.ts');
const cores: CoreAlone[] = [];
try {
  for (const { provider, routes } of ways) {
    cores.push(
      await startCoreAlone({
        providerOrigin: `http://127.0.0.1:${port}`,
        provider: { name: 'bench', basePath: '/v1/agent', ...provider },
        config: { defaultProvider: 'bench', ...(routes === undefined ? {} : { routes }) },
        program: builtProgram('core'),
        nodeArguments: coreNodeOptions,
      }),
    );
  }
  for (const body of sizes) await measure(body);
} finally {
  for (const core of cores) await core.stop();
  await load.stop();
  await upstream.stop();
}

async function measure(body: string): Promise<void> {
  const measured = ways.map(() => [] as number[]);
  const failures = ways.map(() => 0);
  for (let index = -1; index < rounds; index++) {
    for (const [way, core] of cores.entries()) {
      const job: LoadJob = {
        port: core.port,
        target: '/v1/messages',
        bodyBytes: 0,
        body,
        requests,
        connections: 4,
      };
      const before = cpuMs(core.pid);
      const result = await load.run<LoadResult>(job);
      failures[way]! += result.failures;
      // The first round is for the compiler.
      if (index >= 0) measured[way]!.push(((cpuMs(core.pid) - before) * 1000) / requests);
    }
  }
  const reference = quantile(measured[0]!, 0.5);
  const rows = ways.map(({ name }, way) => [
    name,
    spread(measured[way]!, 0),
    `${(quantile(measured[way]!, 0.5) / reference).toFixed(2)} ×`,
    String(failures[way]),
  ]);
  printTable(
    `Processor time per request of ${Math.round(Buffer.byteLength(body) / 1000)} kB, recording on, ${rounds} alternating rounds`,
    [['', 'core µs/request (min / median / max)', 'of passed through', 'failures'], ...rows],
  );
}
