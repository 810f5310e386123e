import { describe, expect, it } from 'vitest';
import { fitsGlob } from './glob.ts';

describe('fitsGlob', () => {
  it.each([
    ['claude-sonnet-4', 'claude-*', true],
    ['claude-sonnet-4', '*sonnet*', true],
    ['claude-sonnet-4', '*-4', true],
    ['claude-sonnet-4', 'claude', false],
    ['claude-sonnet-4', '*-5', false],
    ['openrouter/kimi-k3', 'openrouter/kimi-k?', true],
    ['', '*', true],
    ['', '', true],
    ['a', '', false],
    ['aab', 'a*ab', true],
    ['a.c', 'a.c', true],
    ['abc', 'a.c', false],
  ])('%j with %j: %s', (text, pattern, fits) => {
    expect(fitsGlob(text, pattern)).toBe(fits);
  });

  it('takes a text as long as a request line in its stride, whatever the pattern', () => {
    expect(fitsGlob('a'.repeat(60_000), `${'*a'.repeat(30)}b`)).toBe(false);
  });
});
