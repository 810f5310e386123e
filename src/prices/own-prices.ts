import type { Price, Rate } from './price.ts';

/** A price as a user writes it; US dollars for a million tokens. */
export interface OwnPrice {
  /** As providers name it, or the beginning of it and `*`. */
  readonly model: string;
  /** Name of the provider in the configuration; absent = of any. */
  readonly provider?: string;
  /** Holds for requests from then on, milliseconds since 1970. */
  readonly fromMs: number;
  readonly rates: OwnRates & { readonly input: number; readonly output: number };
  /** For requests whose input, cached tokens included, is longer. What it leaves out costs what it costs otherwise. */
  readonly longContext?: { readonly above: number; readonly rates: OwnRates };
}

interface OwnRates {
  readonly input?: number;
  readonly output?: number;
  readonly cache_read?: number;
  readonly cache_write_5m?: number;
  readonly cache_write_1h?: number;
}

/** Of the prices that fit and hold already the one that holds since last; of equals the first. */
export function ownPriceFor(
  prices: readonly OwnPrice[],
  { provider, model, atMs }: { readonly provider: string; readonly model: string; readonly atMs: number },
): Price | undefined {
  let found: OwnPrice | undefined;
  for (const price of prices) {
    if (price.fromMs > atMs || !fits(price.model, model)) continue;
    if (price.provider !== undefined && price.provider !== provider) continue;
    if (found === undefined || price.fromMs > found.fromMs) found = price;
  }
  return found && priceOf(found);
}

function fits(pattern: string, model: string): boolean {
  return pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : model === pattern;
}

/** What has no rate of its own costs what it is a part of. */
function priceOf({ rates, longContext }: OwnPrice): Price {
  const rate = (name: keyof OwnRates, otherwise: Rate | undefined): Rate => {
    const base = rates[name] ?? otherwise?.base ?? 0;
    if (longContext === undefined) return { base, tiers: [] };
    const long =
      longContext.rates[name] ?? (rates[name] === undefined ? otherwise?.tiers[0]?.rate : undefined) ?? base;
    return { base, tiers: [{ above: longContext.above, rate: long }] };
  };
  const input = rate('input', undefined);
  const cacheWrite5m = rate('cache_write_5m', input);
  return {
    input,
    output: rate('output', undefined),
    cacheRead: rate('cache_read', input),
    cacheWrite5m,
    cacheWrite1h: rate('cache_write_1h', cacheWrite5m),
  };
}
