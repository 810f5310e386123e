import type { RouteBody, RouteQuery } from '#api';
import { instantText } from './request-summary.ts';
import { type Ask, groupRows } from './sum-rows.ts';
import { echo, type TimeRange } from './time-range.ts';

/** What providers said about their limits, by window and time. */
export async function rateLimitsBody(
  ask: Ask,
  { provider, window, limit }: RouteQuery<'stats.rateLimits'>,
  range: TimeRange,
): Promise<RouteBody<'stats.rateLimits'>> {
  const points = await ask('statistics.rateLimits', { ...range, provider, window, limit });
  const windows = groupRows(points, (point) => JSON.stringify([point.provider ?? null, point.window]));
  return {
    windows: [...windows.values()].map((series) => ({
      provider: series[0]?.provider ?? null,
      window: series[0]?.window ?? '',
      points: series.map(({ atMs, limit: allowed, remaining, used, resetsAtMs, status }) => ({
        at: instantText(atMs),
        limit: allowed ?? null,
        remaining: remaining ?? null,
        used: used ?? null,
        resetsAt: resetsAtMs === undefined ? null : instantText(resetsAtMs),
        status: status ?? null,
      })),
    })),
    ...echo(range),
  };
}
