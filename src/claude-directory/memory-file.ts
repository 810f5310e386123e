/** What the user's `CLAUDE.md` says. */
export interface MemoryFile {
  readonly content: string;
  /** Tags that begin a section, in the order in which they first appear. */
  readonly sections: readonly {
    readonly name: string;
    /** Offset in bytes of the UTF-8 text. */
    readonly position: number;
  }[];
}

const sectionTags = [
  'system-reminder',
  'memory',
  'personal-note',
  'universal-laws',
  'guidelines',
  'context-specific',
];

/** Finds the sections of a `CLAUDE.md`. */
export function parseMemoryFile(content: string): MemoryFile {
  const sections = sectionTags
    .map((name) => ({ name, at: content.search(new RegExp(`<${name}[\\s>]`)) }))
    .filter(({ at }) => at >= 0)
    .sort((one, other) => one.at - other.at)
    .map(({ name, at }) => ({ name, position: Buffer.byteLength(content.slice(0, at)) }));
  return { content, sections };
}
