import { setTimeout as delay } from 'node:timers/promises';
import { agentTraffic, askOnce, startThroughline, waitFor } from '#test-support';
import { builtProgram } from './built-program.ts';
import { option, printTable, quantile } from './measure.ts';
import { startWorker } from './worker.ts';

// From the last byte of an answer at the client to the exchange in the list of the API. Options: --requests=100
const requests = option('requests', 100);

const provider = await startWorker('./provider-worker.ts');
const { port } = await provider.run<{ port: number }>({});
const throughline = await startThroughline({
  cli: builtProgram('cli'),
  providerOrigin: `http://127.0.0.1:${port}`,
});
try {
  const waitsMs: number[] = [];
  const traffic = [...agentTraffic({ turns: requests, subagentEvery: 0 })];
  for (const [index, request] of traffic.entries()) {
    const tag = `bench-${index}`;
    await askOnce(throughline.frontUrl, { ...request, target: `/p/${tag}${request.target}` });
    const endedAt = performance.now();
    await waitFor(async () => (await newestTag()) === tag, { intervalMs: 2, what: `${tag} in the list` });
    waitsMs.push(performance.now() - endedAt);
    // Not in step with the recorder's batches.
    await delay((index * 37) % 60);
  }
  printTable(`From the wire to the API, ${requests} requests one after another`, [
    ['', 'ms', 'bar'],
    ['p50', quantile(waitsMs, 0.5), ''],
    ['p95', quantile(waitsMs, 0.95), '≤ 1000'],
    ['max', quantile(waitsMs, 1), ''],
  ]);
} finally {
  await throughline.stop();
  await provider.stop();
}

async function newestTag(): Promise<string | undefined> {
  const answer = await fetch(`${throughline.frontUrl}/api/v2/requests?limit=1`);
  const page = (await answer.json()) as { requests: { tag?: string }[] };
  return page.requests[0]?.tag;
}
