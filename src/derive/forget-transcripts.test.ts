import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseWords } from '#search';
import { type DerivedStore, openDerivedStore, openTranscripts, type TranscriptStore } from '#store';
import { makeTempDir, type TempDir } from '#test-support';
import { archiveTranscripts } from './archive-transcripts.ts';
import { deriveConversations } from './derive-conversations.ts';
import { deriveSessionTitles } from './derive-session-titles.ts';
import { deriveTranscriptText } from './derive-transcript-text.ts';
import { forgetTranscripts } from './forget-transcripts.ts';
import type { Step } from './step.ts';

let directory: TempDir;
let transcripts: TranscriptStore;
let derived: DerivedStore;
let clock = 0;

beforeEach(async () => {
  directory = makeTempDir('forget-transcripts');
  const config = { engine: 'sqlite', path: directory.join('throughline.db') } as const;
  transcripts = await openTranscripts(config);
  derived = await openDerivedStore(config, { role: 'writer' });
});
afterEach(async () => {
  await Promise.allSettled([transcripts.close(), derived.close()]);
  directory.remove();
});

function stepsThatKeep(keepsDeleted: boolean): Step[] {
  return [
    archiveTranscripts(transcripts, {
      roots: [{ kind: 'claude', directory: directory.join('projects') }],
      watch: { add() {}, take: () => [], close() {} },
      nowMs: () => Date.now(),
      clockMs: () => clock,
      keepsDeleted,
      rescanMs: 1_000,
    }),
    deriveConversations(transcripts, derived),
    deriveSessionTitles(transcripts, derived),
    deriveTranscriptText(transcripts, derived),
    forgetTranscripts(transcripts, derived),
  ];
}

async function index(steps: readonly Step[]): Promise<void> {
  clock += 1_000_000;
  for (const step of steps) while ((await step.run()) === 'more');
}

function write(path: string, ...lines: readonly object[]): void {
  const full = join(directory.join('projects'), path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

function answer(session: string, text: string): object {
  return {
    type: 'assistant',
    uuid: `${session} ${text}`,
    sessionId: session,
    requestId: `req-${session}`,
    message: { role: 'assistant', content: [{ type: 'text', text }], usage: { output_tokens: 7 } },
  };
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

it('a session whose files are deleted leaves lists, sums and search, and others stay', async () => {
  const steps = stepsThatKeep(false);
  write('-app/s1.jsonl', answer('s1', 'the walrus sings'));
  write('-app/s1/custom-title.json', { customTitle: 'Song of the walrus' });
  write('-app/s2.jsonl', answer('s2', 'another walrus listens'));
  await index(steps);
  expect((await sessionsFor('walrus')).sort()).toEqual(['s1', 's2']);
  expect((await derived.conversations.find('s1'))?.title).toBe('Song of the walrus');
  rmSync(directory.join('projects/-app/s1.jsonl'));
  rmSync(directory.join('projects/-app/s1'), { recursive: true });
  await index(steps);
  expect(await sessionsFor('walrus')).toEqual(['s2']);
  expect(await derived.conversations.find('s1')).toBeUndefined();
  expect((await derived.conversations.usage('s1')).answers).toBe(0);
  expect((await derived.conversations.usage('s2')).answers).toBe(1);
});

it('SEC-18: a forgotten session leaves nothing in any file', async () => {
  const steps = stepsThatKeep(false);
  write('-app/canary-session.jsonl', answer('canary-session', 'a canarycanary in the text'));
  write('-app/canary-session/custom-title.json', { customTitle: 'canarytitle' });
  write('-app/canary-session/subagents/agent-a1.meta.json', { agentType: 'canaryagent' });
  await index(steps);
  const bytes = () =>
    readdirSync(directory.path, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(directory.path, entry.name), 'latin1'))
      .join();
  for (const canary of ['canary-session', 'anarycanary', 'canarytitle', 'canaryagent'])
    expect(bytes()).toContain(canary);
  rmSync(directory.join('projects/-app'), { recursive: true });
  await index(steps);
  await Promise.all([transcripts.close(), derived.close()]);
  expect(bytes()).not.toContain('anary');
});

it('a title leaves with its document, while the session stays', async () => {
  const steps = stepsThatKeep(false);
  write('-app/s1.jsonl', answer('s1', 'the walrus sings'));
  write('-app/s1/custom-title.json', { customTitle: 'Song of the walrus' });
  write('-app/s2.jsonl', answer('s2', 'another walrus listens'));
  write('-app/s2/custom-title.json', { customTitle: 'Ears of the walrus' });
  await index(steps);
  expect((await derived.conversations.find('s1'))?.title).toBe('Song of the walrus');
  rmSync(directory.join('projects/-app/s1/custom-title.json'));
  await index(steps);
  expect((await derived.conversations.find('s1'))?.title).toBeNull();
  expect((await derived.conversations.find('s2'))?.title).toBe('Ears of the walrus');
});

it.each(['first', 'last'])(
  'an answer that a fork copied is counted while the fork is there, the fork read %s',
  async (place) => {
    const steps = stepsThatKeep(false);
    const original = () => write('-app/s1.jsonl', answer('s1', 'the walrus sings'));
    if (place === 'last') original();
    await index(steps);
    write('-app/s2.jsonl', {
      ...answer('s1', 'the walrus sings'),
      sessionId: 's2',
      requestSessionId: 's1',
    });
    await index(steps);
    original();
    await index(steps);
    expect((await derived.conversations.usage('s1')).answers).toBe(1);
    rmSync(directory.join('projects/-app/s1.jsonl'));
    await index(steps);
    expect(await derived.conversations.usage('s1')).toMatchObject({ answers: 1, outputTokens: 7 });
    rmSync(directory.join('projects/-app/s2.jsonl'));
    await index(steps);
    expect((await derived.conversations.usage('s1')).answers).toBe(0);
  },
);

it('what was kept stays found when the agent deletes its files', async () => {
  const steps = stepsThatKeep(true);
  write('-app/s1.jsonl', answer('s1', 'the walrus sings'));
  await index(steps);
  rmSync(directory.join('projects/-app'), { recursive: true });
  await index(steps);
  expect(await sessionsFor('walrus')).toEqual(['s1']);
  expect((await derived.conversations.usage('s1')).answers).toBe(1);
});

it('forgetting that was broken off is finished by another process', async () => {
  const steps = stepsThatKeep(false);
  write(
    '-app/s1.jsonl',
    ...Array.from({ length: 200 }, (_, number) => answer('s1', `line ${number} of the walrus`)),
  );
  await index(steps);
  rmSync(directory.join('projects/-app'), { recursive: true });
  clock += 1_000_000;
  for (const step of steps.slice(0, -1)) while ((await step.run()) === 'more');
  for (let piece = 0; piece < 3; piece += 1) await steps.at(-1)!.run();
  expect(await sessionsFor('walrus')).toEqual(['s1']);
  await index(stepsThatKeep(false));
  expect(await sessionsFor('walrus')).toEqual([]);
});
