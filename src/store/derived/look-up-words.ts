import type { Query } from '#search';
import type { SqlSession } from '../sql-engine.ts';
import type { Condition } from './compile-query.ts';
import { matchingBlocks } from './matching-blocks.ts';
import type { TextIndex, TextMatch } from './text-index.ts';

/** Texts with a word that are looked at, the newest ones: a word of every text says nothing about a request. */
const blocksPerWord = 10_000;

/**
 * The requests that were the first to say what each text of a query looks for. Looked up once, not for each piece of the
 * work.
 * @param deadlineMs on the monotonic clock: what is older than what was found until then is left out
 */
export async function lookUpWords(
  session: Pick<SqlSession, 'all'>,
  index: TextIndex,
  { query, deadlineMs }: { readonly query: Query; readonly deadlineMs: number },
): Promise<(query: Query) => Condition> {
  const found = new Map<Query, string>();
  for (const text of textsIn(query)) {
    const match = index.matching(text);
    const sequences = match.kind === 'refused' ? [] : await firstToSay(session, match, deadlineMs);
    found.set(text, JSON.stringify(sequences));
  }
  return (text) => ({
    // The sign keeps the engine from fetching all of them for each piece: pieces are read by time.
    sql: '+r.sequence IN (SELECT value FROM json_each(?))',
    parameters: [found.get(text) ?? '[]'],
  });
}

async function firstToSay(
  session: Pick<SqlSession, 'all'>,
  match: TextMatch & { readonly kind: 'statement' },
  deadlineMs: number,
): Promise<number[]> {
  const sequences: number[] = [];
  let seen = 0;
  for await (const { blocks } of matchingBlocks(session, match)) {
    // Without the sign the engine takes the index that begins with the source, and reads half of all places for each.
    const places = await session.all<{ place: number }>(
      'SELECT p.place FROM json_each(?) j CROSS JOIN text_places p ON p.block = j.value WHERE +p.source = 0',
      [JSON.stringify(blocks.map(({ block }) => block))],
    );
    for (const { place } of places) sequences.push(place);
    seen += blocks.length;
    if (seen >= blocksPerWord || performance.now() >= deadlineMs) break;
  }
  return sequences;
}

function textsIn(query: Query): Query[] {
  if (query.kind === 'not') return textsIn(query.of);
  if (query.kind === 'and' || query.kind === 'or') return query.of.flatMap(textsIn);
  return query.kind === 'text' ? [query] : [];
}
