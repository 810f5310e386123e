import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonText, parseJsonText, renderJson } from './json-text.ts';

describe('renderJson', () => {
  it('writes any JSON as the standard way does, wherever it stands', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        const text = JSON.stringify(one);
        expect(renderJson({ raw: new JsonText(text), other, list: [new JsonText(text), other] })).toBe(
          JSON.stringify({ raw: one, other, list: [one, other] }),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('takes no text for a place holder', () => {
    const tricks = ['$&', '$1', '0', '"x:0"', ':0', '$`'];
    const value = { tricks, raw: new JsonText(JSON.stringify(tricks)) };
    expect(JSON.parse(renderJson(value))).toEqual({ tricks, raw: tricks });
  });
});

describe('parseJsonText', () => {
  it('keeps what a parser would lose', () => {
    for (const text of ['1.0', '12345678901234567890', '{"a":1,"a":2}', ' [1 , 2] ', '"\\ud800"']) {
      expect(parseJsonText(text)?.text).toBe(text);
    }
  });

  it('refuses what is not JSON', () => {
    for (const text of ['', '{', 'NaN', "{'a':1}", '[1,]', '\u0000', 'undefined']) {
      expect(parseJsonText(text), text).toBeUndefined();
    }
  });
});
