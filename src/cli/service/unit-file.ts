import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A file that tells a service manager about Throughline. */
export interface UnitFile {
  readonly path: string;
  /** As it is to be written: see `marked`. */
  readonly text: string;
}

/** What is found where a unit file belongs. */
export type FoundFile =
  | { readonly kind: 'missing' }
  | {
      /**
       * `current`: exactly what would be written. `written`: what `install` once wrote, with other facts or by another
       * version. `changed`: somebody changed what it wrote. `foreign`: it wrote nothing of it.
       */
      readonly kind: 'current' | 'written' | 'changed' | 'foreign';
      readonly text: string;
    };

const words = 'Written by "throughline service install"; "throughline service uninstall" takes it away.';
const mark = new RegExp(`^.*${words} Checksum: ([0-9a-f]{64}).*\n`, 'm');

/**
 * Puts a comment between two parts of a text by which the whole is known again, and by which it shows that somebody
 * changed it.
 * @param asComment how the format writes a comment of one line
 */
export function marked(before: string, after: string, asComment: (text: string) => string): string {
  return `${before}${asComment(`${words} Checksum: ${sha256(before + after)}`)}\n${after}`;
}

/** Compares what lies at the place of a unit file with what belongs there. Throws when it cannot be read. */
export function findFile({ path, text: wanted }: UnitFile): FoundFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'missing' };
    throw error;
  }
  if (text === wanted) return { kind: 'current', text };
  const checksum = mark.exec(text)?.[1];
  if (checksum === undefined) return { kind: 'foreign', text };
  return { kind: checksum === sha256(text.replace(mark, '')) ? 'written' : 'changed', text };
}

/** What is wrong with a file that is there, in words after its path. */
export function strangeness({ kind }: FoundFile): string {
  if (kind === 'foreign') return 'was not written by this command';
  return kind === 'changed'
    ? 'was changed since this command wrote it'
    : 'was written by this command for another installation or configuration';
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
