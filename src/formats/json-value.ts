/** A JSON object from outside: any key may be there, none must be. Only read, never merged into our own objects. */
export type JsonObject = { readonly [key: string]: unknown };

/** Larger texts are not parsed: a tree of objects takes many times the memory of its text. */
export const jsonBytesMax = 32 * 1024 * 1024;

/** The value a JSON text stands for; undefined when it is not JSON or larger than 32 MiB. Never throws. */
export function parseJson(text: string | Uint8Array): unknown {
  if (text.length > jsonBytesMax) return undefined;
  try {
    return JSON.parse(typeof text === 'string' ? text : utf8(text));
  } catch {
    return undefined;
  }
}

/** Text of bytes; what is not UTF-8 becomes U+FFFD. */
export function utf8(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8', start, end);
}

export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}

export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A text worth keeping as a fact: not empty, cut at `max` characters. */
export function asText(value: unknown, max = 512): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  return value.length > max ? value.slice(0, max) : value;
}

/** A count of tokens or calls: a whole number that a double holds exactly; anything else is unknown. */
export function asCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** An object without prototype, so that a key such as `__proto__` is a key like any other. */
export function copyObject(source: JsonObject | undefined): { [key: string]: unknown } {
  const copy: { [key: string]: unknown } = Object.create(null);
  if (source !== undefined) for (const key of Object.keys(source)) copy[key] = source[key];
  return copy;
}

/** Drops keys whose value is undefined, so that an absent fact is an absent key. */
export function definedOnly<T extends object>(source: { readonly [K in keyof T]: T[K] | undefined }): T {
  const copy: { [key: string]: unknown } = {};
  for (const [key, value] of Object.entries(source)) if (value !== undefined) copy[key] = value;
  return copy as T; // Only undefined values were left out, and T declares those as optional.
}
