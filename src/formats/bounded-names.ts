const namesMax = 4096;
const charactersMax = 64 * 1024;

/** The first names of a list: at most 4096 and 64 Ki characters, because every row of a list of requests has them. */
export function boundedNames(names: Iterable<string>): readonly string[] {
  const kept: string[] = [];
  let characters = 0;
  for (const name of names) {
    characters += name.length;
    if (kept.length === namesMax || characters > charactersMax) break;
    kept.push(name);
  }
  return kept;
}
