import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileState, readLines, type TailRead } from './line-tail.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tail-'));
  path = join(directory, 'a.jsonl');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const options = { bytesMax: 1_000, lineBytesMax: 10_000 };

function read(state?: FileState, changed: Partial<Parameters<typeof readLines>[2]> = {}): TailRead {
  const outcome = readLines(path, state, { ...options, ...changed });
  if (outcome.kind !== 'read') throw new Error(`expected lines, got ${outcome.kind}`);
  return outcome.read;
}

describe('following a file', () => {
  it('I4: reads what was appended and nothing twice, wherever the writer stops', () => {
    const text = '{"a":1}\n{"ü":"日本"}\n\n{"c":3}\n';
    const bytes = Buffer.from(text);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      writeFileSync(path, bytes.subarray(0, cut));
      const first = read();
      appendFileSync(path, bytes.subarray(cut));
      const second = readLines(path, first.state, options);
      const rest = second.kind === 'read' ? second.read.bytes : Buffer.alloc(0);
      expect(`${first.bytes}${rest}`).toBe(text);
      expect(first.bytes.length === 0 || first.bytes.at(-1) === 10).toBe(true);
      rmSync(path);
    }
  });

  it('goes through a large file in bounded pieces', () => {
    const lines = Array.from({ length: 500 }, (_, index) => `{"number":${index}}\n`);
    writeFileSync(path, lines.join(''));
    let state: FileState | undefined;
    let text = '';
    for (let more = true; more; ) {
      const part = read(state);
      expect(part.bytes.length).toBeLessThanOrEqual(options.bytesMax);
      text += part.bytes;
      state = part.state;
      more = part.hasMore;
    }
    expect(text).toBe(lines.join(''));
    expect(readLines(path, state, options).kind).toBe('untouched');
  });

  it('reads a line longer than a piece whole, and passes over one longer than the bound', () => {
    const long = `"${'x'.repeat(5_000)}"\n`;
    const tooLong = `"${'y'.repeat(30_000)}"\n`;
    writeFileSync(path, `1\n${long}${tooLong}2\n`);
    const first = read();
    const second = read(first.state);
    const third = read(second.state);
    expect([first, second].map(({ bytes }) => String(bytes)).join('')).toBe(`1\n${long}`);
    expect(String(third.bytes)).toBe('2\n');
    expect(third.tooLong).toBe(1);
    expect(third.state.readTo).toBe(third.size);
  });

  it('takes a last line without end once its writer is gone, and only when it is whole', () => {
    writeFileSync(path, '{"a":1}\n{"b":2}');
    const early = read();
    expect(String(early.bytes)).toBe('{"a":1}\n');
    utimesSync(path, 1_000, 1_000);
    const late = read(early.state, { unendedBeforeMs: 2_000_000 });
    expect(String(late.bytes)).toBe('{"b":2}');
    expect(readLines(path, late.state, { ...options, unendedBeforeMs: 2_000_000 }).kind).toBe('untouched');
    appendFileSync(path, '\n{"c":3}\n{"d"');
    const last = read(late.state);
    expect(String(last.bytes)).toBe('\n{"c":3}\n');
    utimesSync(path, 1_000, 1_000);
    expect(String(read(last.state, { unendedBeforeMs: 2_000_000 }).bytes)).toBe('');
  });

  it('goes on in a file that was put in its place with the same beginning', () => {
    writeFileSync(path, '{"a":1}\n');
    const { state } = read();
    writeFileSync(join(directory, 'copy'), '{"a":1}\n{"b":2}\n');
    renameSync(join(directory, 'copy'), path);
    expect(String(read(state).bytes)).toBe('{"b":2}\n');
  });

  it.each([
    ['cut', () => truncateSync(path, 3)],
    ['written anew', () => writeFileSync(path, '{"z":1}\n{"b":2}\n{"c":3}\n')],
    ['changed at its end and grown', () => writeFileSync(path, '{"a":1}\n{"b":9}\n{"c":3}\n')],
    [
      'replaced',
      () => {
        writeFileSync(join(directory, 'other'), '{"y":1}\n{"y":2}\n{"y":3}\n');
        renameSync(join(directory, 'other'), path);
      },
    ],
  ])('notices that the file was %s', (_, change) => {
    writeFileSync(path, '{"a":1}\n{"b":2}\n');
    const { state } = read();
    change();
    expect(readLines(path, state, options)).toEqual({ kind: 'other-content' });
  });

  it('is not kept waiting or led astray by what is no file', () => {
    expect(readLines('/dev/zero', undefined, options)).toEqual({ kind: 'unreadable', code: 'not a file' });
    expect(readLines(path, undefined, options)).toEqual({ kind: 'missing' });
    writeFileSync(join(directory, 'secret'), 'secret\n');
    symlinkSync(join(directory, 'secret'), path);
    expect(readLines(path, undefined, options).kind).toBe('unreadable');
    rmSync(path);
    execFileSync('mkfifo', [path]);
    expect(readLines(path, undefined, options)).toEqual({ kind: 'unreadable', code: 'not a file' });
    rmSync(path);
    mkdirSync(path);
    expect(readLines(path, undefined, options).kind).toBe('unreadable');
  });
});
