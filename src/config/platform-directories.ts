import { isAbsolute, join } from 'node:path';

export interface Platform {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
  readonly platform: NodeJS.Platform;
}

export interface PlatformDirectories {
  /** Where the user's `config.yaml` is looked for. */
  readonly config: string;
  /** Where data is kept when nothing else is said. */
  readonly data: string;
}

/**
 * The directories that the platform's conventions give to one user's configuration and data. Everything is passed
 * in, so that a test never reads the real home directory.
 */
export function platformDirectories({ env, homeDir, platform }: Platform): PlatformDirectories {
  if (platform === 'darwin') {
    const support = join(homeDir, 'Library', 'Application Support', 'throughline');
    return { config: support, data: join(support, 'data') };
  }
  if (platform === 'win32') {
    const roaming = absolute(env.APPDATA) ?? join(homeDir, 'AppData', 'Roaming');
    const local = absolute(env.LOCALAPPDATA) ?? join(homeDir, 'AppData', 'Local');
    return { config: join(roaming, 'throughline', 'Config'), data: join(local, 'throughline', 'Data') };
  }
  const config = absolute(env.XDG_CONFIG_HOME) ?? join(homeDir, '.config');
  const data = absolute(env.XDG_DATA_HOME) ?? join(homeDir, '.local', 'share');
  return { config: join(config, 'throughline'), data: join(data, 'throughline') };
}

/** The XDG specification says that relative values are to be ignored. */
function absolute(path: string | undefined): string | undefined {
  return path && isAbsolute(path) ? path : undefined;
}
