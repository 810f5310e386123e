import { dirname, join, relative, sep } from 'node:path';
import { type JournalFs, systemFs } from './journal-fs.ts';

/** Names of files that would be there after a power cut, with the bytes of each that would be. */
export type DiskImage = ReadonlyMap<string, number>;

interface Inode {
  writtenBytes: number;
  syncedBytes: number;
}

/**
 * A disk that knows what a power cut at this instant would leave for certain: of a file what was written before a sync
 * that is over, and only when its name and those of the directories above were synced too. A real file system keeps
 * more than that, but promises no more.
 */
export class PowerCutFs {
  readonly fs: JournalFs;
  /** Called before and after every operation. */
  onStep: () => void = () => undefined;
  /** Passes the time that the sync of this file or directory takes longer than on the real disk. */
  slowSync: (path: string) => Promise<void> = async () => undefined;
  readonly #root: string;
  readonly #inodes = new Map<string, Inode>();
  readonly #syncedNames = new Map<string, Inode>();
  readonly #opened = new Map<number, string>();

  /** @param root exists, and its own name is safe */
  constructor(root: string) {
    this.#root = root;
    this.fs = {
      ...systemFs,
      create: (path, use) => this.#step(() => this.#create(path, use)),
      openDirectory: (path) => this.#step(() => this.#openDirectory(path)),
      writev: (fd, pieces) => this.#step(() => this.#writev(fd, pieces)),
      fdatasync: (fd) => this.#step(() => this.#fdatasync(fd)),
      close: (fd) => this.#step(() => this.#close(fd)),
      mkdir: (path) => this.#step(() => this.#mkdir(path)),
      unlink: (path) => this.#step(() => this.#unlink(path)),
    };
  }

  image(): DiskImage {
    const found = new Map<string, number>();
    for (const [path, { syncedBytes }] of this.#syncedNames) {
      if (this.#above(path).every((directory) => this.#syncedNames.has(directory)))
        found.set(path, syncedBytes);
    }
    return found;
  }

  async #step<Result>(operation: () => Promise<Result>): Promise<Result> {
    this.onStep();
    const result = await operation();
    this.onStep();
    return result;
  }

  async #create(path: string, use: 'append' | 'place'): Promise<number> {
    const fd = await systemFs.create(path, use);
    this.#inodes.set(path, { writtenBytes: 0, syncedBytes: 0 });
    this.#opened.set(fd, path);
    return fd;
  }

  async #openDirectory(path: string): Promise<number> {
    const fd = await systemFs.openDirectory(path);
    this.#opened.set(fd, path);
    return fd;
  }

  async #writev(fd: number, pieces: readonly Uint8Array[]): Promise<number> {
    const written = await systemFs.writev(fd, pieces);
    this.#inodes.get(this.#opened.get(fd)!)!.writtenBytes += written;
    return written;
  }

  async #fdatasync(fd: number): Promise<void> {
    const path = this.#opened.get(fd)!;
    const inode = this.#inodes.get(path);
    const writtenBytes = inode?.writtenBytes ?? 0;
    const names = [...this.#inodes].filter(([name]) => dirname(name) === path);
    await this.slowSync(path);
    await systemFs.fdatasync(fd);
    if (inode !== undefined) inode.syncedBytes = Math.max(inode.syncedBytes, writtenBytes);
    for (const [name, one] of names) this.#syncedNames.set(name, one);
  }

  async #close(fd: number): Promise<void> {
    this.#opened.delete(fd);
    await systemFs.close(fd);
  }

  async #mkdir(path: string): Promise<void> {
    await systemFs.mkdir(path);
    for (const made of [path, ...this.#above(path)])
      if (!this.#inodes.has(made)) this.#inodes.set(made, { writtenBytes: 0, syncedBytes: 0 });
  }

  async #unlink(path: string): Promise<void> {
    await systemFs.unlink(path);
    this.#inodes.delete(path);
  }

  /** The directories between the root and this path, both left out. */
  #above(path: string): string[] {
    const parts = relative(this.#root, dirname(path)).split(sep).filter(Boolean);
    return parts.map((_, index) => join(this.#root, ...parts.slice(0, index + 1)));
  }
}
