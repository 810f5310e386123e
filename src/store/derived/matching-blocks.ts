import type { SqlSession } from '../sql-engine.ts';
import type { TextMatch } from './text-index.ts';

/** Blocks that one statement looks among at first: some milliseconds of work, whatever is looked for. */
const narrow = 20_000;
const wide = 20_000_000;
/** A statement that took less may look among more the next time. */
const quickMs = 10;
/** Blocks that are given at once; fewer when their texts have to be read. */
const blocksAtOnce = { exact: 500, inexact: 100 } as const;

/**
 * Blocks that match, newest first, a few at a time, perhaps none. A statement of the engine cannot be broken off, and two
 * frequent words that never meet keep one busy without giving anything: so each looks among a bounded number of
 * blocks, and whoever asks looks at the clock in between.
 */
export async function* matchingBlocks(
  session: Pick<SqlSession, 'all'>,
  match: TextMatch & { readonly kind: 'statement' },
): AsyncGenerator<{ readonly blocks: readonly { readonly block: number }[]; readonly isAll: boolean }> {
  const [last] = await session.all<{ id: number | null }>('SELECT max(id) AS id FROM text_blocks', []);
  let below = (last?.id ?? 0) + 1;
  let width = narrow;
  const limit = match.isExact ? blocksAtOnce.exact : blocksAtOnce.inexact;
  do {
    const from = Math.max(1, below - width);
    const startedAtMs = performance.now();
    const blocks = await session.all<{ block: number }>(match.sql, match.parameters(from, below, limit));
    const isWhole = blocks.length < limit;
    if (isWhole && performance.now() - startedAtMs < quickMs) width = Math.min(width * 4, wide);
    below = isWhole ? from : blocks.at(-1)!.block;
    yield { blocks, isAll: below <= 1 };
  } while (below > 1);
}
