import type { Query, TextQuery } from './query.ts';

/** Where something stands in a text: UTF-16 code units, `to` excluded. */
export type Span = readonly [from: number, to: number];

/** A run of letters and digits without case and accents, as the index of texts has it. */
export interface Token {
  readonly word: string;
  readonly from: number;
  readonly to: number;
}

export function tokensOf(text: string): Token[] {
  return [...text.matchAll(/[\p{L}\p{N}\p{M}\p{Co}]+/gu)].map((found) => ({
    word: folded(found[0]),
    from: found.index,
    to: found.index + found[0].length,
  }));
}

/**
 * Quoted text with punctuation in it is meant literally: it may begin and end in the middle of a word. Everything else
 * is looked for as whole words, one after the other.
 */
export function isLiteral({ text, isQuoted }: TextQuery): boolean {
  return isQuoted && text.length >= 3 && /[^\p{L}\p{N}\p{M}\s]/u.test(text);
}

/** Where the query is found in a text; undefined when the text does not pass. Keys are not looked at. */
export function findInText(query: Query, text: string): readonly Span[] | undefined {
  let tokens: Token[] | undefined;
  const leaf = (asked: TextQuery): Span[] | undefined => {
    tokens ??= isLiteral(asked) ? undefined : tokensOf(text);
    const spans = isLiteral(asked) ? literalSpans(asked.text, text) : wordSpans(asked, tokens ?? []);
    return spans.length > 0 ? spans : undefined;
  };
  const spans = evaluate(query, leaf);
  return spans && [...spans].sort((a, b) => a[0] - b[0]);
}

function evaluate(query: Query, leaf: (asked: TextQuery) => Span[] | undefined): Span[] | undefined {
  switch (query.kind) {
    case 'text':
      return leaf(query);
    case 'not':
      return evaluate(query.of, leaf) === undefined ? [] : undefined;
    case 'and': {
      const parts = query.of.map((part) => evaluate(part, leaf));
      return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
    }
    case 'or': {
      const parts = query.of.map((part) => evaluate(part, leaf)).filter((part) => part !== undefined);
      return parts.length > 0 ? parts.flat() : undefined;
    }
    default:
      return [];
  }
}

/** More places are not marked. */
const spansMax = 50;

function literalSpans(wanted: string, text: string): Span[] {
  const spans: Span[] = [];
  const [low, find] = [text.toLowerCase(), wanted.toLowerCase()];
  // Lower case of a few letters is longer than the letter; then the places would be off, and case counts.
  const [within, sought] = low.length === text.length ? [low, find] : [text, wanted];
  for (let at = within.indexOf(sought); at >= 0 && spans.length < spansMax; ) {
    spans.push([at, at + sought.length]);
    at = within.indexOf(sought, at + sought.length);
  }
  return spans;
}

function wordSpans({ text, isPrefix }: TextQuery, tokens: readonly Token[]): Span[] {
  const wanted = tokensOf(text).map(({ word }) => word);
  const spans: Span[] = [];
  if (wanted.length === 0) return spans;
  for (let at = 0; at + wanted.length <= tokens.length && spans.length < spansMax; at += 1) {
    const isHere = wanted.every((word, n) => {
      const { word: found } = tokens[at + n]!;
      return isPrefix && n === wanted.length - 1 ? found.startsWith(word) : found === word;
    });
    if (isHere) spans.push([tokens[at]!.from, tokens[at + wanted.length - 1]!.to]);
  }
  return spans;
}

function folded(word: string): string {
  return word.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}

export interface Snippet {
  readonly text: string;
  /** In `text`. */
  readonly highlights: readonly Span[];
}

/** The piece of a text around the first place that was found, on one line. */
export function snippetOf(text: string, spans: readonly Span[], charactersMax = 240): Snippet {
  const first = spans[0]?.[0] ?? 0;
  const from = startOfWord(text, Math.max(0, first - Math.floor(charactersMax / 3)));
  const to = Math.min(text.length, from + charactersMax);
  const shown = text.slice(from, isLowSurrogate(text, to) ? to - 1 : to);
  const before = from > 0 ? '…' : '';
  const shift = before.length - from;
  return {
    // One character for one, so that highlights stay where they are.
    text: `${before}${shown.replace(/[\s\p{Cc}]/gu, ' ')}${to < text.length ? '…' : ''}`,
    highlights: withoutOverlap(spans)
      .filter(([start, end]) => start >= from && end <= from + shown.length)
      .map(([start, end]) => [start + shift, end + shift]),
  };
}

function withoutOverlap(spans: readonly Span[]): Span[] {
  const kept: Span[] = [];
  for (const span of spans) if (span[0] >= (kept.at(-1)?.[1] ?? 0)) kept.push(span);
  return kept;
}

function startOfWord(text: string, at: number): number {
  if (at === 0) return 0;
  const space = text.slice(at, at + 20).search(/\s/);
  const start = space < 0 ? at : at + space + 1;
  return isLowSurrogate(text, start) ? start + 1 : start;
}

function isLowSurrogate(text: string, at: number): boolean {
  return /[\udc00-\udfff]/.test(text.charAt(at));
}
