import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { makeTempHome, seededRandom, startThroughline, type Throughline } from '#test-support';
import { openStore } from '../src/store/open-store.ts';
import type { ExchangeToStore } from '../src/store/store.ts';
import { bigHistory, historyDays } from './big-history.ts';
import { builtProgram } from './built-program.ts';
import { GentleTraffic } from './gentle-traffic.ts';
import { codeOf, talkOf, wordsByFrequency } from './history-prose.ts';
import { option, printTable, quantile, textOption } from './measure.ts';
import { startWorker } from './worker.ts';

// Lists, statistics and searches over a large history, asked over HTTP while requests are recorded and indexed.
// Options: --size=1000000 --rounds=5 --asks=10 --per-second=20 --only=WORDS --directory=PATH (kept, and used again)
const size = option('size', 1_000_000);
const rounds = option('rounds', 5);
const asks = option('asks', 10);
const perSecond = option('per-second', 20);
const only = textOption('only');
const exchangesPerCommit = 2_000;

const home = makeTempHome('bench-understanding');
const dataDir = textOption('directory') ?? home.dataDir;
const database = join(dataDir, 'throughline.db');
const endsAtMs = await makeHistory();
const cli = builtProgram('cli');
const provider = await startWorker('./provider-worker.ts');
const { port } = await provider.run<{ port: number }>({});
const throughline = await startThroughline({
  cli,
  providerOrigin: `http://127.0.0.1:${port}`,
  home: { ...home, dataDir },
  // The first start over a large history takes as long as reading it takes.
  config: { log: { level: 'warn' } },
});
try {
  await derived();
  const traffic = new GentleTraffic(throughline.frontUrl, perSecond);
  await measureAll(throughline);
  await traffic.stop();
} finally {
  await throughline.stop();
  await provider.stop();
  home.remove();
}

/** Writes the facts by the store's own path, unless they are there. @returns when the history ends */
async function makeHistory(): Promise<number> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const note = join(dataDir, 'history.json');
  if (existsSync(note)) {
    const made = JSON.parse(readFileSync(note, 'utf8')) as { size: number; endsAtMs: number };
    if (made.size !== size)
      throw new Error(`${dataDir} has a history of ${made.size}: ask for --size=${made.size}`);
    return made.endsAtMs;
  }
  const endsAtMs = Date.now() - 3_600_000;
  const store = await openStore({ engine: 'sqlite', path: database }, { role: 'writer' });
  const startedAt = performance.now();
  let batch: ExchangeToStore[] = [];
  for (const exchange of bigHistory({ size, endsAtMs })) {
    batch.push(exchange);
    if (batch.length < exchangesPerCommit) continue;
    await store.commit({ exchanges: batch, positions: [] });
    batch = [];
  }
  await store.commit({ exchanges: batch, positions: [] });
  await store.close();
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(`generated ${size} exchanges in ${seconds.toFixed(0)} s, ${megabytes('throughline.db')} MB`);
  writeFileSync(note, JSON.stringify({ size, endsAtMs }));
  return endsAtMs;
}

/** Waits until everything is derived, and says how fast that went beside a reference in the same minutes. */
async function derived(): Promise<void> {
  const startedAt = performance.now();
  const before = positions();
  let shownAt = startedAt;
  for (;;) {
    const at = positions();
    const isDone = Math.min(at.requests, at.text) >= size;
    const seconds = (performance.now() - startedAt) / 1000;
    if (isDone || performance.now() - shownAt > 30_000) {
      shownAt = performance.now();
      const rate = (step: 'requests' | 'text') => ((at[step] - before[step]) / seconds).toFixed(0);
      console.log(
        `derived after ${seconds.toFixed(0)} s: ${at.requests} requests (${rate('requests')}/s), texts of ${at.text} (${rate('text')}/s), ` +
          `${megabytes('throughline.derived.db')} MB; reference ${referenceTextsPerSecond().toFixed(0)} texts/s`,
      );
    }
    if (isDone) return;
    await delay(200);
  }
}

function positions(): { requests: number; text: number } {
  const none = { requests: 0, text: 0 };
  const path = join(dataDir, 'throughline.derived.db');
  if (!existsSync(path)) return none;
  const derived = new Database(path, { readonly: true });
  try {
    const rows = derived.prepare('SELECT step, position FROM positions').all() as {
      step: string;
      position: number;
    }[];
    return { ...none, ...Object.fromEntries(rows.map(({ step, position }) => [step, position])) };
  } catch {
    return none;
  } finally {
    derived.close();
  }
}

/** Texts of the same kind that two bare indexes in memory take, in a thread with nothing else to do. */
function referenceTextsPerSecond(): number {
  const texts = 500;
  const random = seededRandom(3);
  const index = new Database(':memory:');
  index.exec(`CREATE VIRTUAL TABLE w USING fts5(t, content='', tokenize='unicode61 remove_diacritics 2');
    CREATE VIRTUAL TABLE g USING fts5(t, content='', tokenize='trigram', detail=none)`);
  const inserts = ['w', 'g'].map((name) => index.prepare(`INSERT INTO ${name} (rowid, t) VALUES (?, ?)`));
  const startedAt = performance.now();
  index.transaction(() => {
    for (let row = 1; row <= texts; row++) {
      const text = row % 2 === 0 ? talkOf(random, 40) : codeOf(random, 6);
      createHash('sha256').update(text).digest();
      for (const insert of inserts) insert.run(row, text);
    }
  })();
  const seconds = (performance.now() - startedAt) / 1000;
  index.close();
  return texts / seconds;
}

function megabytes(name: string): string {
  const bytes = ['', '-wal'].map(
    (suffix) => statSync(join(dataDir, name + suffix), { throwIfNoEntry: false })?.size ?? 0,
  );
  return (bytes.reduce((sum, each) => sum + each, 0) / 1e6).toFixed(0);
}

interface Question {
  readonly name: string;
  /** Another address each time, so that no answer is remembered. */
  readonly path: (turn: number) => string;
  readonly barMs: number;
}

function questions(deep: string): readonly (readonly [title: string, questions: readonly Question[]])[] {
  const dayMs = 86_400_000;
  const at = (ms: number) => encodeURIComponent(new Date(ms).toISOString());
  // A range whose ends are no quarter hours.
  const last = (days: number, turn: number) =>
    `start=${at(endsAtMs - days * dayMs - turn * 61_000)}&end=${at(endsAtMs - turn * 1_000)}`;
  const since = (days: number, turn: number) => `since=${at(endsAtMs - days * dayMs - turn * 61_000)}`;
  const lists: Question[] = [
    ['list', () => '/api/v2/requests?limit=100'],
    ['list, far inside', () => `/api/v2/requests?limit=100&cursor=${deep}`],
    ['list of a model', () => '/api/v2/requests?limit=100&model=opus'],
    ['list of errors', () => '/api/v2/requests?limit=100&outcome=client-aborted'],
    ['old list, with the total', () => '/api/requests/summary?limit=100'],
    ['old list of a model, with the total', () => '/api/requests/summary?limit=100&model=opus'],
    ['requests/search, everything', () => '/api/v2/requests/search?limit=100'],
    ['requests/search, far inside', () => `/api/v2/requests/search?limit=100&cursor=${deep}`],
    [
      'requests/search, is:failed',
      () => `/api/v2/requests/search?limit=100&q=${encodeURIComponent('is:failed')}`,
    ],
    [
      'requests/search, model and agent',
      () => `/api/v2/requests/search?limit=100&q=${encodeURIComponent('model:claude-haiku* agent:reviewer')}`,
    ],
    [
      'requests/search, rare: cost',
      () => `/api/v2/requests/search?limit=100&q=${encodeURIComponent('cost:>$0.6')}`,
    ],
    [
      'requests/search, no hit',
      () => `/api/v2/requests/search?limit=100&q=${encodeURIComponent('tag:nothing')}`,
    ],
    ['requests/search, a word', () => `/api/v2/requests/search?limit=100&q=${wordsByFrequency.common}`],
  ].map(([name, path]) => ({ name, path, barMs: 50 }) as Question);
  const counts: Question[] = [
    ['histogram, 1 hour', (turn: number) => `/api/v2/requests/histogram?bucket=60&${since(1 / 24, turn)}`],
    ['histogram, 1 day', (turn: number) => `/api/v2/requests/histogram?bucket=900&${since(1, turn)}`],
    ['histogram, 90 days', (turn: number) => `/api/v2/requests/histogram?bucket=86400&${since(90, turn)}`],
    [
      'histogram, 90 days, is:failed',
      (turn: number) => `/api/v2/requests/histogram?bucket=86400&q=is:failed&${since(90, turn)}`,
    ],
    ['suggest, 1 day', (turn: number) => `/api/v2/suggest?key=model&${since(1, turn)}`],
    ['suggest model', () => '/api/v2/suggest?key=model'],
    ['suggest session, by prefix', () => '/api/v2/suggest?key=session&prefix=ab'],
    ['suggest agent, is:failed', () => '/api/v2/suggest?key=agent&q=is:failed'],
  ].map(([name, path]) => ({ name, path, barMs: 150 }) as Question);
  const routes: [string, string][] = [
    ['', 'tz=Europe/Berlin'],
    ['hourly', 'tz=Asia/Kathmandu'],
    ['models', ''],
    ['providers', ''],
    ['subagents', ''],
    ['tools', ''],
    ['performance', ''],
    ['usage', 'by=day,model&tz=America/New_York'],
    ['usage', 'by=session'],
  ];
  const statistics = routes.flatMap(([route, parameters]) =>
    [1, 7, historyDays].map(
      (days): Question => ({
        name: `stats/${route || 'daily'} ${parameters}, ${days} days`,
        path: (turn) => `/api/v2/stats${route && '/'}${route}?${parameters}&${last(days, turn)}`,
        barMs: 150,
      }),
    ),
  );
  statistics.push({
    name: 'routing/stats, 90 days',
    path: (turn) => `/api/v2/routing/stats?${last(90, turn)}`,
    barMs: 150,
  });
  const { frequent, alsoFrequent, common, rare } = wordsByFrequency;
  const searches: [string, string, string?][] = [
    ['frequent word', frequent],
    ['common word', common],
    ['rare word', rare],
    ['no hit', 'xylographs'],
    ['frequent AND rare', `${frequent} ${rare}`],
    ['frequent AND no hit', `${frequent} xylographs`],
    ['frequent OR rare', `${frequent} OR ${rare}`],
    ['frequent NOT frequent', `${frequent} -${alsoFrequent}`],
    ['phrase', `"${frequent} ${alsoFrequent}"`],
    ['phrase that is not there', `"${alsoFrequent} ${common} ${frequent}"`],
    ['beginning, 3 letters', `${common.slice(0, 3)}*`],
    ['beginning, 1 letter', 's*'],
    ['quoted code', '"] !== undefined) ret"'],
    ['quoted code, rare', `"${rare.slice(0, 3)}/${common.slice(0, 3)}"`],
    ['quoted code, no hit', '"=>{~}#!"'],
    ['quoted code and a word', `"= await" ${common}`],
    ['frequent, of a model', `${frequent} model:local*`],
    ['frequent, of failed requests', `${frequent} is:failed`],
    [
      'common, a day long ago',
      common,
      `&since=${at(endsAtMs - 80 * dayMs)}&before=${at(endsAtMs - 79 * dayMs)}`,
    ],
  ];
  const search = searches.map(
    ([name, q, more = '']): Question => ({
      name: `search, ${name}`,
      path: () => `/api/v2/search?limit=20&q=${encodeURIComponent(q)}${more}`,
      barMs: 150,
    }),
  );
  const conversations: Question[] = [
    { name: 'conversations', path: () => '/api/v2/conversations?limit=50', barMs: 50 },
    { name: 'sessions', path: () => '/api/v2/sessions?limit=50', barMs: 50 },
    { name: 'files', path: () => '/api/v2/files?limit=100', barMs: 50 },
    { name: 'conversations/search', path: () => `/api/conversations/search?q=${frequent}`, barMs: 150 },
  ];
  return [
    ['A page that needs no store', [{ name: 'nothing', path: () => '/', barMs: Number.NaN }]],
    ['Lists', lists],
    ['Counts', counts],
    ['Searches', search],
    ['Statistics', statistics],
    ['Conversations', conversations],
  ];
}

async function measureAll({ dataUrl, pids }: Throughline): Promise<void> {
  const what = `${rounds} rounds of ${asks} over ${size} exchanges and ${perSecond} more a second, milliseconds`;
  const ask = async (path: string): Promise<string> => {
    const answer = await fetch(dataUrl + path);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text.slice(0, 300)}`);
    return text;
  };
  const half = await ask(
    `/api/v2/requests?limit=1&before=${encodeURIComponent(new Date(endsAtMs - 45 * 86_400_000).toISOString())}`,
  );
  const deep = encodeURIComponent((JSON.parse(half) as { nextCursor: string }).nextCursor);
  for (const [title, group] of questions(deep)) {
    const all = group.filter(({ name }) => only === undefined || name.includes(only));
    if (all.length > 0) printTable(`${title}: ${what}`, await measured(all));
  }

  async function measured(all: readonly Question[]): Promise<(string | number)[][]> {
    const waits = all.map((): number[][] => []);
    const cpu = all.map((): number[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [at, { path }] of all.entries()) {
        const cpuBefore = answeringMs(pids().data ?? 0);
        const waited: number[] = [];
        for (let turn = 0; turn < asks; turn++) {
          const startedAt = performance.now();
          await ask(path(round * asks + turn));
          waited.push(performance.now() - startedAt);
        }
        waits[at]!.push(waited);
        cpu[at]!.push((answeringMs(pids().data ?? 0) - cpuBefore) / asks);
      }
    }
    const rows = all.map(({ name, barMs }, at) => {
      const p95 = quantile(
        waits[at]!.map((waited) => quantile(waited, 0.95)),
        0.5,
      );
      const flat = waits[at]!.flat();
      const bar = Number.isNaN(barMs) ? '' : `≤ ${barMs}`;
      const missed = p95 > barMs ? 'missed' : '';
      return [name, quantile(cpu[at]!, 0.5), quantile(flat, 0.5), p95, quantile(flat, 1), bar, missed];
    });
    return [['', 'processor', 'p50', 'p95', 'max', 'bar', ''], ...rows];
  }
}

/** Time that the threads of proxy-data which answer have had a core, in milliseconds: all but the one that indexes. */
function answeringMs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).reduce((sum, task) => {
    if (task !== String(pid) && !readFileSync(join(tasks, task, 'comm'), 'utf8').includes('query'))
      return sum;
    return sum + Number(readFileSync(join(tasks, task, 'schedstat'), 'utf8').split(' ')[0]) / 1e6;
  }, 0);
}
