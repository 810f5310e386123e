import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseQuery, parseWords, printQuery, queryKeys, showQueryProblem } from './index.ts';

const runs = Number(process.env.THROUGHLINE_FUZZ_RUNS ?? 10_000);

/** Pieces of queries in any order: most of it is nearly right, where mistakes of a parser live. */
const piece = fc.oneof(
  fc.constantFrom(...Object.keys(queryKeys).map((key) => `${key}:`)),
  fc.constantFrom(
    '"',
    '(',
    ')',
    '-',
    '!',
    ',',
    '..',
    '*',
    '>',
    '>=',
    '<',
    '\\',
    ' ',
    ' ',
    ' ',
    ':',
    '$',
    '\u0000',
    '\ud800',
  ),
  fc.constantFrom(
    ' OR ',
    ' AND ',
    ' NOT ',
    'NEAR(a b)',
    "'; DROP TABLE x;--",
    '{a b}',
    '^a',
    'a + b',
    'col:x',
  ),
  fc.constantFrom(
    '10k',
    '2s',
    '5xx',
    'today',
    '2026-11-01',
    '1.5M',
    'failed',
    'true',
    'opus',
    'größe',
    '日本',
    'disk full',
  ),
  fc.string({ maxLength: 6 }),
);
const nearlyQuery = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(''));

describe('any text', () => {
  it('is read or refused at a place within it, and what is read is printed as the same query', () => {
    let read = 0;
    fc.assert(
      fc.property(nearlyQuery, (text) => {
        const parsed = parseQuery(text);
        if (parsed.kind === 'refused') {
          const { at, length, message } = parsed.problem;
          expect(at).toBeGreaterThanOrEqual(0);
          expect(at + length).toBeLessThanOrEqual(Math.max(text.length, 1));
          expect(message.length).toBeGreaterThan(10);
          expect(showQueryProblem(text, parsed.problem)).toContain('^');
          return;
        }
        read += 1;
        expect(parseQuery(printQuery(parsed.query))).toEqual(parsed);
      }),
      { numRuns: runs },
    );
    // A fuzz that only finds refusals tests no printing.
    expect(read).toBeGreaterThan(runs / 20);
  });

  it('is read as words when there are no keys', () => {
    fc.assert(
      fc.property(nearlyQuery, (text) => {
        const query = parseWords(text);
        expect(parseWords(printQuery(query))).toEqual(query);
      }),
      { numRuns: runs / 5 },
    );
  });
});
