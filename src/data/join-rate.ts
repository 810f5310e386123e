import type { JoinRate } from '#store';
import type { QueryThread } from './query-thread/start.ts';

/** Counting takes up to some tens of milliseconds of the query thread. */
const ageMsMax = 5_000;

/**
 * How transcripts and the wire meet, as it was known last; asking for it begins to count anew when that is some time ago.
 * Never waits, so that health answers at once whatever the query thread does.
 */
export function createJoinRate(
  query: Pick<QueryThread, 'ask'> | undefined,
  clockMs: () => number,
): () => JoinRate | undefined {
  let rate: JoinRate | undefined;
  let countedAtMs = Number.NEGATIVE_INFINITY;
  let isCounting = false;

  async function count(from: Pick<QueryThread, 'ask'>): Promise<void> {
    isCounting = true;
    try {
      rate = await from.ask('conversations.joinRate', undefined);
    } catch {
      // Whatever is wrong with what is derived, its own part of health says it.
    }
    countedAtMs = clockMs();
    isCounting = false;
  }

  return () => {
    if (query !== undefined && !isCounting && clockMs() - countedAtMs > ageMsMax) void count(query);
    return rate;
  };
}
