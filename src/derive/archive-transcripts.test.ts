import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTranscripts, type TranscriptStore } from '#store';
import { makeTempDir, type TempDir } from '#test-support';
import { type TranscriptWatch, watchDirectories } from '#transcripts';
import { type ArchiveStep, archiveTranscripts } from './archive-transcripts.ts';

let directory: TempDir;
let projects: string;
let store: TranscriptStore;
let watch: TranscriptWatch;
let onChange: () => void = () => undefined;
let clock = 0;
let step: ArchiveStep;

beforeEach(async () => {
  directory = makeTempDir('archive');
  projects = directory.join('projects');
  mkdirSync(projects);
  watch = watchDirectories({ onChange: () => onChange(), directoriesMax: 100 });
  store = await openTranscripts({ engine: 'sqlite', path: directory.join('throughline.db') });
  step = begin();
});
afterEach(async () => {
  watch.close();
  await store.close();
  directory.remove();
});

function begin(keepsDeleted = true): ArchiveStep {
  return archiveTranscripts(store, {
    roots: [{ kind: 'claude', directory: projects }],
    watch,
    nowMs: () => Date.now(),
    clockMs: () => clock,
    keepsDeleted,
    rescanMs: 1_000,
  });
}

function put(path: string, text: string | Buffer): string {
  const full = join(projects, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
  return full;
}

/** Looks at everything once, and reads it. */
async function lookAgain(): Promise<void> {
  clock += 1_000_000;
  while ((await step.run()) === 'more');
}

async function archived(path: string): Promise<string[]> {
  const file = (await store.files()).find((each) => each.path === path);
  if (file === undefined) return [];
  const lines = await store.linesOf(file.id, { afterEntry: 0, limit: 100_000 });
  return lines.map(({ bytes }) => Buffer.from(bytes).toString());
}

describe('archiving transcripts', () => {
  it('reads what is there, then only what is appended', async () => {
    const file = put('-home/one.jsonl', '"a"\n"b"\n"half');
    put('-home/one/subagents/agent-a1.jsonl', '"agent"\n');
    put('-home/one/subagents/agent-a1.meta.json', '{"agentType":"Explore"}');
    await lookAgain();
    const bytesBefore = (await store.counts()).bytes;
    appendFileSync(file, '"\n"c"\n');
    await lookAgain();
    expect(await archived('-home/one.jsonl')).toEqual(['"a"', '"b"', '"half"', '"c"']);
    expect(await archived('-home/one/subagents/agent-a1.jsonl')).toEqual(['"agent"']);
    expect((await store.counts()).bytes - bytesBefore).toBe('"half"\n"c"\n'.length);
    expect((await store.documentsAfter(0, 9)).map(({ content }) => content)).toEqual([
      '{"agentType":"Explore"}',
    ]);
  });

  it('goes on after a restart where it stopped', async () => {
    const file = put('-home/one.jsonl', '"a"\n');
    await lookAgain();
    appendFileSync(file, '"b"\n');
    step = begin();
    await lookAgain();
    expect(await archived('-home/one.jsonl')).toEqual(['"a"', '"b"']);
    expect((await store.counts()).lines).toBe(2);
  });

  it('I1: hears of new projects and new lines between two looks at everything', async () => {
    await lookAgain();
    const heard = async (path: string, lines: number) => {
      while ((await archived(path)).length < lines) {
        await new Promise<void>((resolve) => {
          onChange = resolve;
          setTimeout(resolve, 100);
        });
        while ((await step.run()) === 'more');
      }
    };
    const file = put('-new-project/one.jsonl', '"a"\n');
    await heard('-new-project/one.jsonl', 1);
    appendFileSync(file, '"b"\n');
    await heard('-new-project/one.jsonl', 2);
    expect(await archived('-new-project/one.jsonl')).toEqual(['"a"', '"b"']);
  });

  it('I7: reads a file that is written without a rest, also after nobody watches any more', async () => {
    const file = put('-home/busy.jsonl', '');
    const held: number[] = [];
    for (let line = 1; line <= 20; line++) {
      appendFileSync(file, `"${line}"\n`);
      await lookAgain();
      held.push((await archived('-home/busy.jsonl')).length);
    }
    expect(held).toEqual(Array.from({ length: 20 }, (_, before) => before + 1));
    appendFileSync(file, '"one more"\n');
    watch.close();
    await lookAgain();
    expect(await archived('-home/busy.jsonl')).toHaveLength(21);
  });

  it('I2: keeps what the agent deletes, or forgets all of it when it is told to', async () => {
    put('-home/one.jsonl', '"a"\n');
    await lookAgain();
    rmSync(join(projects, '-home'), { recursive: true });
    await lookAgain();
    expect(await archived('-home/one.jsonl')).toEqual(['"a"']);
    expect((await store.files())[0]?.goneAtMs).not.toBeNull();
    put('-home/two.jsonl', '"b"\n');
    step = begin(false);
    await lookAgain();
    rmSync(join(projects, '-home'), { recursive: true });
    await lookAgain();
    expect(await archived('-home/two.jsonl')).toEqual([]);
  });

  it('reads a file anew that was cut or written anew, and keeps what it held before', async () => {
    const file = put('-home/one.jsonl', '"a"\n"b"\n');
    await lookAgain();
    writeFileSync(file, '"z"\n');
    await lookAgain();
    expect(await archived('-home/one.jsonl')).toEqual(['"z"']);
    expect(await store.counts()).toMatchObject({ files: 2, lines: 3 });
  });

  it('follows a file that is renamed, and reads nothing of it twice', async () => {
    const file = put('-home/one.jsonl', '"a"\n');
    await lookAgain();
    mkdirSync(join(projects, '-other'));
    renameSync(file, join(projects, '-other/two.jsonl'));
    appendFileSync(join(projects, '-other/two.jsonl'), '"b"\n');
    await lookAgain();
    expect(await archived('-other/two.jsonl')).toEqual(['"a"', '"b"']);
    expect(await store.counts()).toMatchObject({ files: 1, lines: 2 });
  });

  it('never leaves the root, waits for nobody, and takes bytes as they are', async () => {
    const outside = directory.join('outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'secret.jsonl'), '"secret"\n');
    mkdirSync(join(projects, '-home'));
    symlinkSync(outside, join(projects, '-linked'));
    symlinkSync(join(outside, 'secret.jsonl'), join(projects, '-home/linked.jsonl'));
    execFileSync('mkfifo', [join(projects, '-home/pipe.jsonl')]);
    mkdirSync(join(projects, '-home/directory.jsonl'));
    put('-home/.credentials.json', '{"token":"secret"}');
    put('-home/123.abc.key', 'secret');
    const invalid = Buffer.from([0x22, 0xff, 0xfe, 0x22, 0x0a]);
    put('-home/odd.jsonl', invalid);
    await lookAgain();
    const [file, ...others] = await store.files();
    expect(others).toEqual([]);
    const [line] = await store.linesOf(file!.id, { afterEntry: 0, limit: 9 });
    expect(Buffer.from(line!.bytes)).toEqual(invalid.subarray(0, -1));
  });

  it('does not take for deleted what it may not look at', async () => {
    put('-home/one.jsonl', '"a"\n');
    await lookAgain();
    chmodSync(join(projects, '-home'), 0);
    await lookAgain();
    chmodSync(join(projects, '-home'), 0o700);
    expect((await store.files())[0]?.goneAtMs).toBeNull();
  });

  it('takes pieces of work that are no larger than the longest line and a bit, and says how far it is', async () => {
    const mebibyte = 1024 * 1024;
    const line = `"${'x'.repeat(12 * mebibyte)}"`;
    put('-home/long.jsonl', `${line}\n`);
    put('-home/many.jsonl', '"line"\n'.repeat(300_000));
    put('-home/wide.jsonl', `"${'y'.repeat(10_000)}"\n`.repeat(3_000));
    clock += 1_000_000;
    const grown: number[] = [];
    for (let before = 0, isBusy = true; isBusy; before = step.progress.bytesArchived) {
      isBusy = (await step.run()) === 'more';
      grown.push(step.progress.bytesArchived - before);
    }
    expect(Math.max(...grown)).toBeLessThan(line.length + 8 * mebibyte);
    expect((await archived('-home/long.jsonl'))[0]?.length).toBe(line.length);
    const bytes = ['long', 'many', 'wide'].reduce(
      (sum, name) => sum + statSync(join(projects, `-home/${name}.jsonl`)).size,
      0,
    );
    // How fast it is and how long it takes are no part of what is certain.
    const { bytesPerSecond: _rate, leftSeconds: _left, ...certain } = step.progress;
    expect(certain).toEqual({ state: 'current', files: 3, bytes, bytesArchived: bytes, unreadable: 0 });
    expect((await store.counts()).lines).toBe(303_001);
  });
});

const recordings = process.env.THROUGHLINE_RECORDINGS;
// A test that is left out would count as failed: without the recordings there is none.
if (recordings !== undefined)
  it('archives recorded transcripts whole', async () => {
    for (const version of readdirSync(recordings!).filter((name) => name.startsWith('claude-')))
      for (const recorded of readdirSync(join(recordings!, version)).filter((name) =>
        name.endsWith('.projects'),
      ))
        execFileSync('cp', ['-r', `${join(recordings!, version, recorded)}/.`, projects]);
    await lookAgain();
    const files = readdirSync(projects, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.jsonl'),
    );
    expect(files.length).toBeGreaterThan(5);
    const bytes = files.reduce((sum, path) => sum + statSync(join(projects, path)).size, 0);
    expect(await store.counts()).toMatchObject({ files: files.length, bytes });
  });
