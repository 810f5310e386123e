import { isAbsolute, join } from 'node:path';
import type { Environment } from './environment.ts';

/** Where Claude Code may keep its files, the likeliest first. Some of them need not exist. */
export function claudeDirectories({
  env,
  homeDir,
}: {
  readonly env: Environment;
  readonly homeDir: string;
}): readonly string[] {
  const configHome = env.XDG_CONFIG_HOME ?? join(homeDir, '.config');
  const places = [env.CLAUDE_CONFIG_DIR, join(homeDir, '.claude'), join(configHome, 'claude')];
  return [...new Set(places)].filter((place) => place !== undefined).filter(isAbsolute);
}

/** Where Codex may keep its files, the likeliest first. Some of them need not exist. */
export function codexDirectories({
  env,
  homeDir,
}: {
  readonly env: Environment;
  readonly homeDir: string;
}): readonly string[] {
  const places = [env.CODEX_HOME, join(homeDir, '.codex')];
  return [...new Set(places)].filter((place) => place !== undefined).filter(isAbsolute);
}
