import { createHash, randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { giveLifeSign, hasLifeSign, type LifeSign } from './life-sign.ts';
import {
  hasPidNamespaces,
  isOfThisPidNamespace,
  isProcessAlive,
  processStartToken,
} from './process-identity.ts';

/** Who holds a lock. */
export interface LockHolder {
  readonly pid: number;
  readonly startToken?: string;
  readonly atMs: number;
}

/** A lock that this process holds until `release` or until it ends. */
export interface ProcessLock {
  /** Gives the lock up. Idempotent. */
  release(): void;
}

export type ProcessLockResult =
  | { readonly kind: 'held'; readonly lock: ProcessLock }
  | {
      readonly kind: 'taken';
      readonly heldBy: number;
      /** `heldBy` is a pid of another pid namespace (another container, as a rule) and names nobody here. */
      readonly isElsewhere: boolean;
    };

interface LockFile extends Partial<LockHolder> {
  /** Unique per acquisition, so that "the stale lock I saw" can be named exactly. */
  readonly nonce: string;
}

const takeoverDepthMax = 8;
const takeoverWaitMsMax = 5_000;

/**
 * Takes the lock at `path`, or says which living process has it. The directory must exist. A lock whose process
 * is gone (also when its pid belongs to somebody else by now) is taken over; of several takers exactly one wins.
 * Rejects when the file system refuses.
 *
 * Node has no flock. A fresh lock is a finished file linked to its name, which fails when the name exists. A stale
 * one may only be replaced by the process that holds the lock *for replacing that very file* (`<path>.<nonce>`,
 * taken by this same function): without it a slow taker would replace the fresh lock of a faster one.
 *
 * Two containers may share a directory, and neither sees the processes of the other. The holder therefore gives a sign
 * of life beside the lock (`<path>.alive-<nonce>`) from before it is taken until after it is given up.
 */
export async function acquireProcessLock(path: string): Promise<ProcessLockResult> {
  const deadline = Date.now() + takeoverWaitMsMax;
  for (;;) {
    const result = await tryAcquire(path, 0);
    if (result !== 'try-again') return result;
    if (Date.now() > deadline)
      throw new Error(`cannot take over the stale lock ${path}: remove it and start again`);
    await sleep(10);
  }
}

/** The living process that holds the lock at `path`; undefined when it is free or stale. */
export async function readProcessLock(path: string): Promise<LockHolder | undefined> {
  const file = readLockFile(path);
  if (file?.pid === undefined || !(await isHeld(path, file))) return undefined;
  return {
    pid: file.pid,
    atMs: file.atMs ?? 0,
    ...(file.startToken === undefined ? {} : { startToken: file.startToken }),
  };
}

async function tryAcquire(path: string, depth: number): Promise<ProcessLockResult | 'try-again'> {
  const found = readLockFile(path);
  if (found?.pid !== undefined && (await isHeld(path, found)))
    return { kind: 'taken', heldBy: found.pid, isElsewhere: !isOfThisPidNamespace(found.startToken) };
  const mine = writeTemporary(path);
  let sign: LifeSign | undefined;
  let isMine = false;
  try {
    if (hasPidNamespaces()) sign = await giveLifeSign(signPath(path, mine.nonce));
    isMine =
      found === undefined ? linkIfFree(mine.path, path) : await replaceStale(path, found.nonce, mine, depth);
    return isMine ? { kind: 'held', lock: lockAt(path, mine.nonce, sign) } : 'try-again';
  } finally {
    if (!isMine) sign?.end();
    rmSync(mine.path, { force: true });
  }
}

async function replaceStale(
  path: string,
  staleNonce: string,
  mine: { path: string; nonce: string },
  depth: number,
): Promise<boolean> {
  if (depth >= takeoverDepthMax)
    throw new Error(`too many stale locks around ${path}: remove ${path}* and start again`);
  const right = await tryAcquire(`${path}.${staleNonce}`, depth + 1);
  if (right === 'try-again' || right.kind === 'taken') return false;
  try {
    // A faster taker may have replaced it before we got the right; then the right is worth nothing.
    if (readLockFile(path)?.nonce !== staleNonce) return false;
    renameSync(mine.path, path);
    rmSync(signPath(path, staleNonce), { force: true });
    return true;
  } finally {
    right.lock.release();
  }
}

function lockAt(path: string, nonce: string, sign: LifeSign | undefined): ProcessLock {
  return {
    release() {
      if (readLockFile(path)?.nonce === nonce) rmSync(path, { force: true });
      sign?.end();
    },
  };
}

function signPath(path: string, nonce: string): string {
  return `${path}.alive-${nonce}`;
}

function writeTemporary(path: string): { path: string; nonce: string } {
  const nonce = randomBytes(8).toString('hex');
  const temporary = `${path}.new-${nonce}`;
  const startToken = processStartToken(process.pid);
  writeFileSync(temporary, `${JSON.stringify({ pid: process.pid, startToken, atMs: Date.now(), nonce })}\n`, {
    mode: 0o600,
    flag: 'wx',
  });
  return { path: temporary, nonce };
}

function linkIfFree(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readLockFile(path: string): LockFile | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return parseLockFile(text);
}

/** A file that is not ours (empty after a power cut, for example) has no holder and is named by its content. */
function parseLockFile(text: string): LockFile {
  try {
    const { pid, startToken, atMs, nonce } = JSON.parse(text) as Record<string, unknown>;
    if (typeof pid === 'number' && typeof nonce === 'string' && /^[0-9a-f]{16}$/.test(nonce)) {
      return {
        pid,
        nonce,
        ...(typeof atMs === 'number' ? { atMs } : {}),
        ...(typeof startToken === 'string' ? { startToken } : {}),
      };
    }
  } catch {
    // Falls through: unreadable counts as nobody's.
  }
  return { nonce: createHash('sha256').update(text).digest('hex').slice(0, 16) };
}

async function isHeld(path: string, { pid, startToken, nonce }: LockFile): Promise<boolean> {
  if (pid === undefined) return false;
  if (isOfThisPidNamespace(startToken)) return isProcessAlive(pid, startToken);
  return hasLifeSign(signPath(path, nonce));
}
