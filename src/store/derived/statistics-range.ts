import { quarterMs } from './request-row.ts';
import type { StatisticsRange } from './statistics.ts';

/** A range as whole quarter hours, and what is left of it at both ends. */
export interface RangePlan {
  /** Over the column `quarter`. */
  readonly sums: { readonly condition: string; readonly parameters: readonly number[] };
  /** Over the column `received_at_ms`; undefined when the range begins and ends with a quarter hour. */
  readonly requests: { readonly condition: string; readonly parameters: readonly number[] } | undefined;
}

const latest = Number.MAX_SAFE_INTEGER;

export function planRange({ fromMs = 0, toMs = latest }: StatisticsRange): RangePlan {
  const first = Math.ceil(fromMs / quarterMs);
  const end = toMs === latest ? latest : Math.floor(toMs / quarterMs);
  const sums = { condition: 'quarter >= ? AND quarter < ?', parameters: [first, end] };
  if (first > end) return { sums, requests: piecesOf([[fromMs, toMs]]) };
  const pieces: [number, number][] = [];
  if (first * quarterMs > fromMs) pieces.push([fromMs, first * quarterMs]);
  if (toMs !== latest && toMs > end * quarterMs) pieces.push([end * quarterMs, toMs]);
  return { sums, requests: pieces.length === 0 ? undefined : piecesOf(pieces) };
}

function piecesOf(pieces: readonly (readonly [fromMs: number, toMs: number])[]): RangePlan['requests'] {
  return {
    condition: `(${pieces.map(() => 'received_at_ms >= ? AND received_at_ms < ?').join(' OR ')})`,
    parameters: pieces.flat(),
  };
}
