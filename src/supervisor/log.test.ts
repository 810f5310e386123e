import { closeSync, openSync, readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readLines } from '#generation';
import { makeTempDir } from '#test-support';
import { createLog, type Log } from './log.ts';
import { LogSink } from './log-sink.ts';

async function logged(pretty: boolean, work: (log: Log) => void): Promise<string[]> {
  using dir = makeTempDir('log');
  const fd = openSync(dir.join('log'), 'w');
  const sink = new LogSink(fd);
  work(createLog(sink, { level: 'info', pretty }));
  await sink.flush(5_000);
  closeSync(fd);
  return readFileSync(dir.join('log'), 'utf8').trimEnd().split('\n');
}

const line = '{"level":30,"time":1767322984000,"service":"core","msg":"hello","port":1}';

describe('the log', () => {
  it('passes JSON lines of services on as they are', async () => {
    expect(await logged(false, (log) => log.relay('core', line))).toEqual([line]);
  });

  it.each(['no JSON', '{broken', '[1]'])('wraps what is not a log line: %s', async (text) => {
    const [wrapped] = await logged(false, (log) => log.relay('data', text));
    expect(JSON.parse(wrapped ?? '')).toMatchObject({ level: 40, service: 'data', msg: text });
  });

  it('adds the service where it is missing', async () => {
    const [named] = await logged(false, (log) => log.relay('data', '{"msg":"hello"}'));
    expect(JSON.parse(named ?? '')).toEqual({ service: 'data', msg: 'hello' });
  });

  it('leaves out lines of its own below its level', async () => {
    const lines = await logged(false, (log) => {
      log.write('debug', 'quiet');
      log.write('warn', 'loud', { port: 1 });
    });
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 40,
      service: 'supervisor',
      msg: 'loud',
      port: 1,
    });
  });

  it('is readable for people', async () => {
    const [pretty] = await logged(true, (log) => log.relay('core', line));
    expect(pretty).toMatch(/\d\d:\d\d:\d\d.* core .*info.* hello {2}port=1$/);
  });

  it('never lets a logged text command the terminal or begin a line', async () => {
    const evil = JSON.stringify({
      level: 30,
      time: 'never',
      service: 'core',
      msg: 'a\u001b[2Jb\nc',
      key: '\u0007',
    });
    const lines = await logged(true, (log) => log.relay('core', evil));
    expect(lines[0]).toContain('a?[2Jb');
    expect(lines[1]).toBe('    c  key=?');
  });
});

it('lines are found wherever the stream is cut, and a long one is shortened', () => {
  const text = 'one\ntwö\n\nx234567890 and more\nlast';
  for (const size of [1, 2, 3, 7, 100]) {
    const stream = new PassThrough();
    const lines: string[] = [];
    readLines(stream, 10, (one) => lines.push(one));
    const bytes = Buffer.from(text);
    for (let i = 0; i < bytes.length; i += size) stream.emit('data', bytes.subarray(i, i + size));
    stream.emit('end');
    expect(lines).toEqual(['one', 'twö', 'x234567890', 'last']);
  }
});
