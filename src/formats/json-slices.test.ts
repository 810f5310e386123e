import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findJsonValues, type JsonSlices, sliceJson } from './json-slices.ts';

const keys = new Set(['messages', 'tools']);

function parsed(bytes: Buffer, slices: JsonSlices): Record<string, unknown> {
  const object: Record<string, unknown> = Object.create(null);
  for (const [key, { start, end }] of slices.values)
    object[key] = JSON.parse(bytes.toString('utf8', start, end));
  return object;
}

function parsedElements(bytes: Buffer, slices: JsonSlices, key: string): unknown[] | undefined {
  return slices.elements.get(key)?.map(({ start, end }) => JSON.parse(bytes.toString('utf8', start, end)));
}

/** Entries, because comparing objects would take a key `__proto__` for the prototype. */
function byKey(object: Record<string, unknown>): [string, unknown][] {
  return Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1));
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** A document as a client may write it: any values, any spacing. */
const documentText = fc
  .tuple(
    fc.dictionary(
      fc.oneof(fc.constantFrom('messages', 'tools', 'model', '__proto__'), fc.string()),
      fc.jsonValue(),
    ),
    fc.array(fc.jsonValue()),
    fc.constantFrom(undefined, 1, '\t', '  '),
  )
  .map(([object, messages, space]) => JSON.stringify({ ...object, messages }, null, space));

describe('slices of a JSON object', () => {
  it('hold what JSON.parse finds, for generated documents', () => {
    fc.assert(
      fc.property(documentText, (text) => {
        const bytes = Buffer.from(text);
        const slices = sliceJson(bytes, keys)!;
        const expected = JSON.parse(text) as Record<string, unknown>;
        expect(byKey(parsed(bytes, slices))).toEqual(byKey(expected));
        expect(parsedElements(bytes, slices, 'messages')).toEqual(expected.messages);
      }),
      { numRuns: 500 },
    );
  });

  it('exist exactly when JSON.parse accepts the text as an object, also after damage', () => {
    const damage = fc.record({
      at: fc.nat(),
      with: fc.constantFrom('', '"', '\\', '{', ']', ',', '0', '-', 'e', '\n'),
    });
    fc.assert(
      fc.property(documentText, fc.array(damage, { maxLength: 3 }), (text, damages) => {
        let damaged = text;
        for (const { at, with: piece } of damages) {
          const place = at % (damaged.length + 1);
          damaged = damaged.slice(0, place) + piece + damaged.slice(place + 1);
        }
        expect(sliceJson(Buffer.from(damaged), keys) !== undefined).toBe(isJsonObject(damaged));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['', false],
    ['{', false],
    ['{}', true],
    [' \n{ } \t', true],
    ['{} x', false],
    ['[]', false],
    ['"text"', false],
    ['{"a":}', false],
    ['{"a":1,}', false],
    ['{"messages":[1,]}', false],
    ['{"messages":[,1]}', false],
    ['{"a":01}', false],
    ['{"a":-}', false],
    ['{"a":1.}', false],
    ['{"a":1e}', false],
    ['{"a":-0.5E+10}', true],
    ['{"a":tru}', false],
    ['{"a":nul', false],
    ['{"a":"\\x"}', false],
    ['{"a":"\\u12g4"}', false],
    ['{"a":"\\ud800"}', true],
    ['{"a":"tab\there"}', false],
    ['{"messages":[[{}],"]",{"a":[]}]}', true],
    ['{"messages":[1', false],
  ])('%j is %s', (text, isValid) => {
    expect(sliceJson(Buffer.from(text), keys) !== undefined).toBe(isValid);
    expect(isJsonObject(text)).toBe(isValid);
  });

  it('take the last of a repeated key, as JSON.parse does', () => {
    const bytes = Buffer.from('{"model":"a","messages":[1],"model":"b","messages":"none"}');
    const slices = sliceJson(bytes, keys)!;
    expect(parsed(bytes, slices)).toEqual({ model: 'b', messages: 'none' });
    expect(slices.elements.has('messages')).toBe(false);
  });

  it('read keys that are written with escapes', () => {
    const bytes = Buffer.from('{"mess\\u0061ges":[1,2]}');
    expect(parsedElements(bytes, sliceJson(bytes, keys)!, 'messages')).toEqual([1, 2]);
  });

  it('scan a part of the bytes', () => {
    const bytes = Buffer.from('xx{"name":"n"}yy');
    expect(parsed(bytes, sliceJson(bytes, keys, { range: { start: 2, end: 14 } })!)).toEqual({ name: 'n' });
    expect(sliceJson(bytes, keys, { range: { start: 2, end: 13 } })).toBeUndefined();
  });

  it('are the same whether elements are known from before or not', () => {
    const element = fc.oneof(
      fc.string(),
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.array(fc.jsonValue()),
    );
    fc.assert(
      fc.property(fc.array(element), fc.array(element), fc.nat(5), (before, added, dropped) => {
        const messages = [...before.slice(0, Math.max(0, before.length - dropped)), ...added];
        const bytes = Buffer.from(JSON.stringify({ messages, model: 'm' }));
        const known = (_key: string, index: number) =>
          index < before.length ? Buffer.from(JSON.stringify(before[index])) : undefined;
        expect(sliceJson(bytes, keys, { known })).toEqual(sliceJson(bytes, keys));
      }),
      { numRuns: 300 },
    );
  });
});

describe('findJsonValues', () => {
  const text = Buffer.from('{"a":{"model":1}, "model" : "m\\"x", "tools":[1,{"b":2}],"n":12,"model":"last"}');
  const wanted = new Set(['model', 'tools', 'n']);
  const found = (bytes: Uint8Array) =>
    Object.fromEntries(
      [...findJsonValues(bytes, wanted)].map(([key, { start, end }]) => [
        key,
        text.toString('utf8', start, end),
      ]),
    );

  it('finds whole values at the top, the last one of a repeated key', () => {
    expect(found(text)).toEqual({ model: '"last"', tools: '[1,{"b":2}]', n: '12' });
  });

  it('finds in every beginning of a text what stands whole in it, and nothing else', () => {
    for (let end = 0; end <= text.length; end += 1) {
      const expected: Record<string, string> = {};
      for (const [key, value] of [
        ['model', '"m\\"x"'],
        ['tools', '[1,{"b":2}]'],
        ['n', '12,'],
        ['model', '"last"'],
      ] as const) {
        const last = text.indexOf(value, key === 'n' ? 50 : 18) + value.length - (key === 'n' ? 1 : 0);
        if (end > last) expected[key] = key === 'n' ? '12' : value;
      }
      expect(found(text.subarray(0, end)), `of ${end} bytes`).toEqual(expected);
    }
  });

  it('finds nothing behind damage, and nothing in what is no object', () => {
    expect(found(Buffer.from('{"a":tru,"model":"m"}'))).toEqual({});
    expect(found(Buffer.from('["model"]'))).toEqual({});
    expect(found(Buffer.from(''))).toEqual({});
  });
});
