import { mkdirSync, writeFileSync } from 'node:fs';
import { makeTempDir, type TempDir } from '#test-support';
import type { ConfigProblem } from '../config-problem.ts';
import { type LoadedConfig, type LoadResult, loadConfig } from '../load-config.ts';
import type { FileSystemReaders } from '../remote-file-system.ts';

export interface TestPlace {
  readonly dir: TempDir;
  /** Loads the text as `config.yaml` of the place; without a text, what is found. */
  load(
    text?: string,
    options?: {
      env?: Record<string, string>;
      cwd?: string;
      processors?: number;
      fileSystems?: FileSystemReaders;
    },
  ): Promise<LoadResult>;
  loaded(text?: string, env?: Record<string, string>): Promise<LoadedConfig>;
  problems(text: string, env?: Record<string, string>): Promise<readonly ConfigProblem[]>;
  [Symbol.dispose](): void;
}

/** A home directory and a project directory of their own, with nothing inherited from the environment. */
export function makeTestPlace(): TestPlace {
  const dir = makeTempDir('config');
  for (const name of ['home', 'project']) mkdirSync(dir.join(name));
  const load: TestPlace['load'] = (
    text,
    { env = {}, cwd = dir.join('project'), processors = 2, fileSystems } = {},
  ) => {
    if (text !== undefined) writeFileSync(dir.join('config.yaml'), text);
    return loadConfig({
      ...(text === undefined ? {} : { configPath: dir.join('config.yaml') }),
      env,
      homeDir: dir.join('home'),
      platform: 'linux',
      cwd,
      processors,
      ...(fileSystems === undefined ? {} : { fileSystems }),
    });
  };
  return {
    dir,
    load,
    loaded: async (text, env = {}) => {
      const result = await load(text, { env });
      if (!result.ok) throw new Error(result.problems.map(({ sentence }) => sentence).join('\n'));
      return result;
    },
    problems: async (text, env = {}) => {
      const result = await load(text, { env });
      return result.ok ? [] : result.problems;
    },
    [Symbol.dispose]: dir.remove,
  };
}
