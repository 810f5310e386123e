import { isAbsolute, normalize } from 'node:path';
import { parseByteSize } from './byte-size.ts';
import { parseDuration } from './duration.ts';
import { nearestName } from './nearest-name.ts';
import type { Reader } from './setting.ts';

/** Characters that any text setting may have at most; longer ones are a mistake or an attack. */
const textCharactersMax = 8192;

export const text: Reader<string> = (written) => {
  if (typeof written !== 'string' && typeof written !== 'number') return { wrong: 'is not a text' };
  const value = String(written);
  if (value === '') return { wrong: 'is empty', fix: 'Write a value, or leave the key out.' };
  if (value.length > textCharactersMax || hasControlCharacter(value)) {
    return { wrong: `is longer than ${textCharactersMax} characters or has control characters` };
  }
  return { value };
};

export const duration: Reader<number> = (written) => {
  const value = typeof written === 'string' || written === 0 ? parseDuration(String(written)) : undefined;
  if (value !== undefined) return { value };
  const withUnit = /^\d+$/.test(String(written)) ? `${written}s` : '600s';
  return {
    wrong: `is not a duration: ${shown(written)}`,
    fix: `Write a number with a unit (ms, s, m, h), for example "${withUnit}"; 0 switches a limit off.`,
  };
};

export const byteSize: Reader<number> = (written) => {
  const asText = typeof written === 'string' || typeof written === 'number' ? String(written) : '';
  const value = parseByteSize(asText);
  if (value !== undefined) return { value };
  return {
    wrong: `is not a size: ${shown(written)}`,
    fix: 'Write for example "64MiB", "5GB" or a number of bytes.',
  };
};

/** Like `byteSize`, and `auto` for 0. */
export const byteSizeOrAuto: Reader<number> = (written) =>
  written === 'auto' ? { value: 0 } : byteSize(written);

export const flag: Reader<boolean> = (written) => {
  if (written === true || written === 'true') return { value: true };
  if (written === false || written === 'false') return { value: false };
  return { wrong: `is not true or false: ${shown(written)}` };
};

/** A flag that no variable can carry: it has to stand in the file as a plain `true`. */
export const plainFlag: Reader<boolean> = (written) =>
  typeof written === 'boolean'
    ? { value: written }
    : {
        wrong: 'must be a plain true or false in the file',
        fix: 'Write true or false without quotes or variables.',
      };

export function wholeNumber(min: number, max: number): Reader<number> {
  return (written) => {
    const value = typeof written === 'string' && /^\d{1,12}$/.test(written) ? Number(written) : written;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max)
      return { value };
    return { wrong: `is not a whole number from ${min} to ${max}: ${shown(written)}` };
  };
}

/** Like `wholeNumber` from 1 on, and `auto` for 0. */
export function countOrAuto(max: number): Reader<number> {
  const count = wholeNumber(1, max);
  return (written) => (written === 'auto' ? { value: 0 } : count(written));
}

export function oneOf<const T extends string>(...choices: readonly T[]): Reader<T> {
  return (written) => {
    const value = choices.find((choice) => choice === written);
    if (value !== undefined) return { value };
    const guess = nearestName(String(written), choices);
    const fix = guess === undefined ? `Write one of: ${choices.join(', ')}.` : `Did you mean "${guess}"?`;
    return {
      wrong: `must be ${choices.map((choice) => `'${choice}'`).join(' or ')}, not ${shown(written)}`,
      fix,
    };
  };
}

/** A list of at most 100 texts; a single text stands for a list of one. */
export function listOf(item: Reader<string>): Reader<readonly string[]> {
  return (written) => {
    const items: unknown[] = Array.isArray(written) ? written : [written];
    if (items.length > 100) return { wrong: 'has more than 100 entries' };
    const value: string[] = [];
    for (const entry of items) {
      const reading = item(entry);
      if ('wrong' in reading) return { ...reading, wrong: `has an entry that ${reading.wrong}` };
      value.push(reading.value);
    }
    return { value };
  };
}

export function hasControlCharacter(value: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the purpose.
  return /[\u0000-\u001f\u007f\u2028\u2029]/.test(value);
}

/** A wrong value as it may stand in a sentence: short and on one line. */
function shown(written: unknown): string {
  return (JSON.stringify(written) ?? 'nothing').slice(0, 60);
}

export const absolutePath: Reader<string> = (written) => {
  if (typeof written !== 'string' || !isAbsolute(written)) return { wrong: 'is not an absolute path' };
  return { value: normalize(written) };
};
