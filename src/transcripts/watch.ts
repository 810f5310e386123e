import { type FSWatcher, watch } from 'node:fs';

/** Tells which directories changed. What it misses, the slow look at everything finds. */
export interface TranscriptWatch {
  /** Also watches this directory; nothing happens when that is not possible. */
  add(directory: string): void;
  /** Directories in which something happened since the last call. */
  take(): string[];
  close(): void;
}

export interface WatchOptions {
  /** Called when there is something to take; may be called from within any callback. */
  readonly onChange: () => void;
  /** Directories beyond this number are not watched: the system allows so many. */
  readonly directoriesMax: number;
}

/**
 * One watch for each directory, never one for each file: there are many times more of them, and what happens to a file
 * shows in its directory as well.
 */
export function watchDirectories({ onChange, directoriesMax }: WatchOptions): TranscriptWatch {
  const watchers = new Map<string, FSWatcher>();
  const changed = new Set<string>();

  function forget(directory: string): void {
    watchers.get(directory)?.close();
    watchers.delete(directory);
  }

  return {
    add(directory) {
      if (watchers.has(directory) || watchers.size >= directoriesMax) return;
      try {
        const watcher = watch(directory, { persistent: false });
        watcher.on('change', (event, name) => {
          changed.add(directory);
          // The directory itself went away and may come back as another one.
          if (event === 'rename' && name !== null && directory.endsWith(`/${name}`)) forget(directory);
          onChange();
        });
        watcher.on('error', () => forget(directory));
        watchers.set(directory, watcher);
      } catch {
        // No more watches to be had, or the directory is gone already.
      }
    },
    take() {
      const taken = [...changed];
      changed.clear();
      return taken;
    },
    close() {
      for (const directory of [...watchers.keys()]) forget(directory);
    },
  };
}
