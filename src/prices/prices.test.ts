import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { calcPrice } from '@pydantic/genai-prices';
import { describe, expect, it } from 'vitest';
import { projectDirectory, seededRandom } from '#test-support';
import { costNanos } from './cost.ts';
import type { Price, Rate } from './price.ts';
import { createPriceList, pricesVersion } from './price-list.ts';

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
