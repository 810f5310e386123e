import { definitionOf } from './keys.ts';
import type { KeyQuery, Query, TextQuery, Value } from './query.ts';

/** The query as text that is read as the same tree again. */
export function printQuery(query: Query): string {
  switch (query.kind) {
    case 'everything':
      return '';
    case 'or':
      return query.of.map((part) => (part.kind === 'or' ? grouped(part) : printQuery(part))).join(' OR ');
    case 'and':
      return query.of.map((part) => (isList(part) ? grouped(part) : printQuery(part))).join(' ');
    case 'not':
      return `-${isList(query.of) || query.of.kind === 'not' ? grouped(query.of) : printQuery(query.of)}`;
    case 'text':
      return printText(query);
    case 'key':
      return printKey(query);
    default:
      return query satisfies never;
  }
}

function grouped(query: Query): string {
  return `(${printQuery(query)})`;
}

function isList({ kind }: Query): boolean {
  return kind === 'or' || kind === 'and';
}

function printText({ text, isQuoted, isPrefix }: TextQuery): string {
  return `${isQuoted ? quoted(text) : text}${isPrefix ? '*' : ''}`;
}

function printKey({ key, values }: KeyQuery): string {
  const isWord = definitionOf(key).takes === 'word';
  const printed = values.map((value) => printValue(value, isWord));
  // A comma outside of a list belongs to the value.
  return values.length === 1 ? `${key}:${printed[0]}` : `${key}:(${printed.join(',')})`;
}

function printValue({ isExcluded, test }: Value, isWord: boolean): string {
  const not = isExcluded ? '!' : '';
  switch (test.kind) {
    case 'name':
      if (!isWord && test.isQuoted) return `${not}${quoted(test.name)}${test.isPrefix ? '*' : ''}`;
      return `${not}${test.name}${test.isPrefix ? '*' : ''}`;
    case 'compare':
      return `${not}${test.by === '=' ? '' : test.by}${test.to.written}`;
    case 'range':
      return `${not}${test.from.written}..${test.to.written}`;
    default:
      return test satisfies never;
  }
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
