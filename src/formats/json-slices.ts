import { utf8 } from './json-value.ts';

/** Bytes `start` (included) to `end` (excluded). */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Where the parts of a top-level JSON object stand in its text. */
export interface JsonSlices {
  /** The value of each top-level key; of a repeated key the last one, as `JSON.parse` has it. */
  readonly values: ReadonlyMap<string, ByteRange>;
  /** The first elements of the arrays under the chosen keys, in order; absent when the value is no array. */
  readonly elements: ReadonlyMap<string, readonly ByteRange[]>;
}

/** Further keys are checked but not remembered; no client has so many at the top. */
const keysMax = 10_000;
/** So are further elements: a list of millions would take a hundred times the memory of its text. */
const elementsMax = 16_384;
/** Deeper nesting counts as damage: remembering what is open would take more memory than the text. */
const depthMax = 1_000_000;

export interface SliceOptions {
  /** Only this part of the bytes is the text. */
  readonly range?: ByteRange;
  /**
   * Bytes that are known to be one JSON object, array or string and may well stand as this element again. Comparing
   * is much cheaper than scanning.
   */
  readonly known?: (key: string, index: number) => Uint8Array | undefined;
}

/**
 * Scans the text of a JSON object without building it: one pass, memory only for what is returned. Accepts exactly
 * what `JSON.parse` accepts (bytes that are not UTF-8 count as U+FFFD inside strings), up to a million levels deep.
 * @param arrayKeys top-level keys whose arrays are cut into elements
 * @returns undefined when the text is not one JSON object
 */
export function sliceJson(
  bytes: Uint8Array,
  arrayKeys: ReadonlySet<string>,
  { range, known }: SliceOptions = {},
): JsonSlices | undefined {
  const end = range?.end ?? bytes.length;
  const values = new Map<string, ByteRange>();
  const elements = new Map<string, readonly ByteRange[]>();

  let at = skipSpace(bytes, range?.start ?? 0, end);
  if (at >= end || bytes[at] !== braceOpen) return undefined;
  at = skipSpace(bytes, at + 1, end);
  if (at < end && bytes[at] === braceClose) {
    return skipSpace(bytes, at + 1, end) === end ? { values, elements } : undefined;
  }

  for (;;) {
    const keyEnd = skipString(bytes, at, end);
    if (keyEnd < 0) return undefined;
    const key = readKey(bytes, at, keyEnd);
    at = skipColon(bytes, keyEnd, end);
    if (at < 0) return undefined;

    const start = at;
    elements.delete(key);
    if (arrayKeys.has(key) && at < end && bytes[at] === bracketOpen) {
      const found: ByteRange[] = [];
      at = sliceArray(bytes, at, end, found, (index) => known?.(key, index));
      elements.set(key, found);
    } else {
      at = skipValue(bytes, at, end);
    }
    if (at < 0) return undefined;
    if (values.size < keysMax || values.has(key) || arrayKeys.has(key)) values.set(key, { start, end: at });

    at = skipSpace(bytes, at, end);
    if (at >= end) return undefined;
    if (bytes[at] === braceClose)
      return skipSpace(bytes, at + 1, end) === end ? { values, elements } : undefined;
    if (bytes[at] !== comma) return undefined;
    at = skipSpace(bytes, at + 1, end);
  }
}

/**
 * Finds values of a top-level JSON object in the beginning of its text, which may end anywhere. Memory only for what is
 * returned; what stands behind damage is not found.
 * @returns whole values only; of a repeated key the last one
 */
export function findJsonValues(
  prefix: Uint8Array,
  keys: ReadonlySet<string>,
): ReadonlyMap<string, ByteRange> {
  const found = new Map<string, ByteRange>();
  const end = prefix.length;
  let at = skipSpace(prefix, 0, end);
  if (at >= end || prefix[at] !== braceOpen) return found;
  for (;;) {
    const keyStart = skipSpace(prefix, at + 1, end);
    const keyEnd = skipString(prefix, keyStart, end);
    if (keyEnd < 0) return found;
    const start = skipColon(prefix, keyEnd, end);
    if (start < 0) return found;
    at = skipValue(prefix, start, end);
    // A number that reaches the end may go on behind it.
    if (at < 0 || at >= end) return found;
    const key = readKey(prefix, keyStart, keyEnd);
    if (keys.has(key)) found.set(key, { start, end: at });
    at = skipSpace(prefix, at, end);
    if (at >= end || prefix[at] !== comma) return found;
  }
}

/** Position after the array that begins at `at`, or -1; its elements are added to `found`. */
function sliceArray(
  bytes: Uint8Array,
  at: number,
  end: number,
  found: ByteRange[],
  known: (index: number) => Uint8Array | undefined,
): number {
  at = skipSpace(bytes, at + 1, end);
  if (at < end && bytes[at] === bracketClose) return at + 1;
  for (;;) {
    const start = at;
    at = skipKnown(bytes, at, end, known(found.length));
    if (at === start) at = skipValue(bytes, at, end);
    if (at < 0) return -1;
    if (found.length < elementsMax) found.push({ start, end: at });
    at = skipSpace(bytes, at, end);
    if (at >= end) return -1;
    if (bytes[at] === bracketClose) return at + 1;
    if (bytes[at] !== comma) return -1;
    at = skipSpace(bytes, at + 1, end);
  }
}

/** Objects, arrays and strings end with their last byte whatever follows, so equal bytes are an equal element. */
function skipKnown(bytes: Uint8Array, at: number, end: number, element: Uint8Array | undefined): number {
  if (element === undefined || at + element.length > end) return at;
  const isEqual = Buffer.compare(bytes.subarray(at, at + element.length), element) === 0;
  return isEqual ? at + element.length : at;
}

function readKey(bytes: Uint8Array, start: number, end: number): string {
  const text = utf8(bytes, start, end);
  return text.includes('\\') ? (JSON.parse(text) as string) : text.slice(1, -1);
}

/** Position after the value that begins at `at`, or -1. Open containers stand on a list, not on the call stack. */
function skipValue(bytes: Uint8Array, at: number, end: number): number {
  const closers: number[] = [];
  for (;;) {
    const first = at < end ? bytes[at]! : 0;
    if (first === braceOpen || first === bracketOpen) {
      const closer = first === braceOpen ? braceClose : bracketClose;
      at = skipSpace(bytes, at + 1, end);
      if (at >= end) return -1;
      if (bytes[at] !== closer) {
        if (closers.length === depthMax) return -1;
        closers.push(closer);
        if (closer === braceClose) at = skipKey(bytes, at, end);
        if (at < 0) return -1;
        continue;
      }
      at += 1;
    } else {
      at = first === quote ? skipString(bytes, at, end) : skipScalar(bytes, at, end);
      if (at < 0) return -1;
    }

    at = closeContainers(bytes, at, end, closers);
    if (at < 0 || closers.length === 0) return at;
  }
}

/** After a value: closes what ends here and moves on to the next value; -1 when the text is broken. */
function closeContainers(bytes: Uint8Array, at: number, end: number, closers: number[]): number {
  while (closers.length > 0) {
    const closer = closers[closers.length - 1]!;
    at = skipSpace(bytes, at, end);
    if (at >= end) return -1;
    if (bytes[at] === comma) {
      at = skipSpace(bytes, at + 1, end);
      return closer === braceClose ? skipKey(bytes, at, end) : at;
    }
    if (bytes[at] !== closer) return -1;
    closers.pop();
    at += 1;
  }
  return at;
}

function skipKey(bytes: Uint8Array, at: number, end: number): number {
  const keyEnd = skipString(bytes, at, end);
  return keyEnd < 0 ? -1 : skipColon(bytes, keyEnd, end);
}

function skipColon(bytes: Uint8Array, at: number, end: number): number {
  at = skipSpace(bytes, at, end);
  return at < end && bytes[at] === colon ? skipSpace(bytes, at + 1, end) : -1;
}

function skipSpace(bytes: Uint8Array, at: number, end: number): number {
  while (at < end) {
    const byte = bytes[at]!;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at += 1;
  }
  return at;
}

function skipString(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end || bytes[at] !== quote) return -1;
  for (at += 1; at < end; at += 1) {
    const byte = bytes[at]!;
    if (byte === quote) return at + 1;
    if (byte < 0x20) return -1;
    if (byte !== backslash) continue;
    at += 1;
    if (at >= end) return -1;
    if (bytes[at] === 0x75) {
      if (!isHex(bytes, at + 1, at + 5, end)) return -1;
      at += 4;
    } else if (!isEscape(bytes[at]!)) {
      return -1;
    }
  }
  return -1;
}

/** One of `"\/bfnrt`. */
function isEscape(byte: number): boolean {
  return (
    byte === quote ||
    byte === backslash ||
    byte === 0x2f ||
    byte === 0x62 ||
    byte === 0x66 ||
    byte === 0x6e ||
    byte === 0x72 ||
    byte === 0x74
  );
}

function isHex(bytes: Uint8Array, from: number, to: number, end: number): boolean {
  if (to > end) return false;
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at]!;
    const isDigitOrLetter =
      (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
    if (!isDigitOrLetter) return false;
  }
  return true;
}

function skipScalar(bytes: Uint8Array, at: number, end: number): number {
  const first = at < end ? bytes[at] : 0;
  if (first === 0x74) return skipWord(bytes, at, end, 'true');
  if (first === 0x66) return skipWord(bytes, at, end, 'false');
  if (first === 0x6e) return skipWord(bytes, at, end, 'null');
  return skipNumber(bytes, at, end);
}

function skipWord(bytes: Uint8Array, at: number, end: number, word: string): number {
  if (at + word.length > end) return -1;
  for (let i = 0; i < word.length; i += 1) if (bytes[at + i] !== word.charCodeAt(i)) return -1;
  return at + word.length;
}

function skipNumber(bytes: Uint8Array, at: number, end: number): number {
  if (at < end && bytes[at] === 0x2d) at += 1;
  const whole = skipDigits(bytes, at, end);
  if (whole === at || (bytes[at] === 0x30 && whole > at + 1)) return -1;
  at = whole;
  if (at < end && bytes[at] === 0x2e) {
    const fraction = skipDigits(bytes, at + 1, end);
    if (fraction === at + 1) return -1;
    at = fraction;
  }
  if (at < end && (bytes[at]! | 0x20) === 0x65) {
    at += 1;
    if (at < end && (bytes[at] === 0x2b || bytes[at] === 0x2d)) at += 1;
    const exponent = skipDigits(bytes, at, end);
    if (exponent === at) return -1;
    at = exponent;
  }
  return at;
}

function skipDigits(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at += 1;
  return at;
}

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const backslash = 0x5c;
const bracketOpen = 0x5b;
const bracketClose = 0x5d;
const braceOpen = 0x7b;
const braceClose = 0x7d;
