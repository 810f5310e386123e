import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseWords } from '#search';
import { type DerivedStore, type ExchangeToStore, openDerivedStore, openStore, type Store } from '#store';
import { makeTempDir, seededRandom, type TempDir } from '#test-support';
import { deriveDetails } from './derive-details.ts';
import { deriveRequests } from './derive-requests.ts';
import { deriveText } from './derive-text.ts';
import { deriveWireAnswers } from './derive-wire-answers.ts';
import { forgetDeleted } from './forget-deleted.ts';
import { KnownMessages } from './said-in-exchange.ts';
import { exchange } from './testing/exchange.ts';

let directory: TempDir;
let facts: Store;
let derived: DerivedStore;
const opened: { close(): Promise<void> }[] = [];
const startMs = Date.UTC(2026, 0, 1);

beforeEach(async () => {
  directory = makeTempDir('forget-deleted');
  ({ facts, derived } = await open(directory.join('throughline.db')));
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  directory.remove();
});

async function open(path: string) {
  const config = { engine: 'sqlite', path } as const;
  const stores = {
    facts: await openStore(config, { role: 'writer' }),
    derived: await openDerivedStore(config, { role: 'writer' }),
  };
  opened.push(stores.facts, stores.derived);
  return stores;
}

/** Everything, in the order of the index thread, until nothing is left to do. */
async function deriveAll(from = { facts, derived }): Promise<void> {
  const known = new KnownMessages();
  const steps = [
    forgetDeleted(from.facts, from.derived, known),
    deriveRequests(from.facts, from.derived),
    deriveDetails(from.facts, from.derived),
    deriveWireAnswers(from.facts, from.derived),
    deriveText(from.facts, from.derived, known),
  ];
  for (let isBusy = true; isBusy; ) {
    isBusy = false;
    for (const step of steps) if ((await step.run()) === 'more') isBusy = true;
  }
}

function said(number: number, sessionId: string | undefined, messages: readonly string[]): ExchangeToStore {
  const body = Buffer.from(
    JSON.stringify({ model: 'm', messages: messages.map((content) => ({ role: 'user', content })) }),
  );
  const item = exchange(number, {
    ...(sessionId === undefined ? {} : { sessionId }),
    requestBytes: body.length,
    requestSha256: createHash('sha256').update(body).digest('hex'),
  });
  return { ...item, request: { pieces: [{ kind: 'literal', bytes: body }] } };
}

/** The same with an answer that edits a file. */
function edited(item: ExchangeToStore, path: string): ExchangeToStore {
  const call = {
    type: 'tool_use',
    id: `call of ${item.exchange.id}`,
    name: 'Edit',
    input: { file_path: path },
  };
  const body = Buffer.from(JSON.stringify({ type: 'message', role: 'assistant', content: [call] }));
  const responseFacts = {
    status: 200,
    responseHeaders: ['content-type', 'application/json'],
    responseBytes: body.length,
    responseSha256: createHash('sha256').update(body).digest('hex'),
  };
  return {
    ...item,
    exchange: { ...item.exchange, ...responseFacts },
    response: { pieces: [{ kind: 'literal', bytes: body }] },
  };
}

async function sessionsFor(text: string): Promise<(string | undefined)[]> {
  const result = await derived.text.search({
    ...{ words: parseWords(text), nowMs: startMs, zone: 'UTC', matchesMax: 100, timeMs: 60_000 },
    ...{ offset: 0, limit: 10, snippetsMax: 1 },
  });
  return result.kind === 'found' ? result.sessions.map(({ sessionId }) => sessionId).sort() : [];
}

/** All files of the derived database. */
function derivedBytes(): string {
  return readdirSync(directory.path, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.includes('derived'))
    .map((entry) => readFileSync(join(directory.path, entry.name), 'latin1'))
    .join();
}

async function everythingSummed({ statistics }: DerivedStore) {
  const sums = await statistics.sums({
    by: ['quarter', 'session', 'agentName', 'provider', 'askedModel', 'outcomeClass'],
  });
  const latencies = await statistics.latencies({ by: ['quarter', 'askedModel'], quantiles: [0.5, 0.99] });
  const tools = await statistics.tools({ byQuarter: true });
  const sorted = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).sort();
  return {
    sums: sorted(sums),
    latencies: sorted(latencies),
    tools: sorted(tools),
    sessions: sorted(await statistics.sessions({ limit: 100 })),
    agents: sorted(await statistics.agents('one')),
  };
}

describe('what is deleted from the facts', () => {
  it('says nothing about limits any more', async () => {
    const limited = (number: number, sessionId: string) =>
      exchange(number, {
        receivedAtMs: startMs + number * 60_000,
        sessionId,
        provider: 'anthropic',
        responseHeaders: ['anthropic-ratelimit-unified-5h-utilization', `0.${number}`],
      });
    const all = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, limit: 10 };
    const used = async () => (await derived.details.rateLimits(all)).map((point) => point.used);
    await facts.commit({ exchanges: [limited(1, 'one'), limited(2, 'two')], positions: [] });
    await deriveAll();
    expect(await used()).toEqual([0.1, 0.2]);
    await facts.delete({ sessionId: 'one' });
    await deriveAll();
    expect(await used()).toEqual([0.2]);
  });

  it('is in no sum any more: they are as if it had never been', async () => {
    const random = seededRandom(5);
    const all = Array.from({ length: 400 }, (_, number) =>
      exchange(number, {
        receivedAtMs: startMs + random.integer(0, 4 * 3_600_000),
        sessionId: random.pick(['one', 'two', 'three']),
        agentId: random.pick(['a1', 'a2']),
        provider: 'anthropic',
        askedModel: random.pick(['opus', 'haiku']),
        usage: { inputTokens: random.integer(0, 100) },
        lastByteUs: random.integer(1_000, 60_000_000),
        toolsDeclared: ['Bash'],
        toolsCalled: random.pick([[], ['Bash']]),
      }),
    );
    await facts.commit({ exchanges: all, positions: [] });
    await deriveAll();
    await facts.delete({ sessionId: 'two' });
    await facts.delete({ sessionId: 'one', fromMs: startMs + 1_000_000, toMs: startMs + 7_000_000 });
    await deriveAll();

    const copy = directory.join('copy', 'throughline.db');
    mkdirSync(dirname(copy));
    await facts.backup(copy);
    const anew = await open(copy);
    await deriveAll(anew);
    expect(await derived.requests.count()).toBe(await facts.count({}));
    expect(await everythingSummed(derived)).toEqual(await everythingSummed(anew.derived));
  });

  it('is found no more, but what was also said in a later request of the session is', async () => {
    await facts.commit({
      exchanges: [
        said(1, 's1', ['the walrus sings', 'only at first']),
        said(2, 's1', ['the walrus sings', 'and it dances']),
        said(3, 's2', ['the walrus swims']),
      ],
      positions: [],
    });
    await deriveAll();
    expect(await sessionsFor('first')).toEqual(['s1']);
    await facts.delete({ toMs: 1_790_000_000_002 });
    await deriveAll();
    expect(await sessionsFor('first')).toEqual([]);
    expect(await sessionsFor('walrus sings')).toEqual(['s1']);
    expect(await sessionsFor('dances')).toEqual(['s1']);
    expect(await sessionsFor('swims')).toEqual(['s2']);
  });

  it('is found where a request without a session said it again, and no more than a few of those are read for that', async () => {
    const alone = (number: number) =>
      said(number, undefined, ['the walrus sings', number === 1 ? 'only at first' : `and ${number}`]);
    await facts.commit({
      exchanges: [...[1, 2, 3].map(alone), ...Array.from({ length: 250 }, (_, at) => exchange(10 + at))],
      positions: [],
    });
    await deriveAll();
    await facts.delete({ toMs: 1_790_000_000_002 });
    const deletions = forgetDeleted(facts, derived, new KnownMessages());
    for (let most = 9; (await derived.requests.count()) > 252 && most > 0; most -= 1) await deletions.run();
    const again = await derived.requests.toReadAgain(1_000);
    expect(again.slice(0, 3)).toEqual([2, 3, 4]);
    expect(again).toHaveLength(200);
    await deriveAll();
    expect(await sessionsFor('first')).toEqual([]);
    expect(await sessionsFor('walrus')).toEqual([undefined]);
  });

  it('worked on no file any more', async () => {
    await facts.commit({
      exchanges: [
        edited(said(1, 's1', ['a']), '/a.ts'),
        edited(said(2, 's2', ['b']), '/a.ts'),
        edited(said(3, 's1', ['c']), '/c.ts'),
      ],
      positions: [],
    });
    await deriveAll();
    const files = async () =>
      (await derived.files.list({ limit: 9 })).map(({ path, writes, sessions }) => [path, writes, sessions]);
    expect(await files()).toEqual([
      ['/c.ts', 1, 1],
      ['/a.ts', 2, 2],
    ]);
    await facts.delete({ sessionId: 's1' });
    await deriveAll();
    expect(await files()).toEqual([['/a.ts', 1, 1]]);
    expect(await derived.files.touches({ path: '/c.ts', limit: 9 })).toEqual([]);
  });

  it('is said again when it comes again', async () => {
    await facts.commit({ exchanges: [said(1, 's1', ['the walrus sings'])], positions: [] });
    await deriveAll();
    await facts.delete({});
    await deriveAll();
    await facts.commit({ exchanges: [said(2, 's1', ['the walrus sings'])], positions: [] });
    await deriveAll();
    expect(await sessionsFor('walrus')).toEqual(['s1']);
  });

  it('SEC-18: leaves nothing in any file of the database, names included', async () => {
    await facts.commit({
      exchanges: [edited(said(1, 'canary-session', ['a canarycanary in the text']), '/home/canaryfile.ts')],
      positions: [],
    });
    await deriveAll();
    expect(derivedBytes()).toMatch(/canary-session/);
    expect(derivedBytes()).toMatch(/anarycanary/);
    expect(derivedBytes()).toMatch(/canaryfile/);
    await facts.delete({});
    await deriveAll();
    await derived.close();
    expect(derivedBytes()).not.toMatch(/canary-session/);
    expect(derivedBytes()).not.toMatch(/anarycanary/);
    expect(derivedBytes()).not.toMatch(/canaryfile/);
  });

  it('SEC-18: leaves no name that nothing else has, while other requests stay', async () => {
    const marked = (number: number, mark: string) =>
      exchange(number, {
        sessionId: `${mark}-session`,
        tag: `${mark}-tag`,
        path: `/${mark}-path`,
        agentId: `${mark}-agent`,
        parentAgentId: `${mark}-parent`,
        agentName: `${mark}-name`,
        askedModel: `${mark}-model`,
        clientVersion: `${mark}-version`,
        toolsDeclared: ['Bash', `${mark}-tool`],
        toolsCalled: [`${mark}-tool`],
        provider: 'anthropic',
        requestHeaders: ['anthropic-beta', `${mark}-beta,common-beta`],
        responseHeaders: ['anthropic-ratelimit-unified-5h-utilization', '0.5'],
      });
    const stays = Array.from({ length: 3 }, (_, number) => marked(1_000 + number, `stays${number}`));
    const goes = Array.from({ length: 2 }, (_, number) => marked(number, `canary${number}`));
    const touched = [
      edited(said(500, 's1', ['a']), '/home/canaryfile.ts'),
      edited(said(501, 's2', ['b']), '/b.ts'),
    ];
    await facts.commit({ exchanges: [...goes, ...touched, ...stays], positions: [] });
    await deriveAll();
    const before = [...new Set(derivedBytes().match(/canary\d+-\w+/g))].map((name) =>
      name.replace(/.*-/, ''),
    );
    for (const kind of [
      'session',
      'tag',
      'path',
      'agent',
      'parent',
      'name',
      'model',
      'version',
      'tool',
      'beta',
    ])
      expect(
        before.some((name) => name.startsWith(kind)),
        kind,
      ).toBe(true);
    await facts.delete({ toMs: 1_790_000_000_501 });
    await deriveAll();
    expect(await derived.requests.count()).toBe(4);

    // What is left has its names still, and names that are new and come again have one.
    await facts.commit({ exchanges: [marked(2_000, 'stays0'), marked(2_001, 'fresh')], positions: [] });
    await deriveAll();
    const copy = directory.join('copy', 'throughline.db');
    mkdirSync(dirname(copy));
    await facts.backup(copy);
    const anew = await open(copy);
    await deriveAll(anew);
    expect(await everythingSummed(derived)).toEqual(await everythingSummed(anew.derived));
    const tools = (await derived.statistics.tools({})).map(({ tool }) => tool);
    expect(tools).toContain('Bash');
    expect(tools).toContain('stays0-tool');
    const [touch] = await derived.files.touches({ path: '/b.ts', limit: 9 });
    expect(touch).toMatchObject({ tool: 'Edit', sessionId: 's2' });

    await derived.close();
    expect(derivedBytes()).toMatch(/stays1-session/);
    expect(derivedBytes().match(/canary[\w.-]*/g)).toBeNull();
  });

  it('SEC-18: keeps the sums of requests whose bodies were pruned, and nothing of what was said in them', async () => {
    await facts.commit({
      exchanges: [
        edited(said(1, 's1', ['a canarycanary in the text', 'the walrus']), '/home/canaryfile.ts'),
        said(2, 's1', ['the walrus', 'and the carpenter']),
      ],
      positions: [],
    });
    await deriveAll();
    const before = await everythingSummed(derived);
    const { exchanges } = await facts.list({}, { offset: 0, limit: 0 });
    const first = exchanges.find(({ sequence }) => sequence === 1)!;
    expect(await facts.pruneBodies({ id: first.id }, startMs)).toEqual({ exchanges: 1 });
    await deriveAll();
    expect(await sessionsFor('canarycanary')).toEqual([]);
    // What another request said as well is still found, at its place.
    expect(await sessionsFor('walrus')).toEqual(['s1']);
    expect(await sessionsFor('carpenter')).toEqual(['s1']);
    expect(await everythingSummed(derived)).toEqual(before);
    await derived.close();
    const files = readdirSync(directory.path).filter((name) => name.includes('derived'));
    for (const name of files)
      expect(readFileSync(directory.join(name), 'latin1'), name).not.toMatch(/anarycanary|canaryfile/);
  });

  it('SEC-18: lends no number of a name that a reader remembers to another one', async () => {
    const reader = await openDerivedStore(
      { engine: 'sqlite', path: directory.join('throughline.db') },
      { role: 'reader' },
    );
    opened.push(reader);
    const sessions = async () =>
      (await reader.statistics.sessions({ limit: 9 })).map(({ sessionId }) => sessionId);
    await facts.commit({ exchanges: [said(1, 'one', ['a'])], positions: [] });
    await deriveAll();
    expect(await sessions()).toEqual(['one']);
    await facts.delete({});
    await deriveAll();
    await facts.commit({ exchanges: [said(2, 'two', ['b'])], positions: [] });
    await deriveAll();
    expect(await sessions()).toEqual(['two']);
  });

  it('SEC-18: is never derived further than it can be found out that it was deleted', async () => {
    await facts.commit({ exchanges: [said(1, 's1', ['the walrus sings'])], positions: [] });
    for (const step of [deriveWireAnswers(facts, derived), deriveText(facts, derived)]) await step.run();
    expect(await derived.position('wire-answers')).toBe(0);
    expect(await sessionsFor('walrus')).toEqual([]);
    await deriveAll();
    expect(await derived.position('wire-answers')).toBe(1);
    expect(await sessionsFor('walrus')).toEqual(['s1']);
  });

  it('is forgotten by a process that begins in the middle of it', async () => {
    const many = Array.from({ length: 130 }, (_, number) =>
      said(number, 's1', [`line ${number} of the walrus`]),
    );
    await facts.commit({ exchanges: many, positions: [] });
    await deriveAll();
    await facts.delete({ toMs: 1_790_000_000_120 });
    const brokenOff = forgetDeleted(facts, derived, new KnownMessages());
    for (let piece = 0; piece < 3; piece += 1) await brokenOff.run();
    expect(await derived.requests.count()).toBeGreaterThan(10);
    await deriveAll();
    expect(await derived.requests.count()).toBe(10);
    expect(await sessionsFor('walrus')).toEqual(['s1']);
    expect(await sessionsFor('"line 119"')).toEqual([]);
    expect(await sessionsFor('"line 125"')).toEqual(['s1']);
  });
});
