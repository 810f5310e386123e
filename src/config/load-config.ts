import { dirname, join } from 'node:path';
import { checkFiles } from './check-files.ts';
import { claudeDirectories, codexDirectories } from './claude-directories.ts';
import type { ConfigProblem, RuleProblem } from './config-problem.ts';
import { checkRules } from './config-rules.ts';
import type { ReadConfig } from './config-schema.ts';
import { readToken } from './data-directory.ts';
import { dataDirectoryPath } from './data-directory-path.ts';
import { applyEnvironment, type Environment } from './environment.ts';
import { expandTree } from './expand-tree.ts';
import { findConfigFile } from './find-config-file.ts';
import { checkKeyOrigins, hasSecrets, keyMoved } from './key-origins.ts';
import { emptyTree, isMapping, type RawTree, setAt, valueAt } from './raw-tree.ts';
import { readSettings } from './read-settings.ts';
import type { FileSystemReaders } from './remote-file-system.ts';
import { resolveConfig } from './resolve-config.ts';
import type { ResolvedConfig } from './resolved-config.ts';
import { flattened, shownConfig } from './shown-config.ts';
import { type FilePlace, readYamlFile, type YamlFile } from './yaml-file.ts';

export interface LoadOptions {
  /** What `--config` said; relative to `cwd`. */
  readonly configPath?: string;
  readonly env: Environment;
  readonly homeDir: string;
  readonly platform: NodeJS.Platform;
  readonly cwd: string;
  /** Processors that this process may use. */
  readonly processors: number;
  /** Instead of the system's own, for tests. */
  readonly fileSystems?: FileSystemReaders;
}

/** Where a value comes from, in words: `default`, `environment PORT`, `/home/me/config.yaml:4`. */
export type Origin = string;

export interface LoadedConfig {
  readonly ok: true;
  readonly config: ResolvedConfig;
  /** Every key that has a value, as `config show` prints it; secrets are replaced. */
  readonly settings: readonly { readonly key: string; readonly value: unknown; readonly origin: Origin }[];
  readonly origins: Readonly<Record<string, Origin>>;
  /** Absolute path of the file that was read; absent when there is none and defaults apply. */
  readonly file?: string;
  /** Worth telling, but nothing that keeps a service from starting. */
  readonly warnings: readonly ConfigProblem[];
}

export type LoadResult = LoadedConfig | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/**
 * Finds, reads, checks and resolves the configuration. Reads only: `ensureDataDir` is what creates. Never rejects
 * for what a user can cause; all problems are collected.
 */
export async function loadConfig(options: LoadOptions): Promise<LoadResult> {
  const found = await findConfigFile(options);
  const file = found && (await readYamlFile(found.path));
  if (file && !('locate' in file)) return { ok: false, problems: file };
  const dataDir = dataDirectoryPath(options, file?.path);
  if ('code' in dataDir) return { ok: false, problems: [dataDir] };

  const expanded = expandTree(file?.tree ?? emptyTree(), options.env, dataDir.path);
  const written = addressesOf(expanded.tree);
  const variables = applyEnvironment(expanded.tree, options.env);
  const locate = locator(file, variables);
  addDefaults(expanded.tree, dataDir.path);
  const read = readSettings(expanded.tree);
  const rules = checkRules(read.config);
  const files = await checkFiles(read.config, {
    dataDir,
    baseDir: dirname(file?.path ?? dataDir.path),
    fileSystems: options.fileSystems,
  });
  const notices = proxyNotice(read.config, options.env);
  const all = [...expanded.problems, ...read.problems, ...rules, ...files.problems, ...notices];
  const located = onePerPlace(all).map((problem) => locate(problem));
  const problems = located.filter(({ code }) => !code.startsWith('W'));
  if (problems.length > 0) return { ok: false, problems: inFileOrder(problems) };

  const shown = shownConfig(expanded.tree);
  const settings = listShown(shown, originFinder(file, variables));
  const config = resolveConfig(read.config, {
    dataDir: dataDir.path,
    databasePath: files.databasePath,
    generatedToken: (await readToken(dataDir.path)) ?? '',
    certificates: files.certificates,
    keys: files.keys,
    shown,
    claudeDirs: claudeDirectories(options),
    codexDirs: codexDirectories(options),
    processors: options.processors,
    isSet: (key) => variables.has(key) || valueAt(file?.tree, key.split('.')) != null,
  });
  const moved = await movedKeys(config, read.config, { written, variables });
  if (moved.length > 0) return { ok: false, problems: inFileOrder(moved.map((problem) => locate(problem))) };
  return {
    ok: true,
    config,
    settings,
    origins: Object.fromEntries(settings.map(({ key, origin }) => [key, origin])),
    ...(file ? { file: file.path } : {}),
    warnings: located,
  };
}

const anthropicAddress = 'https://api.anthropic.com';

/**
 * Fills in what depends on the surroundings. The provider `anthropic` always exists, and a block of this name needs
 * to say only what differs.
 */
function addDefaults(tree: RawTree, dataDir: string): void {
  const path = ['storage', 'db_path'];
  if (valueAt(tree, path) === undefined) setAt(tree, path, join(dataDir, 'throughline.db'));
  const given = valueAt(tree, ['providers', 'anthropic']) ?? {};
  if (!isMapping(given)) return;
  given.format ??= 'anthropic';
  if (given.format === 'anthropic') given.base_url ??= anthropicAddress;
  setAt(tree, ['providers', 'anthropic'], given);
}

/** Addresses of providers as the file has them. */
function addressesOf(tree: RawTree): ReadonlyMap<string, unknown> {
  const providers = valueAt(tree, ['providers']);
  const names = isMapping(providers) ? Object.keys(providers) : [];
  const addresses = names.map((name) => [name, valueAt(tree, ['providers', name, 'base_url'])] as const);
  return new Map([['anthropic', undefined], ...addresses]);
}

/**
 * Keys that would go to another origin than they were given for: than the file has, when a variable changes the address
 * and not the key, and than they went to so far.
 */
async function movedKeys(
  { core, dataDir }: ResolvedConfig,
  read: ReadConfig,
  around: { readonly written: ReadonlyMap<string, unknown>; readonly variables: ReadonlyMap<string, string> },
): Promise<readonly RuleProblem[]> {
  const confirmed = new Map(
    Object.entries(read.providers).map(([name, provider]) => [name, originOf(provider.api_key_origin) ?? '']),
  );
  const byVariable = core.providers.flatMap((provider) => {
    const { name, origin } = provider;
    const isGiven = (key: string) => around.variables.has(`providers.${name}.${key}`);
    if (!isGiven('base_url') || isGiven('api_key') || !hasSecrets(provider)) return [];
    const written = around.written.get(name) ?? (name === 'anthropic' ? anthropicAddress : undefined);
    const before = originOf(written);
    if (before === undefined || before === origin || confirmed.get(name) === origin) return [];
    return [keyMoved(provider, before)];
  });
  const names = new Set(byVariable.map(({ path }) => path[1]));
  const others = core.providers.filter(({ name }) => !names.has(name));
  return [...byVariable, ...(await checkKeyOrigins(others, dataDir, confirmed))];
}

function originOf(address: unknown): string | undefined {
  return typeof address === 'string' && URL.canParse(address) ? new URL(address).origin : undefined;
}

/** Other programs obey these variables. Throughline does not, and says so to whoever may expect it. */
function* proxyNotice({ providers }: ReadConfig, env: Environment): Generator<RuleProblem> {
  const name = ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'].find((variable) => env[variable]);
  const all = Object.values(providers);
  const isSaid = all.some(({ proxy }) => proxy !== undefined);
  if (name === undefined || isSaid) return;
  const sentence = `${name} is set and not looked at: providers are asked directly`;
  yield {
    code: 'W1011',
    path: [],
    sentence,
    fix: `Write proxy: \${${name}} for the providers behind it, or proxy: none for one to keep this quiet.`,
  };
}

/** Gives each problem the place its value comes from. */
function locator(file: YamlFile | undefined, variables: ReadonlyMap<string, string>) {
  return ({ path, ...problem }: RuleProblem): ConfigProblem => {
    const variable = variables.get(path.join('.'));
    if (variable !== undefined)
      return { ...problem, file: 'environment', sentence: `${variable}: ${problem.sentence}` };
    if (!file || path.length === 0) return problem;
    const what = problem.code === 'E1004' ? 'key' : 'value';
    const place: FilePlace = file.locate(path, what);
    return { ...problem, ...place };
  };
}

/** The first problem of a place is the cause of the others. */
function onePerPlace(problems: readonly RuleProblem[]): readonly RuleProblem[] {
  const first = new Map<string, RuleProblem>();
  for (const problem of problems) {
    const place = JSON.stringify(problem.path);
    if (!first.has(place)) first.set(place, problem);
  }
  return [...first.values()];
}

function inFileOrder(problems: ConfigProblem[]): ConfigProblem[] {
  return problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

function originFinder(file: YamlFile | undefined, variables: ReadonlyMap<string, string>) {
  return (path: readonly string[]): Origin => {
    const variable = variables.get(path.join('.'));
    if (variable !== undefined) return `environment ${variable}`;
    if (file && valueAt(file.tree, path) != null) return `${file.path}:${file.locate(path, 'key').line}`;
    return 'default';
  };
}

function listShown(shown: RawTree, originOf: (path: readonly string[]) => Origin): LoadedConfig['settings'] {
  return [...flattened(shown)].map(([path, value]) => ({
    key: path.join('.'),
    value,
    origin: originOf(path),
  }));
}
