import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { besideStore, openDerivedStore, openTranscripts } from '#store';
import { makeTempHome, seededRandom, startThroughline, waitFor } from '#test-support';
import { prose, sourceCode } from '../test/support/agent-prose.ts';
import { builtProgram } from './built-program.ts';
import { cpuMs, option, printTable } from './measure.ts';

// How fast proxy-data indexes transcripts that are already there, from nothing, as it really runs: archive, conversations
// and full text, beside the threads that answer. Once many files with as many messages, once one large file, both with a
// line of 12 MB. Then it is started again: what was read must not be read a second time.
// Options: --files=4000 --messages=280000 --megabytes=1000 --line=12 (0 leaves one out)
const files = option('files', 4_000);
const messages = option('messages', 280_000);
const megabytes = option('megabytes', 1_000);
const lineMegabytes = option('line', 12);

const cli = builtProgram('cli');
const random = seededRandom(5);
const proses = Array.from({ length: 500 }, () => prose(random, random.integer(100, 900)));
const codes = Array.from({ length: 500 }, () => sourceCode(random, random.integer(300, 5_000)));
let lineCount = 0;

if (files > 0 && messages > 0)
  await measure(`${files} files, ${messages} messages, one line of ${lineMegabytes} MB`, (projects) => {
    for (let file = 0; file < files; file++) {
      const lines = Math.round(messages / files) - (file === 0 ? 1 : 0);
      writeSession(join(projects, `-home-me-project-${file % 40}`, `${uuid()}.jsonl`), {
        isEnough: (count) => count >= lines,
        longLineBytes: file === 0 ? lineMegabytes * 1e6 : 0,
      });
    }
  });
if (megabytes > 0)
  await measure(`one file of ${megabytes} MB, one line of ${lineMegabytes} MB`, (projects) => {
    writeSession(join(projects, '-home-me-large', `${uuid()}.jsonl`), {
      isEnough: (_count, bytes) => bytes >= megabytes * 1e6,
      longLineBytes: lineMegabytes * 1e6,
    });
  });

async function measure(title: string, write: (projects: string) => void): Promise<void> {
  using home = makeTempHome('bench-transcripts');
  const projects = join(home.homeDir, '.claude', 'projects');
  write(projects);
  const store = { engine: 'sqlite', path: join(home.dataDir, 'throughline.db') } as const;
  const first = await run(home, store);
  const again = await run(home, store);
  const size = (['transcripts', 'derived'] as const).map((name) => sizeOf(besideStore(store, name)) / 1e6);
  const rate = (seconds: number) => first.bytes / 1e6 / seconds;
  printTable(title, [
    ['', 'seen', 'bar'],
    ['MB of transcripts', first.bytes / 1e6, ''],
    ['MB/s until archived and listed', rate(first.listedS), ''],
    ['MB/s until everything is found', rate(first.foundS), '≥ 100'],
    ['MB/s of processor time', rate(first.cpuS), ''],
    ['peak memory of proxy-data, MiB', first.peakMib, '≤ 300'],
    ['MB of the archive', size[0]!, ''],
    ['MB of what is derived', size[1]!, ''],
    ['started again: MB of transcripts read', again.archivedBytes / 1e6, '0'],
    ['started again: MB read by the process, programs included', again.readBytes / 1e6, ''],
    ['started again: peak memory, MiB', again.peakMib, '≤ 300'],
  ]);
}

interface Run {
  readonly bytes: number;
  readonly listedS: number;
  readonly foundS: number;
  readonly cpuS: number;
  readonly peakMib: number;
  /** Added to the archive. */
  readonly archivedBytes: number;
  readonly readBytes: number;
}

async function run(
  home: ReturnType<typeof makeTempHome>,
  store: { readonly engine: 'sqlite'; readonly path: string },
): Promise<Run> {
  const before = await archivedBytes(store);
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  await using throughline = await startThroughline({
    providerOrigin: 'http://127.0.0.1:9',
    command: 'data',
    home,
    cli,
  });
  const pid = throughline.pids().data!;
  const limits = { timeoutMs: 1_200_000, intervalMs: 100 };
  const bytes = await waitFor(async () => {
    const { transcripts } = (await (await fetch(`${throughline.dataUrl}/health`)).json()) as {
      transcripts?: { state: string; bytes: number };
    };
    return transcripts?.state === 'current' ? transcripts.bytes : undefined;
  }, limits);
  const archive = await openTranscripts(store);
  const derived = await openDerivedStore(store, { role: 'reader' });
  try {
    const { lastPiece, bytes: total } = await archive.counts();
    const reached = (step: 'transcript-entries' | 'transcript-text') =>
      waitFor(async () => (await derived.position(step)) >= lastPiece, limits);
    await reached('transcript-entries');
    const listedS = seconds();
    await reached('transcript-text');
    return {
      bytes,
      listedS,
      foundS: seconds(),
      cpuS: cpuMs(pid) / 1000,
      peakMib: Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024,
      archivedBytes: total - before,
      readBytes: Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1]),
    };
  } finally {
    await Promise.all([archive.close(), derived.close()]);
  }
}

async function archivedBytes(store: { readonly engine: 'sqlite'; readonly path: string }): Promise<number> {
  const archive = await openTranscripts(store);
  const { bytes } = await archive.counts();
  await archive.close();
  return bytes;
}

/** Lines as Claude Code writes them, in the proportions of a working session. */
function writeSession(
  path: string,
  { isEnough, longLineBytes }: { isEnough: (lines: number, bytes: number) => boolean; longLineBytes: number },
): void {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, 'w');
  const session = uuid();
  let pending: string[] = [];
  let [count, bytes] = [0, 0];
  const flush = (): void => {
    bytes += writeSync(file, pending.join(''));
    pending = [];
  };
  if (longLineBytes > 0) {
    pending.push(
      lineOf(session, 'user', [{ type: 'tool_result', content: sourceCode(random, longLineBytes) }]),
    );
    flush();
  }
  while (!isEnough(count, bytes)) {
    pending.push(nextLine(session));
    count += 1;
    if (pending.length === 200) flush();
  }
  flush();
  closeSync(file);
}

function nextLine(session: string): string {
  const kind = random.integer(0, 20);
  const text = () => `${random.pick(proses)} ${random.integer(0, 1e9)} ${random.pick(proses)}`;
  if (kind < 1) return lineOf(session, 'user', text());
  if (kind < 4) return lineOf(session, 'assistant', [{ type: 'text', text: text() }]);
  if (kind < 6)
    return lineOf(session, 'assistant', [{ type: 'thinking', thinking: text(), signature: random.hex(200) }]);
  if (kind < 12) {
    const input = {
      file_path: `/home/me/src/${random.hex(4)}.ts`,
      old_string: random.pick(proses),
      count: lineCount,
    };
    return lineOf(session, 'assistant', [
      { type: 'tool_use', id: `toolu_${lineCount}`, name: 'Edit', input },
    ]);
  }
  if (kind < 18) {
    const content = `${random.pick(codes)}${lineCount}\n`;
    const result = { tool_use_id: `toolu_${lineCount}`, type: 'tool_result', content };
    // The client writes results twice: as they were sent, and as it has them itself.
    return lineOf(session, 'user', [result], { toolUseResult: { stdout: content, stderr: '' } });
  }
  const attachment = { type: 'prompt_snapshot', rendered: `${random.pick(codes)}${lineCount}` };
  return `${JSON.stringify({ type: 'attachment', uuid: uuid(), sessionId: session, attachment })}\n`;
}

function lineOf(session: string, type: 'user' | 'assistant', content: unknown, more: object = {}): string {
  lineCount += 1;
  const common = {
    parentUuid: uuid(),
    isSidechain: false,
    userType: 'external',
    cwd: '/home/me/project',
    sessionId: session,
    version: '2.1.330',
    gitBranch: 'main',
    type,
    uuid: uuid(),
    timestamp: new Date(1_780_000_000_000 + lineCount * 500).toISOString(),
  };
  const usage = {
    input_tokens: 3,
    output_tokens: 120,
    cache_read_input_tokens: 40_000,
    cache_creation_input_tokens: 900,
  };
  const answer = {
    requestId: `req_${lineCount >> 1}`,
    message: { id: `msg_${lineCount >> 1}`, role: type, model: 'claude-opus-4-5', content, usage },
  };
  return `${JSON.stringify({ ...common, ...(type === 'assistant' ? answer : { message: { role: type, content } }), ...more })}\n`;
}

function uuid(): string {
  return random.uuid();
}

function sizeOf(path: string): number {
  return ['', '-wal'].reduce(
    (sum, suffix) => sum + (statSync(path + suffix, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}
