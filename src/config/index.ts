/**
 * YAML and environment in, resolved configurations for each program out, or a list of problems that names file,
 * line, column and the way to fix them. Knows nothing about what the services do with it.
 *
 * Read `config-schema.ts` first: every key, its default and its meaning. `load-config.ts` is the way from a file to
 * a `ResolvedConfig`; `data-directory.ts` is the only part that writes.
 */
export type { RouteRule, RouteTarget } from '#core-config';
export type { ConfigProblem } from './config-problem.ts';
export { formatConfigProblem } from './config-problem.ts';
export type { DataDirResult } from './data-directory.ts';
export { ensureDataDir, readToken } from './data-directory.ts';
export type { SettingDescription } from './list-settings.ts';
export { listSettings } from './list-settings.ts';
export type { LoadedConfig, LoadOptions, LoadResult, Origin } from './load-config.ts';
export { loadConfig } from './load-config.ts';
export type {
  DataConfig,
  LogLevel,
  RecorderConfig,
  ResolvedConfig,
  StoreConfig,
  SupervisorConfig,
} from './resolved-config.ts';
