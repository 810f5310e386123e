import { listSettings } from './list-settings.ts';
import { isMapping, type RawTree, removeAt, setAt, valueAt } from './raw-tree.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables of particular providers; the others stand beside their key in the schema. */
const providerVariables: readonly (readonly [name: string, provider: string, key: string])[] = [
  ['ANTHROPIC_FORWARD_URL', 'anthropic', 'base_url'],
  ['ANTHROPIC_VERSION', 'anthropic', 'version'],
  ['ANTHROPIC_MAX_RETRIES', 'anthropic', 'max_retries'],
  ['OPENAI_BASE_URL', 'openai', 'base_url'],
  ['OPENAI_API_KEY', 'openai', 'api_key'],
];

/**
 * Puts the values of non-empty variables over those of the file.
 * @returns which variable each changed key has its value from
 */
export function applyEnvironment(tree: RawTree, env: Environment): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const [path, names] of overrides(tree)) {
    const name = names.find((candidate) => env[candidate]);
    if (name === undefined) continue;
    setAt(tree, path, env[name]);
    // A key is in one place: the variable's stands for all of the file.
    if (path[0] === 'providers' && path[2] === 'api_key') {
      for (const other of ['api_key_file', 'api_keys']) removeAt(tree, [...path.slice(0, 2), other]);
    }
    variables.set(path.join('.'), name);
  }
  return variables;
}

function* overrides(tree: RawTree): Generator<readonly [path: string[], names: readonly string[]]> {
  for (const { key, env } of listSettings()) {
    if (env && !key.startsWith('providers.')) yield [key.split('.'), env];
  }
  for (const [name, provider, key] of providerVariables) {
    // A stray OPENAI_API_KEY must not create a provider that the file does not name.
    const exists = provider === 'anthropic' || isMapping(valueAt(tree, ['providers', provider]));
    if (exists) yield [['providers', provider, key], [name]];
  }
}
