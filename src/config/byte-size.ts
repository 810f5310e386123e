const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/**
 * Reads a size such as `64MiB`, `5GB` or `4096` (bytes).
 * @returns whole bytes, or undefined when the text is not a size
 */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?) ?([a-z]{0,3})$/i.exec(text);
  const bytesPerUnit = match ? unitBytes[match[2]!.toLowerCase()] : undefined;
  if (!match || bytesPerUnit === undefined) return undefined;
  const bytes = Math.round(Number(match[1]) * bytesPerUnit);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
