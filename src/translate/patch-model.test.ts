import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { patchModel } from './index.ts';

function patched(text: string, model = 'gpt-x'): string | undefined {
  const bytes = patchModel(Buffer.from(text), model);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}

describe('the model of a request', () => {
  it('is replaced, and every other byte stays', () => {
    expect(patched('{ "a" : 1.0,\t"model" :  "claude-x" , "z":[ ]}\n')).toBe(
      '{ "a" : 1.0,\t"model" :  "gpt-x" , "z":[ ]}\n',
    );
  });

  it('is only the one at the top', () => {
    const text =
      '{"messages":[{"model":"a","text":"\\"model\\":\\"b\\""}],"metadata":{"model":"c"},"model":"d"}';
    expect(patched(text)).toBe(text.replace('"model":"d"', '"model":"gpt-x"'));
  });

  it('may have any name', () => {
    expect(patched('{"model":"ä\\u00e4"}', 'a"\\\n')).toBe('{"model":"a\\"\\\\\\n"}');
  });

  it.each(['{}', '{"model":7}', '{"model":null}', '["model"]', '{"model":"a"', 'model', ''])(
    'is left alone in %s',
    (text) => {
      expect(patched(text)).toBeUndefined();
    },
  );

  it('is the only thing that differs, whatever the request says', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.string(),
        fc.string(),
        (others, from, to) => {
          const text = JSON.stringify({ ...others, model: from });
          expect(JSON.parse(patched(text, to)!)).toEqual({ ...JSON.parse(text), model: to });
        },
      ),
      { numRuns: 200 },
    );
  });
});
