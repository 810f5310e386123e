import { describe, expect, it } from 'vitest';
import { seededRandom } from '#test-support';
import { decodeRecipe, encodeRecipe, type RecipePart } from './recipe.ts';

const literal = (text: string): RecipePart => ({ kind: 'literal', bytes: Buffer.from(text) });
const chunk = (id: number): RecipePart => ({ kind: 'chunk', id });
const plain = (parts: readonly RecipePart[]) =>
  parts.map((part) => (part.kind === 'chunk' ? part.id : Buffer.from(part.bytes).toString('latin1')));

describe('a recipe', () => {
  it('comes back part by part', () => {
    const recipes = [
      [],
      [literal('')],
      [chunk(1)],
      [chunk(9), chunk(3), chunk(3)],
      [literal('['), chunk(1), literal(','), chunk(2), literal(','), chunk(3), literal(']')],
      [chunk(5), literal(','), chunk(6), literal(', '), chunk(7), literal(', '), chunk(4), literal(', ')],
      [chunk(2 ** 40), literal(','), chunk(1), literal(','), chunk(2 ** 40)],
      [
        literal('x'.repeat(70_000)),
        chunk(1),
        literal('y'.repeat(17)),
        chunk(2),
        literal('y'.repeat(17)),
        chunk(3),
      ],
    ];
    for (const parts of recipes) expect(plain(decodeRecipe(encodeRecipe(parts)))).toEqual(plain(parts));
  });

  it('comes back whatever stands in it', () => {
    const random = seededRandom(11);
    for (let n = 0; n < 2_000; n += 1) {
      const parts = Array.from({ length: random.integer(0, 40) }, () =>
        random.next() < 0.5
          ? chunk(random.integer(1, 10_000))
          : literal(random.pick([',', ',', ', ', '],"x":[', ''])),
      );
      expect(plain(decodeRecipe(encodeRecipe(parts)))).toEqual(plain(parts));
    }
  });

  it('says the elements of an array in about one byte each', () => {
    const parts = Array.from({ length: 200 }, (_, n) => [chunk(5_000 + n), literal(',')]).flat();
    expect(encodeRecipe(parts).length).toBeLessThan(215);
  });

  it('refuses damaged bytes instead of making something up', () => {
    const encoded = encodeRecipe([literal('abc'), chunk(1), literal(','), chunk(2), literal(','), chunk(3)]);
    for (let cut = 1; cut < encoded.length; cut += 1) {
      const read = () => decodeRecipe(encoded.subarray(0, cut)).length;
      // After the literal a recipe may end; the hash of the whole body tells that something is missing.
      if (cut !== 5) expect(read).toThrow(RangeError);
    }
    expect(() => decodeRecipe(Buffer.from([9]))).toThrow(RangeError);
  });
});
