import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { RecorderConfig } from '#config';
import {
  agentTraffic,
  askOnce,
  endProcess,
  makeTempHome,
  startCoreAlone,
  startNode,
  waitFor,
} from '#test-support';
import { builtProgram } from './built-program.ts';
import { cpuMs, option, printTable } from './measure.ts';
import { startWorker } from './worker.ts';

// How fast the recorder turns a journal that is already there into a fresh store, and how large that store is.
// The exchanges are a coding agent's sessions, whose requests grow to several hundred kB.
// Options: --sessions=3 --turns=100
const sessions = option('sessions', 3);
const turns = option('turns', 100);

const home = makeTempHome('bench-recorder');
const provider = await startWorker('./provider-worker.ts');
const { port } = await provider.run<{ port: number }>({});
const core = await startCoreAlone({ providerOrigin: `http://127.0.0.1:${port}`, home });
let exchanges = 0;
let rawBytes = 0;
for (let seed = 1; seed <= sessions; seed++) {
  for (const request of agentTraffic({ seed, turns, toolResultBytes: [3_000, 7_000], subagentEvery: 0 })) {
    const answer = await askOnce(core.url, request);
    rawBytes += request.body.length + answer.body.length;
    exchanges++;
  }
}
await core.stop();
await provider.stop();

const config: RecorderConfig = {
  dataDir: home.dataDir,
  journalDirectory: core.journalDirectory,
  store: { engine: 'sqlite', path: home.join('bench.db') },
  replayAgeMsMax: 86_400_000,
  replayBytesMax: 10_000_000_000,
  logLevel: 'warn',
};
const startedAt = performance.now();
const recorder = startNode(builtProgram('recorder'), [], {
  env: home.env,
  input: 'ipc',
});
recorder.child.send({
  type: 'start',
  order: { service: 'recorder', generation: 1, version: '0.0.0-bench', listeners: [], config },
});
await waitFor(() => stored() >= exchanges, {
  timeoutMs: 300_000,
  intervalMs: 20,
  what: () => `${exchanges} stored exchanges, ${stored()} so far\n${recorder.stderr()}`,
});
const wallS = (performance.now() - startedAt) / 1000;
const cpuS = cpuMs(recorder.pid) / 1000;
await endProcess(recorder);
const dbBytes = ['', '-wal'].reduce((sum, suffix) => sum + sizeOf(`${config.store.path}${suffix}`), 0);
printTable(`Recorder: ${exchanges} exchanges of ${(rawBytes / exchanges / 1000).toFixed(0)} kB on average`, [
  ['', 'value', 'bar'],
  ['exchanges per second of wall time, start of the process included', exchanges / wallS, ''],
  ['exchanges per second of processor time', exchanges / cpuS, '≥ 150 (of 300 kB)'],
  ['raw bodies, MB', rawBytes / 1e6, ''],
  ['database file, MB', dbBytes / 1e6, ''],
  ['raw / stored', rawBytes / dbBytes, '≥ 30'],
]);
home.remove();

function stored(): number {
  if (recorder.exit() !== undefined) throw new Error(`the recorder ended: ${recorder.stderr()}`);
  try {
    const status = JSON.parse(readFileSync(join(home.dataDir, 'status', 'recorder.json'), 'utf8')) as {
      exchangesStored: number;
    };
    return status.exchangesStored;
  } catch {
    return 0;
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
