import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blocksOfRequest, type ComparedRow, compareOutlines, type OutlineBlock } from './index.ts';

/** A request with a system prompt of one letter and messages of one letter each. */
function outline(system: string, messages: string): OutlineBlock[] {
  const request = { system, messages: [...messages].map((content) => ({ role: 'user', content })) };
  return [...blocksOfRequest(Buffer.from(JSON.stringify(request)))].map(({ outline: block }) => block);
}

/** `=2` for two equal blocks, `-m1.b0`, `+m1.b0`, `m1.b0>m1.b0` for a changed one. */
function told(rows: readonly ComparedRow[]): string {
  return rows
    .map((row) => {
      if (row.change === 'same') return `=${row.count}`;
      if (row.change === 'removed') return `-${row.before.at}`;
      return row.change === 'added' ? `+${row.after.at}` : `${row.before.at}>${row.after.at}`;
    })
    .join(' ');
}

describe('the comparison of two requests', () => {
  it('shows what was added behind a prefix that is the same', () => {
    const compared = compareOutlines(outline('S', 'ab'), outline('S', 'abcd'));
    expect(told(compared.rows)).toBe('=3 +m2.b0 +m3.b0');
    expect(compared.samePrefix.blocks).toBe(3);
    expect(compared.firstDifference).toBeUndefined();
  });

  it('names the first place that differs, which is where a cache ends', () => {
    const compared = compareOutlines(outline('S', 'abc'), outline('T', 'abcd'));
    expect(told(compared.rows)).toBe('s0>s0 =3 +m3.b0');
    expect(compared).toMatchObject({
      samePrefix: { blocks: 0, bytes: 0 },
      firstDifference: { part: 'system', before: 's0', after: 's0' },
    });
  });

  it('finds what is left after a message was taken out, put in or replaced', () => {
    expect(told(compareOutlines(outline('S', 'abcd'), outline('S', 'acd')).rows)).toBe('=2 -m1.b0 =2');
    expect(told(compareOutlines(outline('S', 'acd'), outline('S', 'abcd')).rows)).toBe('=2 +m1.b0 =2');
    expect(told(compareOutlines(outline('S', 'abcd'), outline('S', 'axcy')).rows)).toBe(
      '=2 m1.b0>m1.b0 =1 m3.b0>m3.b0',
    );
    expect(told(compareOutlines([], outline('S', 'a')).rows)).toBe('+s0 +m0.b0');
  });

  it('accounts for each block of both exactly once, in order', () => {
    const letters = fc.stringMatching(/^[a-d]{0,12}$/);
    fc.assert(
      fc.property(letters, letters, (one, other) => {
        const [before, after] = [outline('S', one), outline('S', other)];
        const seen = { before: [] as string[], after: [] as string[] };
        const next = (list: OutlineBlock[], to: string[]) => to.push(list[to.length]!.at);
        for (const row of compareOutlines(before, after).rows) {
          if (row.change === 'same') {
            for (let n = 0; n < row.count; n += 1) {
              expect(before[seen.before.length]!.hash).toBe(after[seen.after.length]!.hash);
              next(before, seen.before);
              next(after, seen.after);
            }
          }
          if ('before' in row) seen.before.push(row.before.at);
          if ('after' in row) seen.after.push(row.after.at);
        }
        expect(seen.before).toEqual(before.map(({ at }) => at));
        expect(seen.after).toEqual(after.map(({ at }) => at));
      }),
    );
  });

  it('gives up on the middle of two large requests that have nothing in common, but not on their ends', () => {
    const many = (letter: string) =>
      `${letter.repeat(1)}${[...Array(3000).keys()].map((n) => String.fromCharCode(0x4e00 + n)).join('')}z`;
    const shifted = (letter: string) =>
      `${letter}${[...Array(3000).keys()].map((n) => String.fromCharCode(0x6e00 + n)).join('')}z`;
    const { rows } = compareOutlines(outline('S', many('a')), outline('S', shifted('a')));
    expect(rows[0]).toMatchObject({ change: 'same', count: 2 });
    expect(rows.at(-1)).toMatchObject({ change: 'same', count: 1 });
    expect(rows).toHaveLength(3002);
  });
});
