import { execFileSync } from 'node:child_process';
import { statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mounts } from './mounts.ts';

/** A disk of its own with an ext4 file system on it, whose power can be cut. Needs the rights of root. */
export interface CutDisk {
  /**
   * From here on nothing reaches the disk any more: what the kernel has not written yet is lost, whatever programs
   * think of it, and the file system can only be read. Blocks until it is done.
   */
  cut(): void;
  /** Power is back: mounts what the disk holds, after the programs that used it are gone. */
  restore(): Promise<void>;
}

/** @param place where the disk is mounted @param image file that plays the disk */
export function createCutDisk(mounts: Mounts, place: string, image: string): CutDisk {
  writeFileSync(image, '', { mode: 0o600 });
  truncateSync(image, diskBytes);
  execFileSync('mkfs.ext4', ['-q', '-F', image], { stdio: 'pipe', env: { PATH: systemPath } });
  mounts.add(place, ['-o', 'loop', image]);
  const canary = join(place, 'not-synced');
  return {
    cut() {
      writeFileSync(canary, 'lost with the power');
      // The kernel's own way to try this out: the journal of the file system is given up on the spot.
      execFileSync('mount', ['-o', 'remount,abort', place], { stdio: 'pipe' });
    },
    async restore() {
      await mounts.remove(place);
      mounts.add(place, ['-o', 'loop', image]);
      // Its name may have gone along with the sync of another file.
      const bytes = statSync(canary, { throwIfNoEntry: false })?.size ?? 0;
      if (bytes > 0) throw new Error('the power cut lost nothing, so it shows nothing');
    },
  };
}

/** Programs for the administrator are not in everybody's path. */
const systemPath = `${process.env.PATH}:/usr/sbin:/sbin`;

const diskBytes = 512 * 1024 * 1024;
