import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTranscripts } from './open-transcripts.ts';
import type { FileBatch, TranscriptStore } from './transcript-store.ts';

let directory: string;
let store: TranscriptStore;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'archive-'));
  store = await open();
});
afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

function open(): Promise<TranscriptStore> {
  return openTranscripts({ engine: 'sqlite', path: join(directory, 'throughline.db') });
}

async function reopen(): Promise<void> {
  await store.close();
  store = await open();
}

function batch(text: string, changed: Partial<FileBatch> = {}): FileBatch {
  return {
    kind: 'claude',
    root: '/root',
    path: 'project/session.jsonl',
    state: { identity: '1:2', readTo: text.length, headHash: 'h', tailHash: 't', seen: 's' },
    modifiedAtMs: 5,
    tooLong: 0,
    start: 0,
    bytes: Buffer.from(text),
    ...changed,
  };
}

const textOf = (lines: readonly { bytes: Uint8Array }[]) =>
  lines.map(({ bytes }) => Buffer.from(bytes).toString());

describe('the archive of transcripts', () => {
  it('gives the lines of a file back as they were, in order and page by page', async () => {
    const lines = Array.from(
      { length: 5_000 },
      (_, index) => `{"line":${index},"text":"${'word '.repeat(index % 50)}"}`,
    );
    const [id] = await store.append([batch(`${lines.slice(0, 4_000).join('\n')}\n`)]);
    await store.append([batch(`${lines.slice(4_000).join('\n')}\n`, { id: id! })]);
    const read: string[] = [];
    for (let afterEntry = 0; ; ) {
      const page = await store.linesOf(id!, { afterEntry, limit: 700 });
      if (page.length === 0) break;
      read.push(...textOf(page));
      afterEntry = page.at(-1)!.entryId;
    }
    expect(read).toEqual(lines);
    expect((await store.file(id!))?.lines).toBe(5_000);
    expect(await store.counts()).toMatchObject({ files: 1, lines: 5_000 });
  });

  it('gives single lines by their ids, and leaves out what is not there', async () => {
    const [id] = await store.append([batch('"a"\n"b"\n"c"\n')]);
    const [a, b, c] = await store.linesOf(id!, { afterEntry: 0, limit: 9 });
    expect(textOf(await store.lines([c!.entryId, a!.entryId, 999_999_999, b!.entryId]))).toEqual([
      '"c"',
      '"a"',
      '"b"',
    ]);
  });

  it('hands out everything after a piece, at least one piece whatever its size', async () => {
    await store.append([
      batch(`"${'x'.repeat(300_000)}"\n`),
      batch('"y"\n', { path: 'project/other.jsonl' }),
    ]);
    const [first] = await store.piecesAfter(0, 10);
    expect(first?.lines).toHaveLength(1);
    const rest = await store.piecesAfter(first!.id, 1_000_000);
    expect(rest.flatMap(({ lines }) => textOf(lines))).toEqual(['"y"']);
    expect(await store.piecesAfter(rest.at(-1)!.id, 1_000)).toEqual([]);
  });

  it('tells what became of a file, in the order in which it happened', async () => {
    const [one, two] = await store.append([batch('1\n'), batch('2\n', { path: 'project/two.jsonl' })]);
    const before = (await store.filesAfter(0, 10)).at(-1)!.change;
    await store.noteGone(one!, 77);
    await store.noteMoved(two!, { root: '/root', path: 'project/three.jsonl' }, 88);
    const changed = await store.filesAfter(before, 10);
    expect(changed.map(({ id, path, goneAtMs }) => [id, path, goneAtMs])).toEqual([
      [one, 'project/session.jsonl', 77],
      [two, 'project/three.jsonl', null],
    ]);
    await store.noteReplaced(one!, 99);
    await store.append([batch('new\n')]);
    expect((await store.files()).map(({ path }) => path).sort()).toEqual([
      'project/session.jsonl',
      'project/three.jsonl',
    ]);
    expect(textOf(await store.linesOf(one!, { afterEntry: 0, limit: 9 }))).toEqual(['1']);
  });

  it('keeps the newest content of a small file and tells only of real changes', async () => {
    const document = { root: '/root', path: 'p/s/subagents/agent-1.meta.json', modifiedAtMs: 1 };
    await store.putDocument({ ...document, content: '{"agentType":"a"}' });
    const [first] = await store.documentsAfter(0, 10);
    await store.putDocument({ ...document, content: '{"agentType":"a"}' });
    expect(await store.documentsAfter(first!.change, 10)).toEqual([]);
    await store.putDocument({ ...document, content: '{"agentType":"b"}' });
    expect((await store.documentsAfter(first!.change, 10)).map(({ content }) => content)).toEqual([
      '{"agentType":"b"}',
    ]);
  });

  it('forgets files with every line', async () => {
    const [one, two] = await store.append([batch('1\n'), batch('2\n', { path: 'project/two.jsonl' })]);
    await store.forget([one!]);
    expect(await store.linesOf(one!, { afterEntry: 0, limit: 9 })).toEqual([]);
    expect((await store.files()).map(({ id }) => id)).toEqual([two]);
    expect(await store.counts()).toMatchObject({ lines: 1, bytes: 2 });
  });

  it('gives the space of forgotten files back', async () => {
    const noise = `"${randomBytes(2_000_000).toString('base64')}"\n`;
    const [id] = await store.append([batch(noise)]);
    await reopen();
    expect(await store.sizeBytes()).toBeGreaterThan(1_500_000);
    await store.forget([id!]);
    await reopen();
    expect(await store.sizeBytes()).toBeLessThan(500_000);
  });
});
