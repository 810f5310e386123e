import { listSettings, type SettingDescription } from './list-settings.ts';
import { emptyTree, isMapping, type RawTree, setAt, valueAt } from './raw-tree.ts';

/**
 * The configuration as it applies: what the user wrote, with variables expanded, defaults filled in and secrets
 * replaced, in the order of the schema. Shown by `config show` and the API.
 * @param tree file and environment together
 */
export function shownConfig(tree: RawTree): RawTree {
  const shown = emptyTree();
  for (const setting of listSettings()) {
    for (const path of places(tree, setting.key.split('.'))) {
      const value = valueAt(tree, path) ?? setting.default;
      if (value !== undefined) setAt(shown, path, shownValue(setting, value));
    }
  }
  return shown;
}

/** Everything that has a value: the path of its key, and the value. */
export function* flattened(
  tree: unknown,
  path: readonly string[] = [],
): Generator<readonly [string[], unknown]> {
  if (!isMapping(tree)) yield [[...path], tree];
  else for (const [key, child] of Object.entries(tree)) yield* flattened(child, [...path, key]);
}

function shownValue({ secret, masked }: SettingDescription, value: unknown): unknown {
  if (secret) return '***REDACTED***';
  return masked === undefined ? value : masked(value);
}

/** The places that a key with `<name>` in it, once or more, stands for in this tree. */
function places(tree: unknown, path: readonly string[]): string[][] {
  const index = path.indexOf('<name>');
  if (index < 0) return [[...path]];
  const parent = valueAt(tree, path.slice(0, index));
  if (!isMapping(parent)) return [];
  return Object.keys(parent).flatMap((name) =>
    places(parent[name], path.slice(index + 1)).map((rest) => [...path.slice(0, index), name, ...rest]),
  );
}
