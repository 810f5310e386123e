import { describe, expect, it } from 'vitest';
import {
  parseQuery,
  parseWords,
  printQuery,
  type Query,
  type QueryProblem,
  queryBounds,
  queryKeys,
  showQueryProblem,
} from './index.ts';

describe('a query', () => {
  it('finds everything when it says nothing', () => {
    expect(queryOf('')).toEqual({ kind: 'everything' });
    expect(queryOf(' \t\n')).toEqual({ kind: 'everything' });
  });

  it('asks for all of its words', () => {
    expect(queryOf('disk full')).toEqual({ kind: 'and', of: [word('disk'), word('full')] });
    expect(queryOf('disk AND full')).toEqual(queryOf('disk full'));
  });

  it('takes a phrase and the beginning of a word for what they are', () => {
    expect(queryOf('"no space left"')).toEqual({ ...word('no space left'), isQuoted: true });
    expect(queryOf('migrat*')).toEqual({ ...word('migrat'), isPrefix: true });
    expect(queryOf('"no spa"*')).toEqual({ ...word('no spa'), isQuoted: true, isPrefix: true });
  });

  it('binds NOT before AND before OR', () => {
    const expected = {
      kind: 'or',
      of: [
        { kind: 'and', of: [word('a'), { kind: 'not', of: word('b') }] },
        { kind: 'and', of: [word('c'), word('d')] },
      ],
    };
    expect(queryOf('a -b OR c d')).toEqual(expected);
    expect(queryOf('a NOT b OR c AND d')).toEqual(expected);
    expect(queryOf('(a -b)OR(c d)')).toEqual(expected);
  });

  it('takes operators only in capitals, and quoted ones for words', () => {
    expect(queryOf('or and not')).toEqual({ kind: 'and', of: [word('or'), word('and'), word('not')] });
    expect(queryOf('"OR"')).toEqual({ ...word('OR'), isQuoted: true });
    expect(queryOf('ORDER')).toEqual(word('ORDER'));
  });

  it('takes quotes and backslashes in quotes when a backslash stands before them', () => {
    expect(queryOf('"say \\"hi\\""')).toEqual({ ...word('say "hi"'), isQuoted: true });
    expect(queryOf('"C:\\temp"')).toEqual({ ...word('C:\\temp'), isQuoted: true });
    expect(queryOf('"a\\\\"')).toEqual({ ...word('a\\'), isQuoted: true });
  });

  it('asks for any of the values of a key, and for none of those with a !', () => {
    expect(queryOf('model:(claude-opus-4-8, claude-haiku*, !"a b")')).toEqual({
      kind: 'key',
      key: 'model',
      values: [
        named('claude-opus-4-8'),
        named('claude-haiku', { isPrefix: true }),
        { ...named('a b', { isQuoted: true }), isExcluded: true },
      ],
    });
    expect(queryOf('MODEL:x')).toEqual(queryOf('model:x'));
  });

  it('understands units of numbers', () => {
    expect(amountOf('in:>10k')).toBe(10_000);
    expect(amountOf('tokens:>=1.5M')).toBe(1_500_000);
    expect(amountOf('cost:>$0.5')).toBe(0.5);
    expect(amountOf('dur:>500ms')).toBe(500_000);
    expect(amountOf('dur:<2s')).toBe(2_000_000);
    expect(amountOf('ttft:3m')).toBe(180_000_000);
    expect(amountOf('size:>4kb')).toBe(4096);
    expect(amountOf('size:<=10mb')).toBe(10 * 1024 * 1024);
  });

  it('understands ranges and classes of statuses', () => {
    expect(queryOf('out:10k..50k')).toEqual({
      kind: 'key',
      key: 'out',
      values: [
        {
          isExcluded: false,
          test: { kind: 'range', from: quantity('10k', 10_000), to: quantity('50k', 50_000) },
        },
      ],
    });
    expect(queryOf('status:5xx')).toEqual(queryOf('status:500..599'));
  });

  it('keeps times as they are written, because it knows no clock', () => {
    for (const written of [
      'today',
      'yesterday',
      '2h',
      '7d',
      '2026-11-01',
      '2026-11-01T10:30',
      '2026-11-01T10:30:15Z',
    ])
      expect(queryOf(`time:>=${written}`)).toMatchObject({
        values: [{ test: { to: { kind: 'moment', written } } }],
      });
  });

  it('is refused with the place and the nearest key when it uses a key that is not there', () => {
    const problem = problemOf('disk mdoel:opus');
    expect(problem).toMatchObject({ at: 5, length: 5, suggestion: 'model' });
    expect(problem.message).toContain('Did you mean `model`?');
    expect(problemOf('https://example.net')).toMatchObject({ at: 0, length: 5 });
    expect(problemOf('constructor:x').message).toContain('There is no key `constructor`');
    expect(problemOf('__proto__:x').message).toContain('There is no key `__proto__`');
    expect(problemOf(':x').message).toContain('A key is missing');
  });

  it('is refused with the place when a value cannot be one', () => {
    expect(problemOf('cost:>cheap')).toMatchObject({ at: 6, length: 5 });
    expect(problemOf('cost:>cheap').message).toContain('$0.5');
    expect(problemOf('dur:5').message).toContain('500ms');
    expect(problemOf('dur:5parsecs')).toMatchObject({ at: 4, length: 8 });
    expect(problemOf('in:10k..many')).toMatchObject({ at: 8, length: 4 });
    expect(problemOf('in:50k..10k').message).toContain('backwards');
    expect(problemOf('is:finished').message).toContain('done');
    expect(problemOf('is:abroted')).toMatchObject({ suggestion: 'aborted' });
    expect(problemOf('stream:constructor').message).toContain('true, false');
    expect(problemOf('time:2026-02-30').message).toContain('2026-11-01');
    expect(problemOf('model:').message).toContain('needs a value');
    expect(problemOf('model: opus').message).toContain('needs a value');
    expect(problemOf('model:>opus').message).toContain('not a comparison');
    expect(problemOf('in:9999999999999999').message).toContain('does not understand');
  });

  it('is refused when something is left open, closed twice or missing', () => {
    expect(problemOf('"disk')).toMatchObject({ at: 0, length: 1 });
    expect(problemOf('a (b')).toMatchObject({ at: 2, length: 1 });
    expect(problemOf('a) b')).toMatchObject({ at: 1 });
    expect(problemOf('model:(a,b')).toMatchObject({ at: 6, length: 1 });
    for (const text of [
      'a OR',
      'OR a',
      'a AND',
      'NOT',
      '-',
      '()',
      'a -',
      '--a',
      '*',
      'a*b',
      '""',
      'model:()',
      '(a OR)',
    ])
      expect(parseQuery(text).kind, text).toBe('refused');
  });

  it('has bounds on its length, its depth and its terms', () => {
    expect(problemOf('x'.repeat(queryBounds.charactersMax + 1)).message).toContain('4000 characters');
    expect(problemOf('('.repeat(30)).message).toContain('nested 20 deep');
    expect(problemOf('a '.repeat(101)).message).toContain('100 terms');
    expect(problemOf(`model:(${'a,'.repeat(200)}a)`).message).toContain('100 terms');
  });

  it('shows the place with a caret', () => {
    expect(showQueryProblem('disk mdoel:opus', problemOf('disk mdoel:opus')).split('\n').slice(0, 2)).toEqual(
      ['disk mdoel:opus', '     ^^^^^'],
    );
    expect(showQueryProblem('a\u001b[31m(', problemOf('a\u001b[31m('))).not.toContain('\u001b');
  });

  it('says what every key is for', () => {
    for (const { about } of Object.values(queryKeys)) expect(about).toMatch(/^\w/);
  });
});

describe('words for a box without keys', () => {
  it('take a colon for a character', () => {
    expect(parseWords('error: ENOSPC')).toEqual({ kind: 'and', of: [word('error:'), word('ENOSPC')] });
  });

  it('are plain words when they are not well-formed', () => {
    expect(parseWords('fn(a, "b')).toEqual({ kind: 'and', of: [word('fn'), word('a,'), word('b')] });
    expect(parseWords('--resume')).toEqual({ ...word('--resume'), isQuoted: true });
    expect(parseWords('" *(')).toEqual({ kind: 'everything' });
  });

  it('know phrases and operators', () => {
    expect(printQuery(parseWords('"no space" OR quota -ssd'))).toBe('"no space" OR quota -ssd');
  });
});

function queryOf(text: string): Query {
  const parsed = parseQuery(text);
  if (parsed.kind === 'refused') throw new Error(`${text}: ${parsed.problem.message}`);
  return parsed.query;
}

function problemOf(text: string): QueryProblem {
  const parsed = parseQuery(text);
  if (parsed.kind === 'parsed') throw new Error(`${text} was understood`);
  return parsed.problem;
}

function amountOf(text: string): number | undefined {
  const query = queryOf(text);
  const test = query.kind === 'key' ? query.values[0]?.test : undefined;
  return test?.kind === 'compare' && test.to.kind === 'quantity' ? test.to.amount : undefined;
}

function word(text: string) {
  return { kind: 'text', text, isQuoted: false, isPrefix: false };
}

function named(name: string, { isQuoted = false, isPrefix = false } = {}) {
  return { isExcluded: false, test: { kind: 'name', name, isQuoted, isPrefix } };
}

function quantity(written: string, amount: number) {
  return { kind: 'quantity', amount, written };
}
