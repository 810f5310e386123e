import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Platform, platformDirectories } from './platform-directories.ts';

export interface FoundConfigFile {
  readonly path: string;
  /** The user asked for this file by name, so its absence is an error. */
  readonly asked: boolean;
}

/**
 * Decides which file to read: `--config`, then `$THROUGHLINE_CONFIG`, then the user's configuration directory. The
 * working directory is never searched, because a repository must not be able to redirect its reader's traffic.
 * @returns undefined when there is no file to read
 */
export async function findConfigFile(
  options: Platform & { readonly configPath?: string; readonly cwd: string },
): Promise<FoundConfigFile | undefined> {
  const asked = options.configPath || options.env.THROUGHLINE_CONFIG;
  if (asked) return { path: resolve(options.cwd, asked), asked: true };
  const path = join(platformDirectories(options).config, 'config.yaml');
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  // Anything but absence (a directory in our way, no permission) is for the reader to report, not to overlook.
  const absent = found instanceof Error && (found.code === 'ENOENT' || found.code === 'ENOTDIR');
  return absent ? undefined : { path, asked: false };
}
