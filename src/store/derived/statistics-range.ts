import { quarterMs } from './request-row.ts';
import type { StatisticsRange } from './statistics.ts';

/** A part of a range whose sums are kept apart from the others by its number. Half open, milliseconds. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
  readonly period: number;
}

/** From, to, and number of the period. */
export type Span = readonly [from: number, to: number, period: number];

export interface RangePlan<Level> {
  /** Over the column `quarter` of each level. */
  readonly sums: readonly { readonly level: Level; readonly spans: readonly Span[] }[];
  /** Over the column `received_at_ms`: what is no whole quarter hour. */
  readonly requests: readonly Span[];
}

const latest = Number.MAX_SAFE_INTEGER;

/** @param levels the coarsest first */
export function planRange<Level extends { readonly quarters: number }>(
  { fromMs = 0, toMs = latest }: StatisticsRange,
  levels: readonly Level[],
  periods: readonly Period[] = [{ fromMs, toMs, period: 0 }],
): RangePlan<Level> {
  let left: Span[] = periods.map((period) => [
    Math.max(fromMs, period.fromMs),
    Math.min(toMs, period.toMs),
    period.period,
  ]);
  const sums = levels.map((level) => {
    const unitMs = level.quarters * quarterMs;
    const spans: Span[] = [];
    const rest: Span[] = [];
    for (const [from, to, period] of left) {
      const first = Math.ceil(from / unitMs);
      const end = to === latest ? first + Math.floor((latest - from) / unitMs) : Math.floor(to / unitMs);
      if (first >= end) {
        if (from < to) rest.push([from, to, period]);
        continue;
      }
      spans.push([first * level.quarters, end * level.quarters, period]);
      if (from < first * unitMs) rest.push([from, first * unitMs, period]);
      if (to !== latest && end * unitMs < to) rest.push([end * unitMs, to, period]);
    }
    left = rest;
    return { level, spans };
  });
  return { sums: sums.filter(({ spans }) => spans.length > 0), requests: left };
}
