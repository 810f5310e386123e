import { statSync } from 'node:fs';
import { join } from 'node:path';
import { agentTraffic, askOnce, makeTempHome, readBack, startThroughline } from '#test-support';
import { builtProgram } from './built-program.ts';
import { option, printTable } from './measure.ts';
import { startWorker } from './worker.ts';

// Size of the whole database after one session of a coding agent, against the bodies as they were sent.
// Options: --turns=100
const turns = option('turns', 100);
const cases = [
  { name: 'tool results of 0.2 to 3 kB', toolResultBytes: [200, 3_000] },
  { name: 'tool results of 2 to 12 kB', toolResultBytes: [2_000, 12_000] },
] as const;

const provider = await startWorker('./provider-worker.ts');
const { port } = await provider.run<{ port: number }>({});
const rows: (string | number)[][] = [['session', 'exchanges', 'raw MB', 'stored MB', 'raw / stored', 'bar']];
for (const { name, toolResultBytes } of cases) {
  const home = makeTempHome('bench-storage');
  const throughline = await startThroughline({
    cli: builtProgram('cli'),
    providerOrigin: `http://127.0.0.1:${port}`,
    home,
  });
  let [rawBytes, exchanges] = [0, 0];
  for (const request of agentTraffic({ turns, toolResultBytes, subagentEvery: 10 })) {
    const answer = await askOnce(throughline.frontUrl, request);
    rawBytes += request.body.length + answer.body.length;
    exchanges++;
  }
  await readBack(throughline, exchanges, 120_000);
  // A clean stop folds the write-ahead log into the file.
  await throughline.stop();
  const storedBytes = ['', '-wal'].reduce(
    (sum, suffix) => sum + sizeOf(join(home.dataDir, `throughline.db${suffix}`)),
    0,
  );
  rows.push([
    `${turns} turns, ${name}`,
    String(exchanges),
    rawBytes / 1e6,
    storedBytes / 1e6,
    rawBytes / storedBytes,
    '≥ 30',
  ]);
  home.remove();
}
await provider.stop();
printTable('Stored bytes of a session', rows);

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
