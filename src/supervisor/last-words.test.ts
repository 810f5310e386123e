import { expect, it } from 'vitest';
import { LastWords } from './last-words.ts';

it.each([
  ['SyntaxError: Unexpected end of input'],
  ['SyntaxError [ERR_INVALID_TYPESCRIPT_SYNTAX]: Expression expected'],
  ["Error [ERR_MODULE_NOT_FOUND]: Cannot find module '/nowhere'"],
  ['AssertionError [ERR_ASSERTION]: no'],
  ['FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory'],
  ['/usr/bin/node: bad option: --from-the-future'],
])('what ended a program is the last line that names an error: %s', (line) => {
  const words = new LastWords();
  for (const heard of [
    'Error: an earlier one',
    '{"level":50,"msg":"Error: logged"}',
    '',
    line,
    '    at main.ts:3:1',
  ])
    words.hear(heard);
  expect(words.with('exit code 1')).toBe(`exit code 1: ${line}`);
});

it('a program that names no error leaves its exit code', () => {
  const words = new LastWords();
  words.hear('good bye');
  expect(words.with('signal SIGKILL')).toBe('signal SIGKILL');
});

it('long last words are cut', () => {
  const words = new LastWords();
  words.hear(`Error: ${'x'.repeat(10_000)}`);
  expect(words.with('exit code 1').length).toBeLessThan(400);
});
