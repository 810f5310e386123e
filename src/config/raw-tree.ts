/** Mappings, lists and scalars as they stand in a file. Mappings have no prototype: any key is just a key. */
export type RawTree = { [key: string]: unknown };
export type RawPath = readonly (string | number)[];

export function emptyTree(): RawTree {
  return Object.create(null) as RawTree;
}

/**
 * Copies a value, replacing each text; an empty mapping value (`key:` with nothing behind it) counts as absent.
 * @param change gets a text and its place
 */
export function mapTexts(
  value: unknown,
  change: (text: string, path: RawPath) => string,
  path: RawPath = [],
): unknown {
  if (typeof value === 'string') return change(value, path);
  if (Array.isArray(value)) return value.map((item, index) => mapTexts(item, change, [...path, index]));
  if (!isMapping(value)) return value;
  const copy = emptyTree();
  for (const [key, child] of Object.entries(value)) {
    if (child !== null && child !== undefined) copy[key] = mapTexts(child, change, [...path, key]);
  }
  return copy;
}

export function isMapping(value: unknown): value is RawTree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a place; undefined when there is none. */
export function valueAt(tree: unknown, path: readonly PropertyKey[]): unknown {
  let value = tree;
  for (const segment of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[segment];
  }
  return value;
}

/** Sets a value, making the mappings on the way; leaves the tree alone when something else is in the way. */
export function setAt(tree: RawTree, path: readonly string[], value: unknown): void {
  let mapping = tree;
  for (const segment of path.slice(0, -1)) {
    mapping[segment] ??= emptyTree();
    const next = mapping[segment];
    if (!isMapping(next)) return;
    mapping = next;
  }
  mapping[path.at(-1)!] = value;
}

/** Removes what stands at a place, so that its default applies. Idempotent. */
export function removeAt(tree: RawTree, path: readonly PropertyKey[]): void {
  const parent = valueAt(tree, path.slice(0, -1));
  if (isMapping(parent)) delete parent[String(path.at(-1))];
}
