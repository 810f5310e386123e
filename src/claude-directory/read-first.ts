import { join } from 'node:path';
import { readWellKnown } from './read-text.ts';

/** What a file says, or a sentence for a person about why there is nothing. */
export type ReadOutcome<T> = { readonly value: T; readonly path: string } | { readonly error: string };

const bytesMax = 4 * 1024 * 1024;

/** Reads a file with a well-known name from the first directory that has it. Never rejects. */
export async function readFirst<T>(
  directories: readonly string[],
  name: string,
  parse: (text: string) => T | undefined,
): Promise<ReadOutcome<T>> {
  for (const directory of directories) {
    const path = join(directory, name);
    const file = await readWellKnown(path, bytesMax);
    if (file.kind === 'missing') continue;
    if (file.kind === 'refused') return { error: `File not found or not readable: ${name} ${file.why}` };
    const value = parse(file.text);
    return value === undefined ? { error: `${name} is not a JSON object` } : { value, path };
  }
  return { error: 'File not found or not readable' };
}

/** A JSON object; undefined for anything else. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
