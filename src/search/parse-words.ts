import { parseText } from './parse-query.ts';
import type { Query } from './query.ts';

/**
 * Reads what somebody typed into a box that knows no keys: words that must all be there, phrases in quotes, beginnings with
 * `*`, and AND, OR, NOT. What is not well-formed is taken for plain words, so nothing is ever refused.
 */
export function parseWords(text: string): Query {
  const parsed = parseText(text);
  if (parsed.kind === 'parsed') return parsed.query;
  const words = text.split(/[\s"()*]+/).filter((word) => word !== '');
  const of = words
    .slice(0, wordsMax)
    .map((word): Query => ({ kind: 'text', text: word, isQuoted: meansMore(word), isPrefix: false }));
  if (of.length < 2) return of[0] ?? { kind: 'everything' };
  return { kind: 'and', of };
}

const wordsMax = 50;

/** Whether a word would be an operator if it were not quoted. */
function meansMore(word: string): boolean {
  return word.startsWith('-') || ['OR', 'AND', 'NOT'].includes(word);
}
