/** US dollars for a million tokens, as they were at one time. */
export interface Price {
  readonly input: Rate;
  readonly output: Rate;
  readonly cacheRead: Rate;
  readonly cacheWrite5m: Rate;
  readonly cacheWrite1h: Rate;
}

export interface Rate {
  readonly base: number;
  /** Holds for all tokens of a request whose input, cached tokens included, is longer than `above`; shortest first. */
  readonly tiers: readonly { readonly above: number; readonly rate: number }[];
}

export function rateFor({ base, tiers }: Rate, inputLength: number): number {
  return tiers.findLast(({ above }) => inputLength > above)?.rate ?? base;
}
