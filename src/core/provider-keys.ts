import { type HeaderList, headerValue } from '#exchange';
import { counted, leastUsed, placeOf } from '#routing';
import type { Balance } from './balance.ts';
import type { Upstream } from './upstream.ts';

/** An upstream with the key that this request gets. */
export interface KeyedUpstream {
  readonly upstream: Upstream;
  /** `key 2 of 3`; absent when there is no choice. */
  readonly remark?: string;
}

/**
 * Chooses one of several keys by their weights. A session keeps its key, because caches of providers belong to the account
 * of a key; what has no session gets the one that was used least for its weight.
 */
export function withKey(upstream: Upstream, raw: HeaderList, balance: Balance): KeyedUpstream {
  const { provider } = upstream;
  const { name, apiKeys = [], auth } = provider;
  if (apiKeys.length < 2 || (auth ?? 'key') !== 'key') return { upstream };
  const weights = apiKeys.map(({ weight }) => weight);
  const session = headerValue(raw, 'x-claude-code-session-id')?.slice(0, 64);
  const index =
    session === undefined
      ? nextInTurn(`keys of ${name}`, weights, balance)
      : placeOf(
          session,
          weights.map((_, at) => `${name} key ${at}`),
          weights,
        );
  return {
    upstream: { ...upstream, provider: { ...provider, apiKey: apiKeys[index]!.key } },
    remark: `key ${index + 1} of ${apiKeys.length}`,
  };
}

function nextInTurn(group: string, weights: readonly number[], balance: Balance): number {
  const counts = balance.countsOf(group) ?? weights.map(() => 0);
  const index = leastUsed(counts, weights);
  balance.note({ counted: { group, counts: counted(counts, index) } });
  return index;
}
