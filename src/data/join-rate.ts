import type { JoinRate } from '#store';
import type { QueryThread } from './query-thread/start.ts';

const pauseMsMin = 5_000;
/** However many answers there are, counting them takes a small part of the query thread's time. */
const pausePerCount = 20;

/**
 * How transcripts and the wire meet, as it was known last; asking for it begins to count anew when that is some time ago.
 * Never waits, so that health answers at once whatever the query thread does.
 */
export function createJoinRate(
  query: Pick<QueryThread, 'ask'> | undefined,
  clockMs: () => number,
): () => JoinRate | undefined {
  let rate: JoinRate | undefined;
  let nextCountAtMs = Number.NEGATIVE_INFINITY;
  let isCounting = false;

  async function count(from: Pick<QueryThread, 'ask'>): Promise<void> {
    isCounting = true;
    const beganAtMs = clockMs();
    try {
      rate = await from.ask('conversations.joinRate', undefined);
    } catch {
      // Whatever is wrong with what is derived, its own part of health says it.
    }
    const tookMs = clockMs() - beganAtMs;
    nextCountAtMs = clockMs() + Math.max(pauseMsMin, pausePerCount * tookMs);
    isCounting = false;
  }

  return () => {
    if (query !== undefined && !isCounting && clockMs() > nextCountAtMs) void count(query);
    return rate;
  };
}
