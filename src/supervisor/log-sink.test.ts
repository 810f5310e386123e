import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { makeTempDir, waitFor } from '#test-support';
import { LogSink } from './log-sink.ts';

describe('a log sink', () => {
  it('writes lines in order', async () => {
    using dir = makeTempDir('log');
    const fd = openSync(dir.join('log'), 'w');
    const sink = new LogSink(fd);
    for (let i = 0; i < 1000; i += 1) sink.line(`line ${i}`);
    await sink.flush(5_000);
    expect(readFileSync(dir.join('log'), 'utf8')).toBe(
      Array.from({ length: 1000 }, (_, i) => `line ${i}\n`).join(''),
    );
    closeSync(fd);
  });

  it('neither waits for a slow reader nor forgets how much it left out', async () => {
    using dir = makeTempDir('log');
    execFileSync('/usr/bin/env', ['mkfifo', dir.join('pipe')]);
    // Opening for both directions does not wait for the other end.
    const fd = openSync(dir.join('pipe'), 'r+');
    const sink = new LogSink(fd);
    const line = 'x'.repeat(1000);
    for (let i = 0; i < 5_000; i += 1) sink.line(line);
    const reader = spawn('cat', [dir.join('pipe')]);
    let text = '';
    reader.stdout.on('data', (data: Buffer) => {
      text += data.toString();
    });
    await waitFor(() => text.includes('were left out'));
    const kept = text.split('\n').filter((one) => one === line).length;
    const leftOut = Number(/(\d+) log lines were left out/.exec(text)?.[1]);
    expect(kept).toBeLessThan(1100);
    expect(kept + leftOut).toBe(5_000);
    reader.kill();
    await once(reader, 'exit');
    closeSync(fd);
  });

  it('goes silent when nobody can read any more', async () => {
    const sink = new LogSink(openSync('/dev/full', 'w'));
    sink.line('lost');
    await sink.flush(5_000);
    sink.line('lost as well');
    await sink.flush(5_000);
  });
});
