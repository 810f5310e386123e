import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseQuery, parseWords } from '#search';
import {
  type DerivedStore,
  type ExchangeToStore,
  type FoundTouch,
  openDerivedStore,
  openStore,
  type Store,
  type TextSearch,
} from '#store';
import { makeTempDir, type TempDir } from '#test-support';
import { deriveRequests } from './derive-requests.ts';
import { deriveText } from './derive-text.ts';
import { exchange } from './testing/exchange.ts';

let directory: TempDir;
let facts: Store;
let derived: DerivedStore;

beforeEach(async () => {
  directory = makeTempDir('derive-text');
  const config = { engine: 'sqlite', path: directory.join('throughline.db') } as const;
  facts = await openStore(config, { role: 'writer' });
  derived = await openDerivedStore(config, { role: 'writer' });
});
afterEach(async () => {
  await facts.close();
  await derived.close();
  directory.remove();
});

describe('what was said', () => {
  beforeEach(async () => {
    const asked = { role: 'user', content: 'Why is the disk of the database server full?' };
    const called = {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'I should look at the largest directories.', signature: 's' },
        { type: 'text', text: 'Let me look.' },
        { type: 'tool_use', id: 't1', name: 'Bash', input: { command: 'du -sh /var/lib/postgresql/*' } },
      ],
    };
    const result = {
      role: 'user',
      content: [
        {
          type: 'tool_result',
          tool_use_id: 't1',
          content: [{ type: 'text', text: 'ENOSPC: no space left on device, write' }],
        },
      ],
    };
    await record(1, 's1', [asked], called.content);
    await record(
      2,
      's1',
      [{ ...asked, content: [{ type: 'text', text: asked.content }] }, called, result],
      [{ type: 'text', text: 'The migrations filled it: see `src/db/migrate.ts`.' }],
    );
    await record(
      3,
      's2',
      [{ role: 'user', content: 'Write a poem about the disk of the moon' }],
      [{ type: 'text', text: 'Größe liegt im Mond.' }],
    );
    await deriveAll();
  });

  it('is found by words, phrases, beginnings and what is excluded', async () => {
    expect(await sessionsFor('disk')).toEqual(['s2', 's1']);
    expect(await sessionsFor('disk server')).toEqual(['s1']);
    expect(await sessionsFor('"disk of the database"')).toEqual(['s1']);
    expect(await sessionsFor('"database the"')).toEqual([]);
    expect(await sessionsFor('migrat*')).toEqual(['s1']);
    expect(await sessionsFor('migrat')).toEqual([]);
    expect(await sessionsFor('disk -moon')).toEqual(['s1']);
    expect(await sessionsFor('poem OR enospc')).toEqual(['s2', 's1']);
    expect(await sessionsFor('gRÖSSe OR grosse OR grösse')).toEqual([]);
    expect(await sessionsFor('GROßE')).toEqual(['s2']);
  });

  it('is found in thinking, inputs and results of tools, and not by the names of kinds', async () => {
    expect(await sessionsFor('"largest directories"')).toEqual(['s1']);
    expect(await sessionsFor('postgresql')).toEqual(['s1']);
    expect(await sessionsFor('"no space left"')).toEqual(['s1']);
    for (const word of ['user', 'assistant', 'thinking', 'tool_use', 'text'])
      expect(await sessionsFor(word)).toEqual([]);
  });

  it('is found in the middle of words when it is quoted with punctuation', async () => {
    expect(await sessionsFor('"b/migra"')).toEqual(['s1']);
    expect(await sessionsFor('"b/migra" disk')).toEqual([]);
    expect(await sessionsFor('"b/migra" filled')).toEqual(['s1']);
    expect(await sessionsFor('"b-migra"')).toEqual([]);
    expect(await sessionsFor('disk -"database server"')).toEqual(['s2']);
    expect(await sessionsFor('disk -"se server"')).toEqual(['s2', 's1']);
    expect(await sessionsFor('disk -"server full?"')).toEqual(['s2']);
  });

  it('is kept once, however often it was sent again', async () => {
    const result = await search('"disk of the database"');
    expect(result.sessions[0]).toMatchObject({ matches: 1 });
    expect(result.sessions[0]?.found).toHaveLength(1);
  });

  it('is shown where it was first said, with what was found marked', async () => {
    const [session] = (await search('"no space"')).sessions;
    const stored = await facts.storedAfter(1, 1);
    expect(session?.found[0]).toMatchObject({
      source: 'wire',
      requestId: stored[0]?.id,
      kind: 'tool-result',
      role: 'user',
    });
    const { text, highlights } = session!.found[0]!.snippet;
    expect(highlights.map(([from, to]) => text.slice(from, to))).toEqual(['no space']);
  });

  it('is found within a time and among requests with the asked properties', async () => {
    expect(await sessionsFor('disk', { toMs: 1_790_000_000_003 })).toEqual(['s1']);
    expect(await sessionsFor('disk', { fromMs: 1_790_000_000_003 })).toEqual(['s2']);
    expect(await sessionsFor('disk', { keys: queryOf('session:s1') })).toEqual(['s1']);
    expect(await sessionsFor('disk', { keys: queryOf('-session:s1') })).toEqual(['s2']);
    expect(await sessionsFor('disk', { keys: queryOf('status:5xx') })).toEqual([]);
  });

  it('is not found any more when it is forgotten, and nothing of it is left in the file', async () => {
    expect(await bytesOnDisk()).toContain('ostgresql');
    await derived.text.forget('wire', [1, 2]);
    await derived.text.forget('wire', [1, 2]);
    expect(await sessionsFor('disk')).toEqual(['s2']);
    expect(await sessionsFor('postgresql OR directories')).toEqual([]);
    expect(await sessionsFor('"b/migra"')).toEqual([]);
    expect(await bytesOnDisk()).not.toContain('ostgresql');
  });

  it('changes nothing when it is derived twice', async () => {
    const before = await search('disk');
    const again = (await facts.storedAfter(0, 10)).map(({ sequence, receivedAtMs }) => ({
      source: 'wire' as const,
      place: sequence + 10,
      sessionId: 's2',
      atMs: receivedAtMs,
      said: [
        { kind: 'text' as const, role: 'user' as const, text: 'Write a poem about the disk of the moon' },
      ],
    }));
    await derived.text.append(again, 'text', 3);
    expect(await search('disk')).toEqual(before);
  });

  it('says when a query cannot be looked up, and what to do', async () => {
    for (const text of ['-disk', '->', '"=>"', '-a -b']) {
      const result = await derived.text.search({ ...usual, words: parseWords(text) });
      expect(result, text).toMatchObject({
        kind: 'refused',
        sentence: expect.stringContaining('letters or digits'),
      });
    }
  });

  it('is searched by nothing but the words that were asked for, whatever they look like', async () => {
    for (const text of [
      'disk" OR text_words MATCH "x',
      "'; DROP TABLE text_blocks; --",
      'NEAR(disk moon)',
      'text:disk',
      '{disk}',
      '^disk',
      'disk\u0000moon',
      '\ud800disk',
      'a'.repeat(3000),
      'rowid:1',
    ])
      expect((await derived.text.search({ ...usual, words: parseWords(text) })).kind, text).toMatch(
        /found|refused/,
      );
    expect(await sessionsFor('disk')).toEqual(['s2', 's1']);
  });

  it('says that there may be more when it stops at its limits', async () => {
    await record(
      4,
      's4',
      Array.from({ length: 1200 }, (_, n) => ({ role: 'user', content: `common ${n}` })),
      [],
    );
    await deriveAll();
    expect(await search('common')).toMatchObject({ isComplete: true, sessions: [{ matches: 1200 }] });
    expect(await search('common', { matchesMax: 100 })).toMatchObject({ isComplete: false });
    expect(await search('common', { timeMs: 0 })).toMatchObject({ isComplete: false });
  });

  it('is looked at so often and no more, however many sessions have it', async () => {
    const said = [{ kind: 'text', role: 'user', text: 'the walrus.sings' }] as const;
    const places = Array.from({ length: 30 }, (_, number) => ({
      ...({ source: 'wire', place: 10 + number, sessionId: `w${number}`, agentId: undefined } as const),
      ...{ atMs: number, said },
    }));
    await derived.text.append(places, 'text', 40);
    for (const words of ['walrus', '"walrus.sings"']) {
      const few = await search(words, { matchesMax: 10, limit: 100 });
      expect(few).toMatchObject({ total: 10, isComplete: false });
      expect(await search(words, { matchesMax: 100, limit: 100 })).toMatchObject({
        total: 30,
        isComplete: true,
      });
    }
  });

  it('touches files that pages list without leaving one of the same call out', async () => {
    const file = (path: string) => ({ callId: 'c', tool: 'apply_patch', access: 'write', path }) as const;
    const place = { source: 'wire', place: 10, sessionId: 'w', agentId: undefined, atMs: 1 } as const;
    const touched = ['/a', '/b', '/c'].map(file);
    await derived.text.append([{ ...place, said: [], touched }], 'text', 10);
    const paths: string[] = [];
    for (let before: FoundTouch | undefined; ; ) {
      const [next] = await derived.files.touches({ sessionId: 'w', before, limit: 1 });
      if (next === undefined) break;
      paths.push(next.path);
      before = next;
    }
    expect(paths).toEqual(['/c', '/b', '/a']);
  });
});

const usual = {
  nowMs: 1_790_000_000_100,
  zone: 'UTC',
  matchesMax: 5000,
  timeMs: 60_000,
  offset: 0,
  limit: 50,
  snippetsMax: 3,
} satisfies Omit<TextSearch, 'words'>;

async function search(text: string, more: Partial<TextSearch> = {}) {
  const result = await derived.text.search({ ...usual, words: parseWords(text), ...more });
  if (result.kind === 'refused') throw new Error(result.sentence);
  return result;
}

async function sessionsFor(text: string, more: Partial<TextSearch> = {}) {
  return (await search(text, more)).sessions.map(({ sessionId }) => sessionId);
}

function queryOf(text: string) {
  const parsed = parseQuery(text);
  if (parsed.kind === 'refused') throw new Error(parsed.problem.message);
  return parsed.query;
}

async function deriveAll() {
  for (const step of [deriveRequests(facts, derived), deriveText(facts, derived)])
    while ((await step.run()) === 'more');
}

async function record(
  number: number,
  sessionId: string,
  messages: readonly unknown[],
  content: readonly unknown[],
) {
  const request = Buffer.from(
    JSON.stringify({ model: 'm', system: 'Secret instructions about disk', messages }),
  );
  const response = Buffer.from(
    JSON.stringify({ id: `msg_${number}`, type: 'message', role: 'assistant', content }),
  );
  const toStore: ExchangeToStore = {
    ...exchange(number, {
      sessionId,
      requestBytes: request.length,
      requestSha256: sha256(request),
      responseSha256: sha256(response),
      responseBytes: response.length,
    }),
    request: { pieces: [{ kind: 'literal', bytes: request }] },
    response: { pieces: [{ kind: 'literal', bytes: response }] },
  };
  await facts.commit({ exchanges: [toStore], positions: [] });
}

/** The whole database, closed in between. */
async function bytesOnDisk(): Promise<string> {
  await derived.close();
  const files = readdirSync(directory.path).filter((name) => name.startsWith('throughline.derived.db'));
  const bytes = files.map((name) => readFileSync(directory.join(name), 'latin1')).join('');
  derived = await openDerivedStore(
    { engine: 'sqlite', path: directory.join('throughline.db') },
    { role: 'writer' },
  );
  return bytes;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
