import * as fs from 'node:fs';
import { mkdir, rename, stat, statfs, unlink, utimes } from 'node:fs/promises';
import { promisify } from 'node:util';

/** The file operations of the writer, all asynchronous, so that a test can make the n-th one fail. */
export interface JournalFs {
  /** Creates the file and fails when it exists; `append` sends every write to the end. Mode 0600. */
  create(path: string, use: 'append' | 'place'): Promise<number>;
  openDirectory(path: string): Promise<number>;
  openToRead(path: string): Promise<number>;
  /** Bytes written, which may be fewer than given. */
  writev(fd: number, buffers: readonly Uint8Array[]): Promise<number>;
  writeAt(fd: number, bytes: Uint8Array, offset: number): Promise<number>;
  /** Bytes read; 0 at the end. */
  readAt(fd: number, target: Uint8Array, offset: number): Promise<number>;
  fdatasync(fd: number): Promise<void>;
  ftruncate(fd: number, bytes: number): Promise<void>;
  close(fd: number): Promise<void>;
  /** With its parents, mode 0700; nothing happens when it exists. */
  mkdir(path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  setModifiedAt(path: string, atMs: number): Promise<void>;
  /** What the open descriptor is, to compare with `identityOf`. */
  identity(fd: number): Promise<string>;
  /** What stands at the path. */
  identityOf(path: string): Promise<string>;
  /** Bytes of the file; rejects when there is none. */
  bytesOf(path: string): Promise<number>;
  space(path: string): Promise<{ readonly freeBytes: number; readonly totalBytes: number }>;
}

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = fs.constants;
const createFlags = O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR;

const open = promisify(fs.open) as (path: string, flags: string | number, mode?: number) => Promise<number>;
const fdatasync = promisify(fs.fdatasync);
const ftruncate = promisify(fs.ftruncate) as (fd: number, bytes: number) => Promise<void>;
const close = promisify(fs.close);
const fstat = promisify(fs.fstat) as (fd: number) => Promise<fs.Stats>;

export const systemFs: JournalFs = {
  create: (path, use) => open(path, use === 'append' ? createFlags | O_APPEND : createFlags, 0o600),
  openDirectory: (path) => open(path, 'r'),
  openToRead: (path) => open(path, 'r'),
  // Not promisify: this is the hot path, and its result has two values.
  writev: (fd, buffers) =>
    new Promise((resolve, reject) => {
      fs.writev(fd, buffers, (error, written) => (error === null ? resolve(written) : reject(error)));
    }),
  writeAt: (fd, bytes, offset) =>
    new Promise((resolve, reject) => {
      fs.write(fd, bytes, 0, bytes.length, offset, (error, written) =>
        error === null ? resolve(written) : reject(error),
      );
    }),
  readAt: (fd, target, offset) =>
    new Promise((resolve, reject) => {
      fs.read(fd, target, 0, target.length, offset, (error, read) =>
        error === null ? resolve(read) : reject(error),
      );
    }),
  fdatasync,
  ftruncate,
  close,
  mkdir: async (path) => void (await mkdir(path, { recursive: true, mode: 0o700 })),
  unlink,
  rename,
  setModifiedAt: (path, atMs) => utimes(path, atMs / 1000, atMs / 1000),
  identity: async (fd) => identityOf(await fstat(fd)),
  identityOf: async (path) => identityOf(await stat(path)),
  bytesOf: async (path) => (await stat(path)).size,
  space: async (path) => {
    const { bavail, blocks, bsize } = await statfs(path);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  },
};

function identityOf(stats: fs.Stats): string {
  return `${stats.dev}:${stats.ino}`;
}

export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}

export function isDiskFull(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}
