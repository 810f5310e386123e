import { z } from 'zod';

/** What the documentation, `config show` and the environment need to know about one key. */
export interface SettingNotes {
  /** One sentence for `docs/configuration.md`. */
  readonly meaning: string;
  /** As a user would write it; absent when the key has no default. */
  readonly default?: unknown;
  /** Variables that override the file, the first non-empty one wins. */
  readonly env?: readonly string[];
  /** Never shown, logged or excerpted. */
  readonly secret?: boolean;
  /** Shows a value without the part of it that is secret. */
  readonly masked?: (written: unknown) => unknown;
}

export const settingNotes = z.registry<SettingNotes>();

/** What a reader makes of a value: the value it stands for, or what is wrong with it. */
export type Reading<T> = { readonly value: T } | Wrong;

interface Wrong {
  readonly wrong: string;
  readonly fix?: string;
  /** Of a list: what is wrong with each of its entries, said in their places instead. */
  readonly entries?: readonly WrongEntry[];
}

export interface WrongEntry {
  readonly index: number;
  readonly wrong: string;
  readonly fix?: string;
}

export type Reader<T> = (written: unknown) => Reading<T>;

/** A key that always has a value: `notes.default`, read like anything a user writes. */
export function setting<T>(read: Reader<T>, notes: SettingNotes & { readonly default: unknown }) {
  return schemaOf(read).prefault(notes.default).register(settingNotes, notes);
}

/** A key that may be absent. */
export function optionalSetting<T>(read: Reader<T>, notes: SettingNotes) {
  return schemaOf(read).optional().register(settingNotes, notes);
}

function schemaOf<T>(read: Reader<T>) {
  return z.unknown().transform((written, context): T => {
    const reading = read(written);
    if ('value' in reading) return reading.value;
    for (const { wrong, fix, ...entry } of reading.entries ?? [reading]) {
      context.issues.push({
        code: 'custom',
        input: written,
        message: wrong,
        ...('index' in entry ? { path: [entry.index] } : {}),
        ...(fix === undefined ? {} : { params: { fix } }),
      });
    }
    return z.NEVER;
  });
}
