import {
  definitionOf,
  isQueryKey,
  notSearched,
  type QueryKey,
  queryKeys,
  textKey,
  type ValueKind,
} from './keys.ts';
import { isMoment } from './moment.ts';
import { nearest } from './nearest.ts';
import type { Comparison, Measure, Query, TextQuery, Value, ValueTest } from './query.ts';
import { type QueryProblem, Refusal } from './query-problem.ts';
import { examplesOf, readQuantity } from './read-quantity.ts';
import { Scanner } from './scanner.ts';

/** What a query may be at most; the text comes from anybody. */
export const queryBounds = { charactersMax: 4000, depthMax: 20, termsMax: 100 } as const;

export type ParsedQuery =
  | { readonly kind: 'parsed'; readonly query: Query }
  | { readonly kind: 'refused'; readonly problem: QueryProblem };

/**
 * Reads a query strictly: what is not understood is a problem with a place in the text, never ignored.
 *
 *     query := or
 *     or    := and ("OR" and)*
 *     and   := not ("AND"? not)*
 *     not   := ("-" | "NOT")? atom
 *     atom  := "(" or ")" | key ":" values | quoted | word
 */
export function parseQuery(text: string): ParsedQuery {
  return read(text, { hasKeys: true });
}

/** Reads words, phrases, parentheses and operators; a colon is a character like any other. */
export function parseText(text: string): ParsedQuery {
  return read(text, { hasKeys: false });
}

function read(text: string, { hasKeys }: { hasKeys: boolean }): ParsedQuery {
  try {
    return { kind: 'parsed', query: new Reader(text, hasKeys).whole() };
  } catch (error) {
    if (error instanceof Refusal) return { kind: 'refused', problem: error.problem };
    throw error;
  }
}

class Reader {
  readonly #scanner: Scanner;
  readonly #hasKeys: boolean;
  #depth = 0;
  #terms = 0;

  constructor(text: string, hasKeys: boolean) {
    this.#scanner = new Scanner(text);
    this.#hasKeys = hasKeys;
    if (text.length <= queryBounds.charactersMax) return;
    throw this.#scanner.refusal(
      `A query may have ${queryBounds.charactersMax} characters, this one has ${text.length}. Ask for less at once.`,
      { at: queryBounds.charactersMax },
    );
  }

  whole(): Query {
    this.#scanner.skipSpace();
    if (this.#scanner.isAtEnd) return { kind: 'everything' };
    const query = this.#or();
    if (!this.#scanner.isAtEnd)
      throw this.#scanner.refusal('This ) closes nothing. Take it away, or quote it.');
    return query;
  }

  #or(): Query {
    const of = [this.#and()];
    while (this.#scanner.takeWord('OR')) of.push(this.#and());
    return of.length === 1 ? of[0]! : { kind: 'or', of };
  }

  #and(): Query {
    const of = [this.#not()];
    while (this.#scanner.takeWord('AND') || this.#isAtTerm()) of.push(this.#not());
    return of.length === 1 ? of[0]! : { kind: 'and', of };
  }

  #isAtTerm(): boolean {
    const scanner = this.#scanner;
    scanner.skipSpace();
    return !scanner.isAtEnd && scanner.next !== ')' && !scanner.isAtWord('OR');
  }

  #not(): Query {
    const scanner = this.#scanner;
    scanner.skipSpace();
    if (!scanner.take('-') && !scanner.takeWord('NOT')) return this.#atom();
    scanner.skipSpace();
    if (scanner.next === '-' || scanner.isAtWord('NOT'))
      throw scanner.refusal(
        'Something can be excluded only once. Quote what begins with a - to search for it.',
      );
    return { kind: 'not', of: this.#atom() };
  }

  #atom(): Query {
    const scanner = this.#scanner;
    scanner.skipSpace();
    if (scanner.isAtEnd || scanner.next === ')' || ['OR', 'AND'].some((word) => scanner.isAtWord(word)))
      throw scanner.refusal(
        'Something to look for is missing here. Quote OR, AND and NOT to search for the words.',
      );
    this.#terms += 1;
    if (this.#terms > queryBounds.termsMax)
      throw scanner.refusal(`A query may have ${queryBounds.termsMax} terms. Ask for less at once.`);
    if (scanner.next === '(') return this.#group();
    if (scanner.next === '"') return this.#quoted();
    return this.#keyOrWord();
  }

  #group(): Query {
    const scanner = this.#scanner;
    const opened = scanner.at;
    scanner.take('(');
    this.#depth += 1;
    if (this.#depth > queryBounds.depthMax)
      throw scanner.refusal(`Parentheses may be nested ${queryBounds.depthMax} deep.`, { at: opened });
    const query = this.#or();
    if (!scanner.take(')')) throw scanner.refusal('This ( is never closed.', { at: opened, length: 1 });
    this.#depth -= 1;
    return query;
  }

  #quoted(): TextQuery {
    const at = this.#scanner.at;
    const text = this.#scanner.takeQuoted();
    if (text.trim() === '')
      throw this.#scanner.refusal('There is nothing between these quotes.', {
        at,
        length: this.#scanner.at - at,
      });
    return { kind: 'text', text, isQuoted: true, isPrefix: this.#scanner.take('*') };
  }

  #keyOrWord(): Query {
    const scanner = this.#scanner;
    const at = scanner.at;
    const name = scanner.takeWhile(this.#hasKeys ? /[^\s()":]/ : /[^\s()"]/);
    if (this.#hasKeys && scanner.next === ':') return this.#keyed(name, at);
    const { name: text, isPrefix } = this.#withStar(name, at);
    if (text === '') throw scanner.refusal('A * needs the beginning of a word before it.', { at, length: 1 });
    return { kind: 'text', text, isQuoted: false, isPrefix };
  }

  #keyed(written: string, at: number): Query {
    const scanner = this.#scanner;
    const key = written.toLowerCase();
    if (key === textKey) return this.#textAfterKey();
    this.#refuseNotSearched(key, { at, length: written.length });
    if (!isQueryKey(key)) throw unknownKey(written, at, scanner);
    scanner.take(':');
    if (!scanner.take('(')) return { kind: 'key', key, values: [this.#value(key, false)] };
    const opened = scanner.at - 1;
    const values: Value[] = [];
    do {
      scanner.skipSpace();
      values.push(this.#value(key, true));
      this.#terms += 1;
      if (this.#terms > queryBounds.termsMax)
        throw scanner.refusal(`A query may have ${queryBounds.termsMax} terms. Ask for less at once.`);
      scanner.skipSpace();
    } while (scanner.take(','));
    if (!scanner.take(')'))
      throw scanner.refusal('This list is never closed. Its values are separated by commas.', {
        at: opened,
        length: 1,
      });
    return { kind: 'key', key, values };
  }

  /** What follows is an atom as it would be without the key, so that lists of words can be given in parentheses. */
  #textAfterKey(): Query {
    const scanner = this.#scanner;
    const at = scanner.at;
    scanner.take(':');
    if (scanner.next === '(') return this.#group();
    if (scanner.next === '"') return this.#quoted();
    const { name: text, isPrefix } = this.#withStar(scanner.takeWhile(/[^\s()":]/), at);
    if (text === '' || scanner.next === ':')
      throw scanner.refusal('text: needs a word, or a text in quotes, right after the colon.', { at });
    return { kind: 'text', text, isQuoted: false, isPrefix };
  }

  #refuseNotSearched(name: string, place: { readonly at: number; readonly length: number }): void {
    if (Object.hasOwn(notSearched, name)) throw this.#scanner.refusal(notSearched[name]!, place);
  }

  #value(key: QueryKey, isInList: boolean): Value {
    const isExcluded = this.#scanner.take('!');
    const { takes } = definitionOf(key);
    const test = isMeasured(takes) ? this.#measured(key, takes, isInList) : this.#named(key, isInList);
    return { isExcluded, test };
  }

  #named(key: QueryKey, isInList: boolean): ValueTest {
    const scanner = this.#scanner;
    const at = scanner.at;
    const { words } = definitionOf(key);
    if (scanner.next === '"') {
      const name = scanner.takeQuoted();
      if (name === '') throw missingValue(key, scanner, at);
      if (!words) return { kind: 'name', name, isQuoted: true, isPrefix: scanner.take('*') };
      throw unknownWord(key, name, words, { at, length: scanner.at - at, scanner });
    }
    const written = scanner.takeWhile(isInList ? /[^\s()",]/ : /[^\s()"]/);
    if (written === '') throw missingValue(key, scanner, at);
    if (words) {
      const word = written.toLowerCase();
      this.#refuseNotSearched(`${key}:${word}`, { at, length: written.length });
      if (words.includes(word)) return { kind: 'name', name: word, isQuoted: false, isPrefix: false };
      throw unknownWord(key, written, words, { at, length: written.length, scanner });
    }
    if (/^[<>=!]/.test(written))
      throw scanner.refusal(`${key}: takes a text, not a comparison. Quote it if you mean the characters.`, {
        at,
        length: written.length,
      });
    const { name, isPrefix } = this.#withStar(written, at);
    return { kind: 'name', name, isQuoted: false, isPrefix };
  }

  #measured(key: QueryKey, takes: ValueKind, isInList: boolean): ValueTest {
    const scanner = this.#scanner;
    const by = comparisons.find((operator) => scanner.take(operator)) ?? '=';
    const at = scanner.at;
    const written = scanner.takeWhile(isInList ? /[^\s()",]/ : /[^\s()"]/);
    if (written === '') throw missingValue(key, scanner, at);
    const ends = written.split('..');
    if (by === '=' && ends.length === 2) {
      const from = this.#measure(key, takes, ends[0]!, at);
      const to = this.#measure(key, takes, ends[1]!, at + ends[0]!.length + 2);
      if (from.kind === 'quantity' && to.kind === 'quantity' && from.amount > to.amount)
        throw scanner.refusal('This range runs backwards.', { at, length: written.length });
      return { kind: 'range', from, to };
    }
    const digit = takes === 'status' && by === '=' ? /^([1-5])xx$/i.exec(written)?.[1] : undefined;
    if (digit) return { kind: 'range', from: statusCode(`${digit}00`), to: statusCode(`${digit}99`) };
    return { kind: 'compare', by, to: this.#measure(key, takes, written, at) };
  }

  #measure(key: QueryKey, takes: ValueKind, written: string, at: number): Measure {
    if (takes === 'time' && isMoment(written)) return { kind: 'moment', written };
    const amount = takes === 'time' ? undefined : readQuantity(written, takes);
    if (amount !== undefined) return { kind: 'quantity', amount, written };
    throw this.#scanner.refusal(`${key}: does not understand this. Write for example ${examplesOf(takes)}.`, {
      at,
      length: written.length,
    });
  }

  /** A star at the end says that more may follow; anywhere else it would be one that nobody looks at. */
  #withStar(written: string, at: number): { name: string; isPrefix: boolean } {
    const star = written.indexOf('*');
    if (star === -1) return { name: written, isPrefix: false };
    if (star === written.length - 1) return { name: written.slice(0, -1), isPrefix: true };
    throw this.#scanner.refusal('A * can only stand at the end. Quote it if you mean the character.', {
      at: at + star,
      length: 1,
    });
  }
}

const comparisons = ['>=', '<=', '>', '<'] as const satisfies readonly Comparison[];

function isMeasured(takes: ValueKind): boolean {
  return takes !== 'name' && takes !== 'word';
}

function statusCode(written: string): Measure {
  return { kind: 'quantity', amount: Number(written), written };
}

function missingValue(key: QueryKey, scanner: Scanner, at: number): Refusal {
  return scanner.refusal(`${key}: needs a value right after the colon.`, { at });
}

function unknownKey(written: string, at: number, scanner: Scanner): Refusal {
  const suggestion = nearest(written, [...Object.keys(queryKeys), textKey]);
  const guess = suggestion ? ` Did you mean \`${suggestion}\`?` : '';
  return scanner.refusal(
    written === ''
      ? 'A key is missing before this colon. Quote the text to search for a colon.'
      : `There is no key \`${written.slice(0, 40)}\`.${guess} Quote the text to search for a colon.`,
    { at, length: Math.max(1, written.length), ...(suggestion ? { suggestion } : {}) },
  );
}

function unknownWord(
  key: QueryKey,
  written: string,
  words: readonly string[],
  { at, length, scanner }: { at: number; length: number; scanner: Scanner },
): Refusal {
  const suggestion = nearest(written, words);
  const guess = suggestion ? ` Did you mean \`${suggestion}\`?` : '';
  return scanner.refusal(`${key}: can be ${words.join(', ')}.${guess}`, {
    at,
    length,
    ...(suggestion ? { suggestion } : {}),
  });
}
