import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseWords } from '#search';
import { type DerivedStore, openDerivedStore, openTranscripts, type TranscriptStore } from '#store';
import { makeTempDir, type TempDir } from '#test-support';
import { archiveTranscripts } from './archive-transcripts.ts';
import { deriveTranscriptText } from './derive-transcript-text.ts';
import type { Step } from './step.ts';

let directory: TempDir;
let file: string;
let transcripts: TranscriptStore;
let derived: DerivedStore;
let steps: Step[];
let clock = 0;

beforeEach(async () => {
  directory = makeTempDir('transcript-text');
  mkdirSync(directory.join('projects/-home-me'), { recursive: true });
  file = directory.join('projects/-home-me/s1.jsonl');
  const config = { engine: 'sqlite', path: directory.join('throughline.db') } as const;
  transcripts = await openTranscripts(config);
  derived = await openDerivedStore(config, { role: 'writer' });
  const archive = archiveTranscripts(transcripts, {
    roots: [{ kind: 'claude', directory: directory.join('projects') }],
    watch: { add() {}, take: () => [], close() {} },
    nowMs: () => Date.now(),
    clockMs: () => clock,
    keepsDeleted: true,
    rescanMs: 1_000,
  });
  steps = [archive, deriveTranscriptText(transcripts, derived)];
});
afterEach(async () => {
  await Promise.all([transcripts.close(), derived.close()]);
  directory.remove();
});

describe('what was said in a transcript', () => {
  it('is found as soon as its lines are archived, and titles first of all', async () => {
    write(
      user('the disk is full'),
      assistant([{ type: 'tool_use', name: 'Bash', input: { command: 'df -h' } }]),
    );
    await index();
    expect(await found('"disk is full"')).toEqual([{ source: 'transcript', kind: 'text', role: 'user' }]);
    expect(await found('"df -h"')).toEqual([{ source: 'transcript', kind: 'tool-input', role: 'assistant' }]);
    write({ type: 'custom-title', customTitle: 'Full disk', sessionId: 's1' });
    await index();
    expect((await found('disk'))[0]).toMatchObject({ kind: 'title' });
  });

  it('is one text with what went over the wire', async () => {
    write(user('the disk is full'));
    await index();
    const said = [{ kind: 'text', role: 'user', text: 'the disk is full' }] as const;
    await derived.text.append(
      [{ source: 'wire', place: 1, sessionId: 's1', atMs: 1_790_000_000_000, said }],
      'text',
      1,
    );
    expect(await found('disk')).toEqual([{ source: 'wire', kind: 'text', role: 'user' }]);
  });

  it('is nothing that the client wrote for itself, and nothing from broken lines', async () => {
    write(
      { ...user('caveat of the disk'), isMeta: true },
      {
        type: 'attachment',
        attachment: { type: 'prompt_snapshot', content: 'disk' },
        sessionId: 's1',
        uuid: 'a',
      },
      { type: 'api-request', body: { messages: [{ role: 'user', content: 'disk' }] } },
      user('<system-reminder>disk</system-reminder>'),
      { type: 'user', message: 7, uuid: 'b' },
      { type: 'unheard-of', disk: 'disk' },
    );
    appendFileSync(file, '{"type":"user","message":{"content":"disk"\nnull\n\n');
    await index();
    expect(await found('disk')).toEqual([]);
  });
});

function write(...lines: object[]): void {
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''), { flag: 'a' });
}

function user(content: string) {
  return line('user', { role: 'user', content });
}

function assistant(content: readonly object[]) {
  return line('assistant', { role: 'assistant', id: 'msg_1', content });
}

function line(type: string, message: object) {
  return { type, message, uuid: crypto.randomUUID(), sessionId: 's1', timestamp: '2026-11-01T10:00:00.000Z' };
}

async function index(): Promise<void> {
  clock += 1_000_000;
  for (const step of steps) while ((await step.run()) === 'more');
}

async function found(text: string) {
  const result = await derived.text.search({
    words: parseWords(text),
    nowMs: 0,
    zone: 'UTC',
    matchesMax: 1000,
    timeMs: 60_000,
    offset: 0,
    limit: 10,
    snippetsMax: 5,
  });
  if (result.kind === 'refused') throw new Error(result.sentence);
  return result.sessions.flatMap((session) =>
    session.found.map(({ source, kind, role }) => ({ source, kind, role })),
  );
}
