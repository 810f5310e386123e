import { createHash } from 'node:crypto';
import { calcPrice, findProvider, type ModelPrice } from '@pydantic/genai-prices';
import { type OwnPrice, ownPriceFor } from './own-prices.ts';
import type { Price, Rate } from './price.ts';

/** Of the data. Costs that were computed with another one are computed again. */
export const pricesVersion = '0.1.8';

export interface PriceList {
  /**
   * The price of a model at a provider of that name; undefined when it is unknown: a provider that has a name of its
   * own may take anything for its models, or nothing.
   */
  priceOf(asked: PriceQuery): Price | undefined;
}

export interface PriceQuery {
  readonly provider: string | undefined;
  readonly model: string | undefined;
  /** Prices change; this is the time of the request, milliseconds since 1970. */
  readonly atMs: number;
}

/** Of all prices together: what was computed with another one is computed again. */
export function versionOfPrices(own: readonly OwnPrice[]): string {
  if (own.length === 0) return pricesVersion;
  const digest = createHash('sha256').update(JSON.stringify(own)).digest('hex').slice(0, 12);
  return `${pricesVersion}+${digest}`;
}

const dayMs = 86_400_000;
/** Looking a price up takes as long as deriving ten requests. */
const rememberedPricesMax = 10_000;

/** @param own prices of the user, which count before those that are published */
export function createPriceList(own: readonly OwnPrice[] = []): PriceList {
  const known = new Map<string, Price | undefined>();
  return {
    priceOf({ provider, model, atMs }) {
      if (provider === undefined || model === undefined) return undefined;
      const day = Math.floor(atMs / dayMs);
      const key = `${day} ${provider} ${model}`;
      if (known.has(key)) return known.get(key);
      if (known.size >= rememberedPricesMax) known.clear();
      const dayBeginsMs = day * dayMs;
      const price =
        ownPriceFor(own, { provider, model, atMs: dayBeginsMs }) ??
        lookUp(provider, model, new Date(dayBeginsMs));
      known.set(key, price);
      return price;
    },
  };
}

/** Prices change from one UTC day to the next; the day begins with the price that holds in it. */
function lookUp(provider: string, model: string, timestamp: Date): Price | undefined {
  if (findProvider({ providerId: provider }) === undefined) return undefined;
  // One token is enough to learn the rates: the package would look the model up anew for every request.
  const found = calcPrice({ input_tokens: 1 }, model, { providerId: provider, timestamp });
  return found === null ? undefined : priceFrom(found.model_price);
}

/** What has no rate of its own costs what it is a part of. */
function priceFrom(rates: ModelPrice): Price | undefined {
  const input = rateFrom(rates.input_mtok);
  const output = rateFrom(rates.output_mtok);
  if (input === undefined || output === undefined) return undefined;
  const cacheWrite5m = rateFrom(rates.cache_write_mtok) ?? input;
  return {
    input,
    output,
    cacheRead: rateFrom(rates.cache_read_mtok) ?? input,
    cacheWrite5m,
    cacheWrite1h: rateFrom(rates.cache_write_1h_mtok) ?? cacheWrite5m,
  };
}

function rateFrom(rate: ModelPrice[string]): Rate | undefined {
  if (rate === undefined) return undefined;
  if (typeof rate === 'number') return { base: rate, tiers: [] };
  const tiers = rate.tiers.map(({ start, price }) => ({ above: start, rate: price }));
  return { base: rate.base, tiers: tiers.sort((one, other) => one.above - other.above) };
}
