import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

/**
 * A text that differs for any two processes that ever have the same pid on this machine, also across reboots;
 * undefined when no such process runs (a zombie does not run) or the platform cannot tell.
 */
export function processStartToken(pid: number): string | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  if (process.platform === 'linux') {
    const seen = lookAtLinux(pid);
    return seen.kind === 'runs' ? seen.token : undefined;
  }
  if (process.platform === 'win32') return undefined;
  const { status, stdout } = spawnSync('/bin/ps', ['-o', 'lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    timeout: 2_000,
    env: { LC_ALL: 'C' },
  });
  const startedAt = status === 0 ? stdout.trim() : '';
  return startedAt === '' ? undefined : `ps:${startedAt}`;
}

/**
 * True when the process that had this start token still runs. Without a token only the pid can be compared,
 * and a stranger who got the same pid counts as alive.
 */
export function isProcessAlive(pid: number, startToken: string | undefined): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  if (process.platform === 'linux') {
    const seen = lookAtLinux(pid);
    if (seen.kind === 'runs') return startToken === undefined || isSameProcess(seen.token, startToken);
    return seen.kind === 'unknown' && answersSignalZero(pid);
  }
  const now = processStartToken(pid);
  if (startToken !== undefined && now !== undefined) return now === startToken;
  return answersSignalZero(pid);
}

/**
 * False when the token is of a process in another pid namespace (another container, as a rule): whether that one runs
 * cannot be seen from here, and `isProcessAlive` says no.
 */
export function isOfThisPidNamespace(startToken: string | undefined): boolean {
  const [boot, , namespace] = startToken?.split(':') ?? [];
  // Before the machine was started again there were other namespaces, and nobody of theirs lives.
  return namespace === undefined || namespace === pidNamespace() || boot !== bootId();
}

/** True where processes of this machine may share a directory and not see each other. */
export function hasPidNamespaces(): boolean {
  return pidNamespace() !== '';
}

/** Tokens of earlier versions do not name the namespace. */
function isSameProcess(seen: string, meant: string): boolean {
  return seen === meant || seen.startsWith(`${meant}:`);
}

type Seen = { readonly kind: 'runs'; readonly token: string } | { readonly kind: 'ended' | 'unknown' };

/** `unknown`: we could not look, for want of a descriptor for example. That says nothing about the process. */
function lookAtLinux(pid: number): Seen {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The program's name stands in parentheses and may contain anything, so count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTicks] = [fields[0], fields[19]];
    if (state === 'Z' || state === 'X' || startTicks === undefined) return { kind: 'ended' };
    return { kind: 'runs', token: [bootId(), startTicks, pidNamespace()].filter(Boolean).join(':') };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { kind: code === 'ENOENT' || code === 'ESRCH' ? 'ended' : 'unknown' };
  }
}

let knownBootId: string | undefined;

/** Read once: a second look that fails must not make everybody look like a stranger. */
function bootId(): string {
  try {
    knownBootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return knownBootId;
  } catch {
    return 'unknown-boot';
  }
}

let knownPidNamespace: string | undefined;

/** The number of the namespace that our pids belong to; empty where it cannot be seen. */
function pidNamespace(): string {
  try {
    knownPidNamespace ??= readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
    return knownPidNamespace;
  } catch {
    return '';
  }
}

function answersSignalZero(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
