/** Deterministic randomness for fixtures: the same seed gives the same values on every machine. */
export interface SeededRandom {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [from, below). */
  integer(from: number, below: number): number;
  pick<T>(values: readonly T[]): T;
  /** Lower-case hex characters. */
  hex(length: number): string;
  bytes(length: number): Buffer;
  /** In the shape of a version 4 UUID. */
  uuid(): string;
}

export function seededRandom(seed: number): SeededRandom {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  // splitmix32: small, well distributed, and good enough to lay out test data.
  const word = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  const next = (): number => word() / 2 ** 32;
  const integer = (from: number, below: number): number => from + Math.floor(next() * (below - from));
  const bytes = (length: number): Buffer => {
    const out = Buffer.alloc(length);
    for (let index = 0; index < length; index++) out[index] = word() & 0xff;
    return out;
  };
  const hex = (length: number): string =>
    bytes(Math.ceil(length / 2))
      .toString('hex')
      .slice(0, length);
  return {
    next,
    integer,
    pick: (values) => {
      const value = values[integer(0, values.length)];
      if (value === undefined) throw new RangeError('cannot pick from an empty list');
      return value;
    },
    hex,
    bytes,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
  };
}
