import { describe, expect, it } from 'vitest';
import { priceRows } from './price-rows.ts';

describe('prices in the configuration', () => {
  it('are read with their days, rates and long contexts', () => {
    expect(
      priceRows([
        { model: 'my-model', input: 3, output: 15 },
        {
          model: 'glm-*',
          provider: 'zai',
          from: '2026-05-01',
          input: 0.6,
          output: 2.2,
          cache_read: 0.11,
          long_context: { above: 200_000, input: 1.2 },
        },
      ]),
    ).toEqual({
      value: [
        { model: 'my-model', fromMs: 0, rates: { input: 3, output: 15 } },
        {
          model: 'glm-*',
          provider: 'zai',
          fromMs: Date.UTC(2026, 4, 1),
          rates: { input: 0.6, output: 2.2, cache_read: 0.11 },
          longContext: { above: 200_000, rates: { input: 1.2 } },
        },
      ],
    });
  });

  it.each([
    ['cheap', 'is not a list of prices'],
    [Array(1_001).fill({}), 'has more than 1000 entries'],
  ])('are a list of at most 1,000', (written, wrong) => {
    expect(priceRows(written)).toMatchObject({ wrong });
  });

  it.each([
    [7, /is not a price/],
    [{ input: 1, output: 1 }, /has a model that is not a text/],
    [{ model: 'm', output: 1 }, /needs input and output/],
    [{ model: 'm', input: '1', output: 1 }, /price for input that is not a number/],
    [{ model: 'm', input: -1, output: 1 }, /price for input that is not a number/],
    [{ model: 'm', input: Number.NaN, output: 1 }, /price for input that is not a number/],
    [{ model: 'm', input: 1, output: 1, cache: 1 }, /has the unknown key "cache"/],
    [{ model: 'm', input: 1, output: 1, from: '2026-02-30' }, /has a from that is no date/],
    [{ model: 'm', input: 1, output: 1, from: 'May' }, /has a from that is no date/],
    [{ model: 'm', input: 1, output: 1, long_context: { input: 2 } }, /whose above is not a number/],
    [{ model: 'm', input: 1, output: 1, long_context: { above: 1, more: 2 } }, /other keys/],
  ])('that are wrong are refused, each by itself: %j', (row, wrong) => {
    expect(priceRows([{ model: 'right', input: 1, output: 1 }, row])).toMatchObject({
      entries: [{ index: 1, wrong: expect.stringMatching(wrong) }],
    });
  });
});
