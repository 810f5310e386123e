import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startNode, waitFor } from '#test-support';
import { prepareProcess } from './prepare-process.ts';
import { isOfThisPidNamespace, isProcessAlive, processStartToken } from './process-identity.ts';

describe('the identity of a process', () => {
  it('is the same at every look and differs from that of others', () => {
    expect(processStartToken(process.pid)).toBe(processStartToken(process.pid));
    expect(processStartToken(process.pid)).not.toBe(processStartToken(process.ppid));
  });

  it('tells that a process has ended', async () => {
    const child = startNode('-e', ['setInterval(() => {}, 1000)'], { env: {}, input: '' });
    const token = await waitFor(() => processStartToken(child.pid));
    expect(isProcessAlive(child.pid, token)).toBe(true);
    child.child.kill('SIGKILL');
    await child.exited;
    expect(isProcessAlive(child.pid, token)).toBe(false);
  });

  it('CR-07: does not take a stranger with the same pid for the process that was meant', () => {
    expect(isProcessAlive(process.pid, 'another boot:1')).toBe(false);
  });

  it.runIf(process.platform === 'linux')('names the pid namespace, and knows tokens that do not', () => {
    const token = processStartToken(process.pid)!;
    const [boot, ticks] = token.split(':');
    expect(isOfThisPidNamespace(token)).toBe(true);
    expect(isOfThisPidNamespace(`${boot}:${ticks}:1`)).toBe(false);
    expect(isOfThisPidNamespace(`${boot}:${ticks}`)).toBe(true);
    expect(isOfThisPidNamespace(undefined)).toBe(true);
    expect(isProcessAlive(process.pid, `${boot}:${ticks}`)).toBe(true);
    expect(isProcessAlive(process.pid, `${boot}:${ticks}:1`)).toBe(false);
  });

  it.runIf(process.platform === 'linux')(
    'takes nobody for dead when it has no descriptor left to look',
    () => {
      const program = `
      import { openSync } from 'node:fs';
      import { isOfThisPidNamespace, isProcessAlive, processStartToken } from ${JSON.stringify(import.meta.resolve('./process-identity.ts'))};
      const token = processStartToken(process.ppid);
      try { for (;;) openSync('/dev/null', 'r'); } catch {}
      process.stdout.write([isProcessAlive(process.ppid, token), isProcessAlive(2 ** 22 + 1, token)].join(' '));
      process.exit();
    `;
      const limited = [
        '-c',
        'ulimit -n 64; exec "$0" "$@"',
        process.execPath,
        '--input-type=module',
        '-e',
        program,
      ];
      expect(spawnSync('/bin/sh', limited, { encoding: 'utf8' }).stdout).toBe('true false');
    },
  );

  it.each([0, -1, 1.5, Number.NaN, 2 ** 40])('knows that %d is no process', (pid) => {
    expect(isProcessAlive(pid, undefined)).toBe(false);
    expect(processStartToken(pid)).toBeUndefined();
  });
});

it('a prepared process makes private files and leaves memory out of core dumps', () => {
  const before = process.umask();
  prepareProcess();
  expect(process.umask()).toBe(0o077);
  process.umask(before);
  if (process.platform === 'linux') {
    expect(readFileSync('/proc/self/coredump_filter', 'utf8').trim()).toBe('00000000');
  }
});
