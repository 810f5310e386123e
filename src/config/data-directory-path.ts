import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { ConfigProblem } from './config-problem.ts';
import { type Platform, platformDirectories } from './platform-directories.ts';

export interface DataDirectoryPath {
  /** Absolute. */
  readonly path: string;
  /** Nobody named it: it is created when it is missing. */
  readonly isDefault: boolean;
}

/**
 * Where data is kept: `$THROUGHLINE_DATA_DIR` or `$DATA_DIR`; else `data` beside the configuration file; else, and
 * also for the file in the user's configuration directory, the platform's data directory.
 * @param file absolute path of the configuration file, when there is one
 */
export function dataDirectoryPath(
  platform: Platform,
  file: string | undefined,
): DataDirectoryPath | ConfigProblem {
  const name = ['THROUGHLINE_DATA_DIR', 'DATA_DIR'].find((candidate) => platform.env[candidate]);
  const directories = platformDirectories(platform);
  if (name === undefined) {
    const besideFile = file !== undefined && dirname(file) !== directories.config;
    return { path: besideFile ? join(dirname(file), 'data') : directories.data, isDefault: true };
  }
  const value = platform.env[name]!;
  if (isAbsolute(value)) return { path: resolve(value), isDefault: false };
  if (file !== undefined) return { path: resolve(dirname(file), value), isDefault: false };
  return {
    code: 'E1009',
    sentence: `${name} is the relative path ${JSON.stringify(value.slice(0, 200))}, and there is no configuration file that it could be relative to`,
    file: 'environment',
    fix: `Set ${name} to an absolute path.`,
  };
}
