import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type DerivedStore,
  openDerivedStore,
  openStore,
  openTranscripts,
  type Store,
  type TranscriptStore,
} from '#store';
import { makeTempDir, type TempDir } from '#test-support';
import { archiveTranscripts } from './archive-transcripts.ts';
import { deriveConversations } from './derive-conversations.ts';
import type { Step } from './step.ts';

let directory: TempDir;
let projects: string;
let facts: Store;
let transcripts: TranscriptStore;
let derived: DerivedStore;
let steps: Step[];
let clock = 0;

beforeEach(async () => {
  directory = makeTempDir('conversations');
  projects = directory.join('projects');
  mkdirSync(projects);
  await open();
});
afterEach(async () => {
  await close();
  directory.remove();
});

async function open(): Promise<void> {
  const config = { engine: 'sqlite', path: directory.join('throughline.db') } as const;
  facts = await openStore(config, { role: 'writer' });
  transcripts = await openTranscripts(config);
  derived = await openDerivedStore(config, { role: 'writer' });
  const archive = archiveTranscripts(transcripts, {
    roots: [{ kind: 'claude', directory: projects }],
    watch: { add() {}, take: () => [], close() {} },
    nowMs: () => Date.now(),
    clockMs: () => clock,
    keepsDeleted: true,
    rescanMs: 1_000,
  });
  steps = [archive, deriveConversations(transcripts, derived)];
}

async function close(): Promise<void> {
  await Promise.all([facts.close(), transcripts.close(), derived.close()]);
}

async function index(): Promise<void> {
  clock += 1_000_000;
  for (const step of steps) while ((await step.run()) === 'more');
}

function put(path: string, lines: readonly object[]): string {
  const full = join(projects, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, textOf(lines));
  return full;
}

const textOf = (lines: readonly object[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join('');
const at = (second: number) => new Date(Date.UTC(2026, 0, 2, 3, 4, second)).toISOString();
const user = (uuid: string, text: string, second: number, more: object = {}) => ({
  type: 'user',
  uuid,
  timestamp: at(second),
  sessionId: 's1',
  cwd: '/home/me/app',
  message: { role: 'user', content: text },
  ...more,
});
/** One block of an answer; each block of it repeats the usage. */
const answer = (uuid: string, request: string, second: number, more: object = {}) => ({
  type: 'assistant',
  uuid,
  timestamp: at(second),
  sessionId: 's1',
  requestId: request,
  message: {
    id: `msg_${request}`,
    role: 'assistant',
    model: 'claude-opus-4-1',
    content: [{ type: 'text', text: `block ${uuid}` }],
    usage: {
      input_tokens: 10,
      output_tokens: 20,
      cache_read_input_tokens: 30,
      cache_creation_input_tokens: 40,
    },
  },
  ...more,
});

describe('conversations', () => {
  it('are listed with what the user said first, the newest first', async () => {
    put('-app/s1.jsonl', [
      user('u0', '<system>', 1, { isMeta: true }),
      user('u1', 'Make it faster', 2),
      answer('a1', 'r1', 3),
      { type: 'custom-title', customTitle: 'Faster', sessionId: 's1' },
      { type: 'invented', sessionId: 's1' },
    ]);
    put('-other/s2.jsonl', [user('u2', `${'é'.repeat(300)}`, 9, { sessionId: 's2' })]);
    await index();
    const [newest, oldest] = await derived.conversations.list({ offset: 0, limit: 10 });
    expect(oldest).toMatchObject({
      id: 's1',
      project: '-app',
      lines: 5,
      firstMessage: 'Make it faster',
      title: 'Faster',
      cwd: '/home/me/app',
      startMs: Date.parse(at(1)),
      endMs: Date.parse(at(3)),
    });
    expect(newest?.firstMessage).toBe(`${'é'.repeat(200)}...`);
    expect(await derived.conversations.list({ project: '-other', offset: 0, limit: 10 })).toEqual([newest]);
  });

  it('have the messages of their agents, in old and new layouts, when asked for', async () => {
    put('-app/s1.jsonl', [user('u1', 'go', 1), answer('a1', 'r1', 9)]);
    put('-app/s1/subagents/agent-x1.jsonl', [answer('a2', 'r2', 5, { agentId: 'x1', isSidechain: true })]);
    put('-app/agent-y2.jsonl', [
      { type: 'mode' },
      answer('a3', 'r3', 6, { agentId: 'y2', isSidechain: true }),
    ]);
    await index();
    const page = { offset: 0, limit: 10 };
    const main = await derived.conversations.messages('s1', { ...page, includesAgents: false });
    const all = await derived.conversations.messages('s1', { ...page, includesAgents: true });
    expect(main.total).toBe(2);
    const lines = await transcripts.lines(all.entryIds);
    expect(lines.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()).uuid)).toEqual([
      'u1',
      'a2',
      'a3',
      'a1',
    ]);
  });

  it('I3: keep their messages when a fork copies them, and their tokens, each answer counted once', async () => {
    const lines = [user('u1', 'go', 1), answer('a1', 'r1', 2), answer('a2', 'r1', 3)];
    put('-app/s1.jsonl', lines);
    put('-app/s9.jsonl', [
      ...lines.map((line) => ({ ...line, sessionId: 's9', requestSessionId: 's1' })),
      answer('a9', 'r9', 8, { sessionId: 's9' }),
    ]);
    await index();
    const page = { offset: 0, limit: 10, includesAgents: true };
    expect((await derived.conversations.messages('s1', page)).total).toBe(3);
    expect((await derived.conversations.messages('s9', page)).total).toBe(4);
    const once = { answers: 1, inputTokens: 10, outputTokens: 20, cacheReadTokens: 30, cacheWriteTokens: 40 };
    expect(await derived.conversations.usage('s1')).toEqual(once);
    expect(await derived.conversations.usage('s9')).toEqual(once);
  });

  it('grow with their files and follow a file that is written anew', async () => {
    const file = put('-app/s1.jsonl', [user('u1', 'one', 1)]);
    await index();
    appendFileSync(file, textOf([user('u2', 'two', 2)]));
    await index();
    const page = { offset: 0, limit: 10, includesAgents: true };
    expect((await derived.conversations.messages('s1', page)).total).toBe(2);
    writeFileSync(file, textOf([user('u3', 'three', 3)]));
    await index();
    expect((await derived.conversations.messages('s1', page)).total).toBe(1);
    expect((await derived.conversations.find('s1'))?.firstMessage).toBe('three');
  });

  it('are the same when everything that is derived is deleted', async () => {
    put('-app/s1.jsonl', [user('u1', 'go', 1), answer('a1', 'r1', 2)]);
    await index();
    const before = await derived.conversations.list({ offset: 0, limit: 10 });
    await close();
    for (const name of readdirSync(directory.path))
      if (name.includes('.derived.')) rmSync(directory.join(name));
    await open();
    await index();
    expect(await derived.conversations.list({ offset: 0, limit: 10 })).toEqual(before);
  });
});

const recordings = process.env.THROUGHLINE_RECORDINGS;
// A test that is left out would count as failed: without the recordings there is none.
if (recordings !== undefined)
  it('names every line of recorded transcripts and counts each answer once', async () => {
    for (const version of readdirSync(recordings!).filter((name) => name.startsWith('claude-')))
      for (const recorded of readdirSync(join(recordings!, version)).filter((name) =>
        name.endsWith('.projects'),
      ))
        execFileSync('cp', ['-r', `${join(recordings!, version, recorded)}/.`, projects]);
    await index();
    const conversations = await derived.conversations.list({ offset: 0, limit: 100 });
    expect(conversations.length).toBeGreaterThan(5);
    const { answers } = await derived.join.report(0);
    const ids = new Set<string>();
    for (const path of readdirSync(projects, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.jsonl'),
    ))
      for (const found of execFileSync('cat', [join(projects, path)], { encoding: 'utf8' }).matchAll(
        /"requestId":"([^"]+)"/g,
      ))
        ids.add(found[1]!);
    expect(answers).toBe(ids.size);
  });
