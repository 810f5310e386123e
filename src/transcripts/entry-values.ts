import { asArray, asObject } from '#formats';

/** The texts of a content value, whether it is one text or a list of blocks; images and the like have none. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return asArray(content)
    .map((block) => asObject(block)?.text)
    .filter((text) => typeof text === 'string')
    .join('\n');
}

/** Milliseconds since 1970 of an RFC 3339 text; undefined for anything else. */
export function instantOf(value: unknown): number | undefined {
  if (typeof value !== 'string' || value.length > 40 || !/^\d{4}-\d\d-\d\dT/.test(value)) return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Drops keys whose value is undefined: what a line does not say is absent. */
export function present<T extends object>(source: { readonly [K in keyof T]: T[K] | undefined }): T {
  const copy: { [key: string]: unknown } = {};
  for (const key in source) if (source[key] !== undefined) copy[key] = source[key];
  return copy as T; // Only undefined values were left out, and T declares those as optional.
}
