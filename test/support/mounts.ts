import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { waitFor } from './wait-for.ts';

/** File systems that a test mounts. Needs the rights of root, and a container that may mount. */
export interface Mounts {
  /** A file system of this type at the place, which is made when it is missing. */
  add(place: string, mountArguments: readonly string[]): void;
  /** Waits until nobody has a file open on it. */
  remove(place: string): Promise<void>;
  /** Lazily, because a process that is just ending may still have a file open. */
  removeAll(): void;
}

export function createMounts(): Mounts {
  const mounted: string[] = [];
  const unmount = (place: string, ...options: string[]): void => {
    execFileSync('umount', [...options, place], { stdio: 'pipe' });
  };
  return {
    add(place, mountArguments) {
      mkdirSync(place, { recursive: true, mode: 0o700 });
      try {
        execFileSync('mount', [...mountArguments, place], { stdio: 'pipe' });
      } catch (cause) {
        throw new Error('this test mounts file systems: run it as root, in a container that may mount', {
          cause,
        });
      }
      mounted.push(place);
    },
    async remove(place) {
      const isUnmounted = (): boolean => {
        unmount(place);
        return true;
      };
      await waitFor(isUnmounted, { what: `${place} to be unmounted` });
      mounted.splice(mounted.lastIndexOf(place), 1);
    },
    removeAll() {
      for (const place of mounted.splice(0).reverse()) unmount(place, '--lazy');
    },
  };
}
