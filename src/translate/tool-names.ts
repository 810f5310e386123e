import { shortHash } from './short-hash.ts';

/** Names of tools as an OpenAI-format provider accepts them, and the way back. */
export interface ToolNames {
  /** The same name always gives the same answer, in this request and in every other one with the same tools. */
  shorten(name: string): string;
  /** What was shortened → what the client calls it; names that needed no change are absent. */
  readonly originals: ReadonlyMap<string, string>;
}

const accepted = /^[a-zA-Z0-9_-]{1,64}$/;

/** @param declared every name the request declares: no shortened name may be one of these */
export function createToolNames(declared: Iterable<string>): ToolNames {
  const taken = new Set([...declared].filter((name) => accepted.test(name)));
  const shortened = new Map<string, string>();
  const originals = new Map<string, string>();

  return {
    originals,
    shorten(name) {
      if (accepted.test(name)) return name;
      const known = shortened.get(name);
      if (known !== undefined) return known;
      let short = shortenedName(name, name);
      for (let salt = 1; taken.has(short); salt += 1) short = shortenedName(name, `${name}#${salt}`);
      taken.add(short);
      shortened.set(name, short);
      originals.set(short, name);
      return short;
    },
  };
}

/** The readable beginning stays, because the model chooses tools by their names. */
function shortenedName(name: string, hashed: string): string {
  const readable = name.slice(0, 52).replace(/[^a-zA-Z0-9_-]/g, '_');
  return `${readable === '' ? 'tool' : readable}_${shortHash(hashed)}`;
}
