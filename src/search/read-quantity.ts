import type { ValueKind } from './keys.ts';

interface Scale {
  /** What may follow the number, in lower case, and how much of the key's unit one of it is. */
  readonly units: Readonly<Record<string, number>>;
  readonly examples: string;
}

const counts = { '': 1, k: 1e3, m: 1e6, g: 1e9 };

const scales: Readonly<Partial<Record<ValueKind, Scale>>> = {
  count: { units: counts, examples: '500, 10k or 1.5M' },
  money: { units: counts, examples: '$0.5 or 2' },
  duration: {
    units: { us: 1, µs: 1, ms: 1e3, s: 1e6, m: 60e6, min: 60e6, h: 3600e6 },
    examples: '500ms, 2s or 3m',
  },
  bytes: {
    units: { '': 1, b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3 },
    examples: '500b, 4kb or 10mb',
  },
  status: { units: { '': 1 }, examples: '404, 5xx or >=400' },
};

/** How a value of this kind may be written. */
export function examplesOf(kind: ValueKind): string {
  return scales[kind]?.examples ?? 'today, 2h, 7d, 2026-11-01 or 2026-11-01T10:30';
}

/** A number with its unit, in the unit of the key. undefined when it is none. */
export function readQuantity(written: string, kind: ValueKind): number | undefined {
  const text = kind === 'money' ? written.replace(/^\$/, '') : written;
  const [, digits, unit] = /^(\d{1,15}(?:\.\d{1,9})?|\.\d{1,9})(\p{L}*)$/u.exec(text) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  const units = new Map(Object.entries(scales[kind]?.units ?? {}));
  const scale = units.get(unit.toLowerCase());
  if (scale === undefined) return undefined;
  return Number(digits) * scale;
}
