import { spawnSync } from 'node:child_process';
import { availableParallelism, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';

// Every benchmark, one after another, each in a process of its own. See README.md before comparing numbers.
console.log(
  `Node ${process.version}, ${availableParallelism()} cores, load before the run ${loadavg()[0]?.toFixed(2)}`,
);
const build = fileURLToPath(new URL('../scripts/build.ts', import.meta.url));
if (spawnSync(process.execPath, [build], { stdio: 'inherit' }).status !== 0)
  throw new Error('the build failed: run npm run build');
let failed = 0;
for (const name of [
  'cpu',
  'routing',
  'latency',
  'abort',
  'memory',
  'recorder',
  'storage',
  'visible',
  'transcripts',
  'reloads',
]) {
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(`./${name}.ts`, import.meta.url))], {
    stdio: 'inherit',
  });
  if (status === 0) continue;
  console.error(`bench/${name}.ts failed`);
  failed++;
}
process.exitCode = failed === 0 ? 0 : 1;
