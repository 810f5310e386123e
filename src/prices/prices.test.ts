import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { calcPrice } from '@pydantic/genai-prices';
import { describe, expect, it } from 'vitest';
import { projectDirectory, seededRandom } from '#test-support';
import { costNanos } from './cost.ts';
import type { OwnPrice } from './own-prices.ts';
import type { Price, Rate } from './price.ts';
import { createPriceList, pricesVersion, versionOfPrices } from './price-list.ts';

const atMs = Date.UTC(2026, 5, 1, 12);
const list = createPriceList();
const flat = (base: number): Rate => ({ base, tiers: [] });
const price: Price = {
  input: flat(3),
  output: flat(15),
  cacheRead: flat(0.3),
  cacheWrite5m: flat(3.75),
  cacheWrite1h: flat(6),
};

describe('the cost of a request', () => {
  it('counts each kind of token at its own rate', () => {
    const tokens = { inputTokens: 10, outputTokens: 20, cacheReadTokens: 1_000, cacheWriteTokens: 300 };
    const lifetimes = { cacheWrite5mTokens: 100, cacheWrite1hTokens: 200 };
    // 10 × 3 + 20 × 15 + 1,000 × 0.3 + 100 × 3.75 + 200 × 6 millionths of a dollar
    expect(costNanos({ ...tokens, ...lifetimes }, price)).toBe(2_205_000);
    // Without lifetimes all writes are the usual ones: 10 × 3 + 20 × 15 + 1,000 × 0.3 + 300 × 3.75
    expect(costNanos(tokens, price)).toBe(1_755_000);
  });

  it('is unknown, not zero, without a price or without tokens', () => {
    expect(costNanos({ inputTokens: 1 }, undefined)).toBeUndefined();
    expect(costNanos({}, price)).toBeUndefined();
    expect(costNanos({ inputTokens: 0, outputTokens: 0 }, price)).toBe(0);
  });

  it('takes the rate of a long context for all tokens, cached ones included in its length', () => {
    const tiered = { ...price, input: { base: 3, tiers: [{ above: 200_000, rate: 6 }] } };
    expect(costNanos({ inputTokens: 10, cacheReadTokens: 199_990 }, tiered)).toBe(10 * 3_000 + 199_990 * 300);
    expect(costNanos({ inputTokens: 11, cacheReadTokens: 199_990 }, tiered)).toBe(11 * 6_000 + 199_990 * 300);
  });
});

describe('published prices', () => {
  it.each(['claude-sonnet-4-5-20250929', 'claude-opus-4-5', 'claude-haiku-4-5-20251001'])(
    'of %s give the cost that the data package computes itself',
    (model) => {
      const random = seededRandom(3);
      for (let attempt = 0; attempt < 50; attempt += 1) {
        const tokens = {
          inputTokens: random.integer(0, 100_000),
          outputTokens: random.integer(0, 50_000),
          cacheReadTokens: random.integer(0, 200_000),
          cacheWrite5mTokens: random.integer(0, 10_000),
          cacheWrite1hTokens: random.integer(0, 10_000),
        };
        const written = tokens.cacheWrite5mTokens + tokens.cacheWrite1hTokens;
        const expected = calcPrice(
          {
            // There, the input has everything in it.
            input_tokens: tokens.inputTokens + tokens.cacheReadTokens + written,
            output_tokens: tokens.outputTokens,
            cache_read_tokens: tokens.cacheReadTokens,
            cache_write_tokens: written,
            cache_write_1h_tokens: tokens.cacheWrite1hTokens,
          },
          model,
          { providerId: 'anthropic', timestamp: new Date(atMs) },
        );
        const cost = costNanos(tokens, list.priceOf({ provider: 'anthropic', model, atMs }));
        expect(cost! / 1e9).toBeCloseTo(expected!.total_price, 8);
      }
    },
  );

  it('are unknown for unknown models, and for providers that nobody knows', () => {
    expect(list.priceOf({ provider: 'anthropic', model: 'no-such-model', atMs })).toBeUndefined();
    expect(list.priceOf({ provider: 'in-the-cellar', model: 'claude-opus-4-5', atMs })).toBeUndefined();
    expect(list.priceOf({ provider: undefined, model: 'claude-opus-4-5', atMs })).toBeUndefined();
    expect(list.priceOf({ provider: 'anthropic', model: undefined, atMs })).toBeUndefined();
    expect(list.priceOf({ provider: 'anthropic', model: '__proto__', atMs })).toBeUndefined();
  });

  it('have the version of the package that they are from', () => {
    const manifest = JSON.parse(readFileSync(join(projectDirectory, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    expect(manifest.dependencies['@pydantic/genai-prices']).toBe(pricesVersion);
  });
});

describe('prices of the user', () => {
  const own: readonly OwnPrice[] = [
    { model: 'cellar-*', fromMs: 0, rates: { input: 1, output: 2 } },
    { model: 'cellar-*', fromMs: Date.UTC(2026, 4, 1), rates: { input: 3, output: 4 } },
    {
      model: 'claude-opus-4-5',
      provider: 'discounted',
      fromMs: 0,
      rates: { input: 2, output: 10, cache_read: 0.5, cache_write_5m: 2.5, cache_write_1h: 4 },
      longContext: { above: 1_000, rates: { input: 4, output: 20 } },
    },
  ];
  const ours = createPriceList(own);
  const cost = (provider: string, model: string, tokens: object, at = atMs) =>
    costNanos(tokens, ours.priceOf({ provider, model, atMs: at }));

  it('hold from their day on, also for models and providers that nobody knows', () => {
    const tokens = { inputTokens: 1_000, outputTokens: 100, cacheReadTokens: 10, cacheWriteTokens: 5 };
    // 1,000 × 3 + 100 × 4 + 10 × 3 + 5 × 3 millionths of a dollar; on the last day of April 1,015 × 1 + 100 × 2
    expect(cost('in-the-cellar', 'cellar-large', tokens)).toBe(3_445_000);
    expect(cost('in-the-cellar', 'cellar-large', tokens, Date.UTC(2026, 3, 30, 23))).toBe(1_215_000);
    expect(cost('in-the-cellar', 'another', tokens)).toBeUndefined();
  });

  it('count before published ones at their provider, and not elsewhere', () => {
    const tokens = { inputTokens: 100, outputTokens: 10, cacheReadTokens: 800 };
    // 100 × 2 + 10 × 10 + 800 × 0.5
    expect(cost('discounted', 'claude-opus-4-5', tokens)).toBe(700_000);
    expect(ours.priceOf({ provider: 'anthropic', model: 'claude-opus-4-5', atMs })).toEqual(
      list.priceOf({ provider: 'anthropic', model: 'claude-opus-4-5', atMs }),
    );
  });

  it('have rates for long contexts, and what those leave out costs what it costs otherwise', () => {
    const tokens = { inputTokens: 901, outputTokens: 10, cacheReadTokens: 90, cacheWrite1hTokens: 10 };
    // 901 + 90 + 10 = 1,001 tokens: 901 × 4 + 10 × 20 + 90 × 0.5 + 10 × 4
    expect(cost('discounted', 'claude-opus-4-5', tokens)).toBe(3_889_000);
    // 1,000 tokens are not longer: 900 × 2 + 10 × 10 + 90 × 0.5 + 10 × 4
    expect(cost('discounted', 'claude-opus-4-5', { ...tokens, inputTokens: 900 })).toBe(1_985_000);
  });

  it('make another version of all prices', () => {
    expect(versionOfPrices([])).toBe(pricesVersion);
    const versions = [versionOfPrices(own), versionOfPrices(own.slice(1)), pricesVersion];
    expect(new Set(versions).size).toBe(3);
    expect(versionOfPrices([...own])).toBe(versions[0]);
  });
});
