import type { RouteQuery } from '#api';
import type { ExchangeFilter } from '#store';
import { present } from './request-summary.ts';

/** The filter that the parameters of a list ask for. */
export function exchangeFilter(query: Partial<RouteQuery<'requests.list'>>): ExchangeFilter {
  // A start without an end, or the reverse, has never had an effect; `since` and `before` stand alone.
  const hasRange = query.start !== undefined && query.end !== undefined;
  return present({
    fromMs: latest(hasRange ? query.start : undefined, query.since),
    toMs: earliest(hasRange ? query.end : undefined, query.before),
    modelContains: query.model === 'all' ? undefined : query.model,
    provider: query.provider,
    sessionId: query.session,
    agentId: query.agent,
    tag: query.tag,
    path: query.path,
    outcome: query.outcome,
    statusFrom: query.status?.from,
    statusBelow: query.status?.below,
  });
}

function latest(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.max(one, other);
}

function earliest(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}
