import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { makeTempDir, startNode, type TempDir, waitFor } from '#test-support';
import { acquireProcessLock, readProcessLock } from './process-lock.ts';

const takerProgram = fileURLToPath(new URL('./lock-taker.fixture.ts', import.meta.url));

async function held(path: string) {
  const result = await acquireProcessLock(path);
  if (result.kind !== 'held') throw new Error(`taken by ${result.heldBy}`);
  return result.lock;
}

/** A program that takes the lock in its first argument, says so, and holds it until it is killed. */
const holderProgram = `
  import { acquireProcessLock } from ${JSON.stringify(import.meta.resolve('./process-lock.ts'))};
  const { kind } = await acquireProcessLock(process.argv[1]);
  console.log(kind);
  setInterval(() => {}, 1000);
`;
const holderArguments = ['--input-type=module', '-e', holderProgram] as const;

/** Everything but signs of life. */
function lockFiles(dir: TempDir): string[] {
  return readdirSync(dir.path).filter((name) => !/\.alive-[0-9a-f]{16}$/.test(name));
}

describe('a process lock', () => {
  it('is held by one and names its holder to others', async () => {
    using dir = makeTempDir('lock');
    const path = dir.join('a.lock');
    await held(path);
    expect(await acquireProcessLock(path)).toEqual({
      kind: 'taken',
      heldBy: process.pid,
      isElsewhere: false,
    });
    expect((await readProcessLock(path))?.pid).toBe(process.pid);
  });

  it('is free again after its release and leaves no file behind', async () => {
    using dir = makeTempDir('lock');
    const path = dir.join('a.lock');
    (await held(path)).release();
    expect(readdirSync(dir.path)).toEqual([]);
    const second = await held(path);
    second.release();
    second.release();
    expect(await readProcessLock(path)).toBeUndefined();
  });

  it('is not given up by a holder who released it before', async () => {
    using dir = makeTempDir('lock');
    const path = dir.join('a.lock');
    const first = await held(path);
    first.release();
    await held(path);
    first.release();
    expect((await readProcessLock(path))?.pid).toBe(process.pid);
  });

  it('is taken over from a process that was killed', async () => {
    using dir = makeTempDir('lock');
    const path = dir.join('a.lock');
    const holder = startNode('-e', [`setInterval(() => {}, 1000)`], { env: {}, input: '' });
    holder.child.kill('SIGKILL');
    await holder.exited;
    writeFileSync(path, JSON.stringify({ pid: holder.pid, nonce: '0123456789abcdef', atMs: 1 }));
    await held(path);
    expect((await readProcessLock(path))?.pid).toBe(process.pid);
    expect(lockFiles(dir)).toEqual(['a.lock']);
  });

  it('CR-07: is taken over although a stranger has the pid of its holder by now', async () => {
    using dir = makeTempDir('lock');
    const path = dir.join('a.lock');
    const stranger = { pid: process.ppid, startToken: 'another boot:1', nonce: '0123456789abcdef', atMs: 1 };
    writeFileSync(path, JSON.stringify(stranger));
    expect(await readProcessLock(path)).toBeUndefined();
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
    expect(lockFiles(dir)).toEqual(['a.lock']);
  });

  it.runIf(process.platform === 'linux')(
    'is not taken from a process that cannot be seen, and is when that one was killed',
    async () => {
      using dir = makeTempDir('lock');
      // Deeper than the name of a socket may be long.
      const place = dir.join('d'.repeat(120));
      mkdirSync(place);
      const path = join(place, 'a.lock');
      const holder = startNode('-', [], { env: {}, input: '', nodeArguments: [...holderArguments, path] });
      await waitFor(() => holder.stdout() === 'held\n');
      // As it would look from another pid namespace.
      const lock = JSON.parse(readFileSync(path, 'utf8'));
      const startToken = lock.startToken.replace(/\d+$/, '1');
      writeFileSync(path, JSON.stringify({ ...lock, startToken }));
      const taken = { kind: 'taken', heldBy: holder.pid, isElsewhere: true };
      expect(await acquireProcessLock(path)).toEqual(taken);
      expect((await readProcessLock(path))?.pid).toBe(holder.pid);
      // One that does not even run at the moment lives as well.
      holder.child.kill('SIGSTOP');
      expect(await acquireProcessLock(path)).toEqual(taken);
      holder.child.kill('SIGKILL');
      await holder.exited;
      (await held(path)).release();
      expect(readdirSync(place)).toEqual([]);
    },
  );

  it.runIf(process.platform === 'linux')('holds between containers, whichever is asked', async () => {
    using dir = makeTempDir('lock');
    const path = dir.join('a.lock');
    const inside = spawn(
      'unshare',
      ['--pid', '--fork', '--kill-child', '--mount-proc', process.execPath, ...holderArguments, path],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let said = '';
    for (const stream of [inside.stdout, inside.stderr]) stream.on('data', (text) => (said += text));
    const ended = once(inside, 'exit');
    await waitFor(() => said !== '', { timeoutMs: 30_000, what: 'a process in a pid namespace of its own' });
    expect(said, 'this test makes a pid namespace: run it as root, with the program `unshare`').toBe(
      'held\n',
    );
    expect(await acquireProcessLock(path)).toMatchObject({ kind: 'taken', isElsewhere: true });
    inside.kill('SIGKILL');
    await ended;
    await waitFor(async () => (await readProcessLock(path)) === undefined);
    (await held(path)).release();
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
