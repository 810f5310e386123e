import type { RollupKey } from './derived-tables.ts';

/** Sums of requests by time and by some of what they have in common. */
export interface RollupLevel {
  readonly table: string;
  /** Quarter hours of a row: its column `quarter` is the first of them, a multiple of this number. */
  readonly quarters: number;
  /** What its sums are kept apart by, besides the time. */
  readonly columns: readonly Exclude<keyof RollupKey, 'quarter'>[];
}

export const hourQuarters = 4;
export const dayQuarters = 96;
const ofModels = ['provider', 'asked_model', 'routed_model', 'answered_model'] as const;
const ofRequests = ['agent_name', ...ofModels, 'client_version', 'outcome_class'] as const;

/**
 * The coarsest first, and of those with the same quarters the narrowest. A range is summed from the first that know
 * everything that is asked for; what is left at its ends comes from finer ones. The last one knows everything.
 */
export const rollupLevels: readonly RollupLevel[] = [
  { table: 'model_days', quarters: dayQuarters, columns: ofModels },
  { table: 'session_days', quarters: dayQuarters, columns: ['session'] },
  { table: 'day_rollups', quarters: dayQuarters, columns: ofRequests },
  { table: 'model_hours', quarters: hourQuarters, columns: ofModels },
  { table: 'model_quarters', quarters: 1, columns: ofModels },
  { table: 'rollups', quarters: 1, columns: ['session', ...ofRequests] },
];

/** Sums of tools and sketches of times have days besides their quarter hours. */
export const toolLevels = [
  { table: 'tool_days', quarters: dayQuarters },
  { table: 'tool_rollups', quarters: 1 },
] as const;
export const latencyLevels = [
  { table: 'latency_days', quarters: dayQuarters },
  { table: 'latencies', quarters: 1 },
] as const;

/** One level for each length of time, the coarsest first, all of which know these columns. */
export function levelsFor(columns: readonly string[]): RollupLevel[] {
  // Sums of single quarter hours cannot be had from coarser ones.
  const isByQuarter = columns.includes('quarter');
  const able = rollupLevels.filter(
    (level) =>
      (!isByQuarter || level.quarters === 1) &&
      columns.every(
        (column) => column === 'quarter' || (level.columns as readonly string[]).includes(column),
      ),
  );
  return able.filter(({ quarters }, at) => able.findIndex((other) => other.quarters === quarters) === at);
}
