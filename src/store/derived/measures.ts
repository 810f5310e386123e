import type { MeasureColumns, RollupKey } from './derived-tables.ts';
import type { Measures } from './statistics.ts';

/** Columns by which rollups are kept apart, with the name each has outside of the store. */
export const dimensionColumns = {
  quarter: 'quarter',
  session: 'session',
  agentName: 'agent_name',
  provider: 'provider',
  askedModel: 'asked_model',
  routedModel: 'routed_model',
  answeredModel: 'answered_model',
  clientVersion: 'client_version',
  outcomeClass: 'outcome_class',
} as const satisfies Record<string, keyof RollupKey>;

/** Columns that are summed, with the name each has outside of the store. */
export const measureColumns = {
  requests: 'requests',
  errors: 'errors',
  streamed: 'streamed',
  withUsage: 'with_usage',
  inputTokens: 'input_tokens',
  outputTokens: 'output_tokens',
  cacheReadTokens: 'cache_read_tokens',
  cacheWriteTokens: 'cache_write_tokens',
  cacheWrite5mTokens: 'cache_write_5m_tokens',
  cacheWrite1hTokens: 'cache_write_1h_tokens',
  thinkingTokens: 'thinking_tokens',
  cacheHits: 'cache_hits',
  costNanos: 'cost_nanos',
  costUnknown: 'cost_unknown',
  totalUs: 'total_us',
  totalCount: 'total_count',
  firstByteUs: 'first_byte_us',
  firstByteCount: 'first_byte_count',
  firstTokenUs: 'first_token_us',
  firstTokenCount: 'first_token_count',
  requestBytes: 'request_bytes',
  responseBytes: 'response_bytes',
} as const satisfies Record<string, keyof MeasureColumns>;

export type Dimension = keyof typeof dimensionColumns;
export type Measure = keyof typeof measureColumns;

export const measureNames: readonly (keyof MeasureColumns)[] = Object.values(measureColumns);

/** A row of sums by the names of the port. */
export function measuresOf(row: MeasureColumns): Measures {
  const measures: Partial<Record<Measure, number>> = {};
  for (const [name, column] of Object.entries(measureColumns)) measures[name as Measure] = row[column];
  // Every measure is in the table of columns.
  return measures as Measures;
}
