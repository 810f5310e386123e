import { jsonBytesMax, parseJson, utf8 } from '#formats';

/**
 * Integers from 2^53 on, which a double would round: ids of some services are such numbers. The largest exact integer
 * itself, 9007199254740991, stands in many a schema and needs no care.
 */
const longNumber = /[0-9]{17}|9(?!007199254740991(?![0-9]))[0-9]{15}/;

/** `JSON` with access to the source text of numbers, which the standard library of our TypeScript does not know yet. */
interface SourceJson {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(source: string): unknown;
}
const sourceJson = JSON as unknown as SourceJson; // Node has both since version 22.

/**
 * The value of a JSON text, in which numbers that a double cannot hold keep their digits: `JSON.stringify` writes them as
 * they were. Everybody else meets an object there, not a number.
 * @returns undefined when the text is no JSON or larger than 32 MiB
 */
export function parseExactJson(source: string | Uint8Array): unknown {
  if (source.length > jsonBytesMax) return undefined;
  const text = typeof source === 'string' ? source : utf8(source);
  if (!longNumber.test(text)) return parseJson(text);
  try {
    return sourceJson.parse(text, keepLongNumber);
  } catch {
    return parseJson(text); // Nested so deeply that only the plain way is left.
  }
}

function keepLongNumber(_key: string, value: unknown, context: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const source = context.source ?? '';
  return /^-?[0-9]+$/.test(source) ? sourceJson.rawJSON(source) : value;
}

/** The text of a value; undefined when it is nested too deeply to be written. */
export function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
