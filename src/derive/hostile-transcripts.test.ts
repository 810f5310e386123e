import { linkSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseWords } from '#search';
import { type DerivedStore, openDerivedStore, openTranscripts, type TranscriptStore } from '#store';
import { makeTempDir, type TempDir } from '#test-support';
import { type ArchiveStep, archiveTranscripts } from './archive-transcripts.ts';
import { deriveConversations } from './derive-conversations.ts';
import { deriveTranscriptText } from './derive-transcript-text.ts';
import type { Step } from './step.ts';

/** Files in one directory; of those, transcripts. */
const filesInAll = 100_000;
const transcriptsAmong = Number(process.env.THROUGHLINE_TEST_TRANSCRIPTS ?? 500);

let directory: TempDir;
let projects: string;
let transcripts: TranscriptStore;
let derived: DerivedStore;
let archive: ArchiveStep;
let steps: Step[];
let clock = 0;

beforeEach(async () => {
  directory = makeTempDir('hostile-transcripts');
  projects = directory.join('projects');
  mkdirSync(projects);
  const config = { engine: 'sqlite', path: directory.join('throughline.db') } as const;
  transcripts = await openTranscripts(config);
  derived = await openDerivedStore(config, { role: 'writer' });
  archive = archiveTranscripts(transcripts, {
    roots: [{ kind: 'claude', directory: projects }],
    watch: { add() {}, take: () => [], close() {} },
    nowMs: () => Date.now(),
    clockMs: () => clock,
    keepsDeleted: true,
    rescanMs: 1_000,
  });
  steps = [archive, deriveConversations(transcripts, derived), deriveTranscriptText(transcripts, derived)];
});
afterEach(async () => {
  await Promise.all([transcripts.close(), derived.close()]);
  directory.remove();
});

async function index(): Promise<void> {
  clock += 1_000_000;
  for (const step of steps) while ((await step.run()) === 'more');
}

function put(path: string, content: string | Buffer): string {
  const full = join(projects, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  return full;
}

function user(text: string, more: object = {}): string {
  const message = { role: 'user', content: text };
  return `${JSON.stringify({ type: 'user', uuid: `u-${text}`, sessionId: 's1', message, ...more })}\n`;
}

async function sessionsFor(text: string): Promise<(string | undefined)[]> {
  const result = await derived.text.search({
    words: parseWords(text),
    nowMs: Date.now(),
    zone: 'UTC',
    matchesMax: 100,
    timeMs: 10_000,
    offset: 0,
    limit: 10,
    snippetsMax: 1,
  });
  if (result.kind !== 'found') throw new Error(result.sentence);
  return result.sessions.map(({ sessionId }) => sessionId);
}

it('a directory with 100,000 files is walked, and its transcripts are read once', async () => {
  for (let number = 0; number < transcriptsAmong; number += 1)
    put(`-app/session-${number}.jsonl`, user(`walrus ${number}`));
  // A file has at most some ten thousand names.
  const others = [0, 1, 2, 3].map((number) => put(`-app/other-${number}`, user('secret')));
  for (let number = readdirSync(join(projects, '-app')).length; number < filesInAll; number += 1)
    linkSync(others[number % 4]!, join(projects, `-app/other-${number + 4}`));
  await index();
  const counts = await transcripts.counts();
  expect(counts).toMatchObject({ files: transcriptsAmong, lines: transcriptsAmong });
  expect(archive.progress).toMatchObject({ state: 'current', unreadable: 0 });
  expect(await derived.conversations.list({ offset: transcriptsAmong - 1, limit: 9 })).toHaveLength(1);
  await index();
  expect(await transcripts.counts()).toEqual(counts);
}, 240_000);

it('a socket with the name of a transcript is passed over', async () => {
  mkdirSync(join(projects, '-app'));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(projects, '-app/s1.jsonl'), resolve));
  put('-app/s2.jsonl', user('one'));
  await index();
  expect((await transcripts.files()).map(({ path }) => path)).toEqual(['-app/s2.jsonl']);
  await new Promise((resolve) => server.close(resolve));
});

it('bytes that are no text, and ids that lead elsewhere, are data like any other', async () => {
  put(
    '-app/s1.jsonl',
    Buffer.concat([
      Buffer.from([0xff, 0xfe, 0x00, 0x0a]),
      Buffer.from(user('before\0after the walrus')),
      Buffer.from('{"type":"user","message":{"role":"user","content":"'),
      Buffer.from([0xc3, 0x28]),
      Buffer.from(' sings"}}\n{"__proto__":{"type":"user"},"type":{"a":1}}\n[[[[\n\n'),
      Buffer.from(user('far away', { sessionId: '../../../etc/passwd', agentId: '../x', cwd: '/../..' })),
    ]),
  );
  put('..evil/..%2f..%2fetc.jsonl', user('not a name of a session'));
  put('..evil/%00.jsonl', user('nor is this'));
  await index();
  expect((await transcripts.files()).map(({ path }) => path)).toEqual(['-app/s1.jsonl']);
  expect(await sessionsFor('"after the walrus"')).toEqual(['s1']);
  expect(await sessionsFor('sings')).toEqual(['s1']);
  expect(await sessionsFor('"far away"')).toEqual(['s1']);
  expect(await derived.conversations.find('../../../etc/passwd')).toBeUndefined();
  expect((await derived.conversations.find('s1'))?.lines).toBe(6);
  expect(({} as { type?: unknown }).type).toBeUndefined();
});

it('a file that another one takes the place of, with the same inode or another, is followed', async () => {
  const file = put('-app/s1.jsonl', user('one'));
  await index();
  writeFileSync(file, user('two') + user('three'));
  await index();
  expect((await derived.conversations.find('s1'))?.firstMessage).toBe('two');
  renameSync(put('-app/new', user('four')), file);
  await index();
  expect((await derived.conversations.find('s1'))?.firstMessage).toBe('four');
  const page = { offset: 0, limit: 10, includesAgents: true };
  expect((await derived.conversations.messages('s1', page)).total).toBe(1);
});
