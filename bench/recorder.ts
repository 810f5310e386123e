import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { RecorderConfig } from '#config';
import {
  type AgentRequest,
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

// How fast the recorder turns a journal that is already there into a fresh store, and how large that store is. Twice:
// with a coding agent's sessions, each request of which repeats the one before and adds a turn, and with requests that
// have nothing in common, which no agent sends: then every byte has to be scanned, hashed, compressed and written.
// Options: --sessions=5 --turns=100 --unlike=150
const sessions = option('sessions', 5);
const turns = option('turns', 100);
const unlike = option('unlike', 150);
const toolResultBytes = [3_000, 7_000] as const;

const program = builtProgram('recorder');
const provider = await startWorker('./provider-worker.ts');
const { port } = await provider.run<{ port: number }>({});
const resent = await measure(sessionsOfAgents());
const unalike = await measure(unlikeRequests());
await provider.stop();
printTable('Recorder, requests of several hundred kB', [
  ['', 'sessions of agents', 'nothing repeats', 'bar (of 300 kB)'],
  ['exchanges', String(resent.exchanges), String(unalike.exchanges), ''],
  ['kB on average', ...both(({ rawBytes, exchanges }) => rawBytes / exchanges / 1000), ''],
  ['exchanges per second of processor time', ...both(({ exchanges, cpuS }) => exchanges / cpuS), '≥ 150'],
  ['MB of bodies per second of processor time', ...both(({ rawBytes, cpuS }) => rawBytes / 1e6 / cpuS), ''],
  ['exchanges per second of wall time', ...both(({ exchanges, wallS }) => exchanges / wallS), ''],
  ['start of the process, s of processor time, not counted above', ...both(({ startS }) => startS), ''],
  ['raw / stored', ...both(({ rawBytes, storedBytes }) => rawBytes / storedBytes), '≥ 30'],
]);

interface Measured {
  readonly exchanges: number;
  readonly rawBytes: number;
  readonly storedBytes: number;
  readonly startS: number;
  readonly cpuS: number;
  readonly wallS: number;
}

function both(value: (measured: Measured) => number): number[] {
  return [value(resent), value(unalike)];
}

function* sessionsOfAgents(): Generator<AgentRequest> {
  for (let seed = 1; seed <= sessions; seed++) {
    yield* agentTraffic({ seed, turns, toolResultBytes, subagentEvery: 0 });
  }
}

/** The last request of as many sessions. */
function* unlikeRequests(): Generator<AgentRequest> {
  for (let seed = 1; seed <= unlike; seed++) {
    yield [...agentTraffic({ seed: 1_000 + seed, turns: 48, toolResultBytes, subagentEvery: 0 })].at(-1)!;
  }
}

async function measure(requests: Iterable<AgentRequest>): Promise<Measured> {
  const home = makeTempHome('bench-recorder');
  const core = await startCoreAlone({ providerOrigin: `http://127.0.0.1:${port}`, home });
  let [exchanges, rawBytes] = [0, 0];
  for (const request of requests) {
    const answer = await askOnce(core.url, request);
    rawBytes += request.body.length + answer.body.length;
    exchanges++;
  }
  await core.stop();

  const config: RecorderConfig = {
    dataDir: home.dataDir,
    journalDirectory: core.journalDirectory,
    store: { engine: 'sqlite', path: home.join('bench.db') },
    replayAgeMsMax: 86_400_000,
    replayBytesMax: 10_000_000_000,
    logLevel: 'warn',
  };
  const startS = await startSeconds({
    ...config,
    dataDir: home.join('empty'),
    journalDirectory: home.join('none'),
  });
  const startedAt = performance.now();
  const recorder = startRecorder(config);
  const stored = (): number => storedCount(home.dataDir);
  await waitFor(() => stored() >= exchanges || recorder.exit() !== undefined, {
    timeoutMs: 300_000,
    intervalMs: 20,
    what: () => `${exchanges} stored exchanges, ${stored()} so far\n${recorder.stderr()}`,
  });
  if (recorder.exit() !== undefined) throw new Error(`the recorder ended: ${recorder.stderr()}`);
  const wallS = (performance.now() - startedAt) / 1000;
  const cpuS = cpuMs(recorder.pid) / 1000 - startS;
  await endProcess(recorder);
  const storedBytes = ['', '-wal'].reduce((sum, suffix) => sum + sizeOf(`${config.store.path}${suffix}`), 0);
  home.remove();
  return { exchanges, rawBytes, storedBytes, startS, cpuS, wallS };
}

/** What a recorder with nothing to do has used when it is ready. */
async function startSeconds(config: RecorderConfig): Promise<number> {
  const recorder = startRecorder({
    ...config,
    store: { ...config.store, path: `${config.store.path}-empty` },
  });
  await new Promise((resolve) => recorder.child.once('message', resolve));
  const startS = cpuMs(recorder.pid) / 1000;
  await endProcess(recorder);
  return startS;
}

function startRecorder(config: RecorderConfig): ReturnType<typeof startNode> {
  const recorder = startNode(program, [], { env: {}, input: 'ipc' });
  recorder.child.send({
    type: 'start',
    order: { service: 'recorder', generation: 1, version: '0.0.0-bench', listeners: [], config },
  });
  return recorder;
}

function storedCount(dataDir: string): number {
  try {
    const status = JSON.parse(readFileSync(join(dataDir, 'status', 'recorder.json'), 'utf8')) as {
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
