import { isLiteral, type Query, tokensOf } from '#search';
import type { TextIndex, TextMatch } from '../derived/text-index.ts';
import { StoreError } from '../store.ts';
import { Connection } from './connection.ts';

/**
 * Two indexes over the same texts: of words, and of three letters each for what is quoted with punctuation. Neither keeps
 * the text itself, so removing one takes the text again. `secure-delete` leaves nothing of what is removed. Short
 * beginnings of words are indexed too: they would be put together out of a good part of everything for each question.
 */
export const textSchema = `
-- A number is not given twice: the order of numbers is the order in which texts were first seen.
CREATE TABLE text_blocks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hash BLOB NOT NULL UNIQUE,
  kind INTEGER NOT NULL,
  packed BLOB NOT NULL
);
CREATE TABLE text_places (
  block INTEGER NOT NULL,
  session INTEGER NOT NULL,
  source INTEGER NOT NULL,
  place INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  role INTEGER NOT NULL,
  PRIMARY KEY (block, session, source)
) WITHOUT ROWID;
CREATE INDEX text_places_by_place ON text_places (source, place);
-- Requests whose texts are read again, because a place that had one of them is gone.
CREATE TABLE text_again (sequence INTEGER PRIMARY KEY);
CREATE VIRTUAL TABLE text_words USING fts5(text, content='', prefix='1 2 3', tokenize="unicode61 remove_diacritics 2");
INSERT INTO text_words (text_words, rank) VALUES ('secure-delete', 1);
CREATE VIRTUAL TABLE text_trigrams USING fts5(text, content='', tokenize='trigram', detail=none);
INSERT INTO text_trigrams (text_trigrams, rank) VALUES ('secure-delete', 1);
-- What one transaction adds is written once: with the usual 1 MiB it is written in parts, and merged at once.
INSERT INTO text_words (text_words, rank) VALUES ('hashsize', 8388608);
INSERT INTO text_trigrams (text_trigrams, rank) VALUES ('hashsize', 8388608);
`;

/** @throws StoreError `unusable` when the SQLite of this program cannot search texts */
export function assertTextSearch(): void {
  const memory = new Connection(':memory:', { readonly: false, busyTimeoutMs: 0 });
  try {
    memory.execute(textSchema);
  } catch (error) {
    throw new StoreError(
      'unusable',
      `The SQLite of this installation cannot search texts (${(error as Error).message}). Install Throughline again: its own SQLite can.`,
      { cause: error },
    );
  } finally {
    memory.close();
  }
}

export const textIndex: TextIndex = {
  async add(session, block, text) {
    await session.run('INSERT INTO text_words (rowid, text) VALUES (?, ?)', [block, text]);
    await session.run('INSERT INTO text_trigrams (rowid, text) VALUES (?, ?)', [block, text]);
  },
  async remove(session, block, text) {
    const values = ['delete', block, text];
    await session.run('INSERT INTO text_words (text_words, rowid, text) VALUES (?, ?, ?)', values);
    await session.run('INSERT INTO text_trigrams (text_trigrams, rowid, text) VALUES (?, ?, ?)', values);
  },
  matching,
};

/** Statement for blocks that may match, newest first, or why there can be none. */
function matching(query: Query): TextMatch {
  const words = wordsFor(query);
  const trigrams = trigramsFor(query);
  if (words === undefined && trigrams === undefined)
    return {
      kind: 'refused',
      sentence:
        'This cannot be looked up: give a word with letters or digits, or three characters in quotes, that is not excluded.',
    };
  const [table, first] = trigrams === undefined ? ['text_words', words!] : ['text_trigrams', trigrams];
  const isBoth = words !== undefined && trigrams !== undefined;
  const within = 'rowid >= ? AND rowid < ?';
  const also = isBoth
    ? `AND rowid IN (SELECT rowid FROM text_words WHERE text_words MATCH ? AND ${within})`
    : '';
  return {
    kind: 'statement',
    sql: `SELECT rowid AS block FROM ${table} WHERE ${table} MATCH ? AND ${within} ${also} ORDER BY rowid DESC LIMIT ?`,
    parameters: (from, below, limit) => [first, from, below, ...(isBoth ? [words, from, below] : []), limit],
    isExact: trigrams === undefined && isExactly(query),
  };
}

/** An expression that everything fulfils that the query finds; undefined when words alone cannot tell. */
function wordsFor(query: Query): string | undefined {
  switch (query.kind) {
    case 'text': {
      if (isLiteral(query) || tokensOf(query.text).length === 0) return undefined;
      return `${phrase(query.text)}${query.isPrefix ? '*' : ''}`;
    }
    case 'or': {
      const parts = query.of.map((part) => wordsFor(part));
      return parts.every((part) => part !== undefined) ? `(${parts.join(' OR ')})` : undefined;
    }
    case 'and': {
      const wanted = query.of.filter(({ kind }) => kind !== 'not').map((part) => wordsFor(part));
      const known = wanted.filter((part) => part !== undefined);
      if (known.length === 0) return undefined;
      const excluded = query.of
        .map((part) => (part.kind === 'not' && isAllWords(part.of) ? wordsFor(part.of) : undefined))
        .filter((part) => part !== undefined);
      return `(${[known.length > 1 ? `(${known.join(' AND ')})` : known[0], ...excluded].join(' NOT ')})`;
    }
    default:
      return undefined;
  }
}

/** The same in pieces of three letters, for what is meant literally. */
function trigramsFor(query: Query): string | undefined {
  if (query.kind === 'text') return isLiteral(query) ? trigramsOf(query.text) : undefined;
  if (query.kind !== 'and' && query.kind !== 'or') return undefined;
  const parts = query.of.map((part) => trigramsFor(part));
  if (query.kind === 'or')
    return parts.every((part) => part !== undefined) ? `(${parts.join(' OR ')})` : undefined;
  const known = parts.filter((part) => part !== undefined);
  return known.length > 0 ? `(${known.join(' AND ')})` : undefined;
}

/** A few of them narrow it down; the text itself is looked at afterwards. */
const trigramsMax = 24;

function trigramsOf(text: string): string | undefined {
  const characters = [...text.replaceAll('\0', ' ')];
  const all = new Set<string>();
  for (let at = 0; at + 3 <= characters.length && all.size < trigramsMax; at += 1)
    all.add(quoted(characters.slice(at, at + 3).join('')));
  return all.size > 0 ? `(${[...all].join(' AND ')})` : undefined;
}

/** The words of a text one after the other. What is between them means nothing to the index. */
function phrase(text: string): string {
  return quoted(
    tokensOf(text)
      .map(({ from, to }) => text.slice(from, to))
      .join(' '),
  );
}

/** Within quotes nothing is an operator, and quotes are doubled. */
function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

function isAllWords(query: Query): boolean {
  if (query.kind === 'text') return !isLiteral(query) && tokensOf(query.text).length > 0;
  if (query.kind === 'or') return query.of.every((part) => isAllWords(part));
  return query.kind === 'and' && query.of.every((part) => isAllWords(part));
}

/** Whether the expression for words finds nothing but what the query finds. */
function isExactly(query: Query): boolean {
  if (query.kind === 'or') return query.of.every((part) => isExactly(part));
  if (query.kind !== 'and') return isAllWords(query);
  return query.of.every((part) => (part.kind === 'not' ? isAllWords(part.of) : isExactly(part)));
}
