import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { makeTempDir, startNode } from '#test-support';
import { acquireProcessLock, readProcessLock } from './process-lock.ts';

const takerProgram = fileURLToPath(new URL('./lock-taker.fixture.ts', import.meta.url));

async function held(path: string) {
  const result = await acquireProcessLock(path);
  if (result.kind !== 'held') throw new Error(`taken by ${result.heldBy}`);
  return result.lock;
}

describe('a process lock', () => {
  it('is held by one and names its holder to others', async () => {
    using dir = makeTempDir('lock');
    const path = dir.join('a.lock');
    await held(path);
    expect(await acquireProcessLock(path)).toEqual({ kind: 'taken', heldBy: process.pid });
    expect(readProcessLock(path)?.pid).toBe(process.pid);
  });

  it('is free again after its release and leaves no file behind', async () => {
    using dir = makeTempDir('lock');
    const path = dir.join('a.lock');
    (await held(path)).release();
    expect(readdirSync(dir.path)).toEqual([]);
    const second = await held(path);
    second.release();
    second.release();
    expect(readProcessLock(path)).toBeUndefined();
  });

  it('is not given up by a holder who released it before', async () => {
    using dir = makeTempDir('lock');
    const path = dir.join('a.lock');
    const first = await held(path);
    first.release();
    await held(path);
    first.release();
    expect(readProcessLock(path)?.pid).toBe(process.pid);
  });

  it('is taken over from a process that was killed', async () => {
    using dir = makeTempDir('lock');
    const path = dir.join('a.lock');
    const holder = startNode('-e', [`setInterval(() => {}, 1000)`], { env: {}, input: '' });
    holder.child.kill('SIGKILL');
    await holder.exited;
    writeFileSync(path, JSON.stringify({ pid: holder.pid, nonce: '0123456789abcdef', atMs: 1 }));
    await held(path);
    expect(readProcessLock(path)?.pid).toBe(process.pid);
    expect(readdirSync(dir.path)).toEqual(['a.lock']);
  });

  it('CR-07: is taken over although a stranger has the pid of its holder by now', async () => {
    using dir = makeTempDir('lock');
    const path = dir.join('a.lock');
    const stranger = { pid: process.ppid, startToken: 'another boot:1', nonce: '0123456789abcdef', atMs: 1 };
    writeFileSync(path, JSON.stringify(stranger));
    expect(readProcessLock(path)).toBeUndefined();
    await held(path);
  });

  it.each(['', 'not json', '{"pid":"x"}', '{"pid":1,"nonce":"../../x"}', 'null'])(
    'is taken over when its file is damaged: %j',
    async (content) => {
      using dir = makeTempDir('lock');
      const path = dir.join('a.lock');
      writeFileSync(path, content);
      await held(path);
      expect(JSON.parse(readFileSync(path, 'utf8')).pid).toBe(process.pid);
    },
  );

  it('is taken over although an earlier taker died in the middle of doing so', async () => {
    using dir = makeTempDir('lock');
    const path = dir.join('a.lock');
    const dead = { pid: 1, startToken: 'another boot:1', atMs: 1 };
    writeFileSync(path, JSON.stringify({ ...dead, nonce: 'aaaaaaaaaaaaaaaa' }));
    writeFileSync(`${path}.aaaaaaaaaaaaaaaa`, JSON.stringify({ ...dead, nonce: 'bbbbbbbbbbbbbbbb' }));
    await held(path);
    expect(readdirSync(dir.path)).toEqual(['a.lock']);
  });

  it('has one winner however many processes take it over at once', async () => {
    using dir = makeTempDir('lock');
    const path = dir.join('a.lock');
    const takers = Array.from({ length: 4 }, () =>
      startNode(takerProgram, [path, '40'], { env: {}, input: '' }),
    );
    const exits = await Promise.all(takers.map((taker) => taker.exited));
    expect(takers.map((taker) => taker.stderr())).toEqual(['', '', '', '']);
    expect(exits.map((exit) => exit.code)).toEqual([0, 0, 0, 0]);
  });
});
