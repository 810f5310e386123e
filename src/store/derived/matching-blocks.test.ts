import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseWords } from '#search';
import { textIndex } from '../sqlite/text-index.ts';
import { matchingBlocks } from './matching-blocks.ts';
import type { TextMatch } from './text-index.ts';

const texts = 100_000;
let database: Database.Database;
/** Begin and end of what each statement looked among. */
let asked: [from: number, below: number][] = [];

beforeAll(() => {
  database = new Database(':memory:');
  database.exec(`
    CREATE TABLE text_blocks (id INTEGER PRIMARY KEY);
    CREATE VIRTUAL TABLE text_words USING fts5(text, content='');
    WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ${texts})
      INSERT INTO text_blocks SELECT id FROM n;
    INSERT INTO text_words (rowid, text) SELECT id, CASE WHEN id % 2 = 0 THEN 'even' ELSE 'odd' END FROM text_blocks;`);
});
afterAll(() => database.close());

const session = {
  all: async <Row>(statement: string, parameters: readonly unknown[]) => {
    if (parameters.length > 0) asked.push([Number(parameters[1]), Number(parameters[2])]);
    return database.prepare(statement).all(...parameters) as Row[];
  },
};

async function blocksFor(text: string) {
  asked = [];
  const found: number[] = [];
  const match = textIndex.matching(parseWords(text)) as TextMatch & { kind: 'statement' };
  for await (const { blocks } of matchingBlocks(session, match))
    found.push(...blocks.map(({ block }) => block));
  return found;
}

describe('blocks that match', () => {
  it('are all given, once, the newest first', async () => {
    const found = await blocksFor('even');
    expect(found).toEqual(Array.from({ length: texts / 2 }, (_, at) => texts - 2 * at));
  });

  it('are looked for a bounded number at a time also when words that are everywhere never meet', async () => {
    expect(await blocksFor('even odd')).toEqual([]);
    expect(asked.length).toBeGreaterThan(1);
    expect(asked[0]).toEqual([texts + 1 - 20_000, texts + 1]);
    // One goes on where the one before has ended, down to the first.
    for (const [at, [from]] of asked.entries()) expect(from).toBe(asked[at + 1]?.[1] ?? 1);
  });

  it('are looked for no further when nobody asks for more', async () => {
    asked = [];
    const match = textIndex.matching(parseWords('even odd')) as TextMatch & { kind: 'statement' };
    for await (const _ of matchingBlocks(session, match)) break;
    expect(asked).toHaveLength(1);
  });
});
