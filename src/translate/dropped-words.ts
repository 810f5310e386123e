/** Collects what a translation could not carry: each thing once, in the order it was met. */
export interface DroppedWords {
  add(words: string): void;
  list(): readonly string[];
}

const entriesMax = 64;
const charactersMax = 240;

/** Hostile input can neither make the list long nor its entries: what is kept of one exchange stays small. */
export function createDroppedWords(): DroppedWords {
  const counts = new Map<string, number>();
  let others = 0;

  return {
    add(words) {
      const entry = words.length > charactersMax ? `${words.slice(0, charactersMax - 1)}…` : words;
      const count = counts.get(entry);
      if (count !== undefined) counts.set(entry, count + 1);
      else if (counts.size < entriesMax) counts.set(entry, 1);
      else others += 1;
    },
    list() {
      const entries = [...counts].map(([entry, count]) =>
        count === 1 ? entry : `${entry} (${count} times)`,
      );
      return others === 0 ? entries : [...entries, `${others} further things`];
    },
  };
}

/** A name from outside as it may stand in a sentence: one line, short. */
export function quoted(name: unknown): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes.
  const text = typeof name === 'string' ? name.replace(/[\u0000-\u001f\u007f]+/g, ' ') : String(typeof name);
  return `"${text.length > 64 ? `${text.slice(0, 63)}…` : text}"`;
}
