import type { MeasureColumns } from '../derived/derived-tables.ts';
import { measureNames } from '../derived/measures.ts';
import { latencyLevels, rollupLevels, toolLevels } from '../derived/rollup-levels.ts';

/**
 * Sums of quarter hours, maintained as rows come and go. Names that are unknown are 0 in keys, so that they are a key
 * like any other. The view gives each request in the columns of a sum: whatever is summed is defined only there.
 */
const measures = {
  requests: '1',
  errors: 'outcome_class IN (1, 3, 4)',
  streamed: 'is_streaming',
  with_usage: '(input_tokens IS NOT NULL OR output_tokens IS NOT NULL)',
  input_tokens: 'coalesce(input_tokens, 0)',
  output_tokens: 'coalesce(output_tokens, 0)',
  cache_read_tokens: 'coalesce(cache_read_tokens, 0)',
  cache_write_tokens: 'coalesce(cache_write_tokens, 0)',
  cache_write_5m_tokens: 'coalesce(cache_write_5m_tokens, 0)',
  cache_write_1h_tokens: 'coalesce(cache_write_1h_tokens, 0)',
  thinking_tokens: 'coalesce(thinking_tokens, 0)',
  cache_hits: 'coalesce(cache_read_tokens, 0) > 0',
  cost_nanos: 'coalesce(cost_nanos, 0)',
  cost_unknown: '(cost_nanos IS NULL AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL))',
  total_us: 'coalesce(last_byte_us, 0)',
  total_count: 'last_byte_us IS NOT NULL',
  first_byte_us: 'coalesce(first_byte_us, 0)',
  first_byte_count: 'first_byte_us IS NOT NULL',
  first_token_us: 'coalesce(first_token_us, 0)',
  first_token_count: 'first_token_us IS NOT NULL',
  request_bytes: 'request_bytes',
  response_bytes: 'response_bytes',
} as const satisfies Record<keyof MeasureColumns, string>;

const measureColumns = measureNames.map((name) => `  ${name} INTEGER NOT NULL`).join(',\n');

export const statisticsSchema = `
CREATE VIEW request_measures AS SELECT
  sequence,
  received_at_ms,
  quarter,
  coalesce(session, 0) AS session,
  coalesce(agent, 0) AS agent,
  parent_agent,
  coalesce(agent_name, 0) AS agent_name,
  coalesce(provider, 0) AS provider,
  coalesce(asked_model, 0) AS asked_model,
  coalesce(routed_model, 0) AS routed_model,
  coalesce(answered_model, 0) AS answered_model,
  coalesce(client_version, 0) AS client_version,
  outcome_class,
${measureNames.map((name) => `  ${measures[name]} AS ${name}`).join(',\n')}
FROM requests;

${rollupLevels
  .map(
    ({ table, columns }) => `CREATE TABLE ${table} (
${['quarter', ...columns].map((name) => `  ${name} INTEGER NOT NULL`).join(',\n')},
${measureColumns},
  PRIMARY KEY (${['quarter', ...columns].join(', ')})
) WITHOUT ROWID;`,
  )
  .join('\n')}
CREATE INDEX rollups_by_session ON rollups (session, quarter);

CREATE TABLE sessions (
  session INTEGER PRIMARY KEY,
  first_at_ms INTEGER NOT NULL,
  last_at_ms INTEGER NOT NULL,
${measureColumns}
);
CREATE INDEX sessions_by_time ON sessions (last_at_ms);
CREATE TABLE agents (
  session INTEGER NOT NULL,
  agent INTEGER NOT NULL,
  parent_agent INTEGER,
  agent_name INTEGER NOT NULL,
  first_at_ms INTEGER NOT NULL,
  last_at_ms INTEGER NOT NULL,
${measureColumns},
  PRIMARY KEY (session, agent)
) WITHOUT ROWID;

${toolLevels
  .map(
    ({ table }) => `CREATE TABLE ${table} (
  quarter INTEGER NOT NULL,
  tool INTEGER NOT NULL,
  declared INTEGER NOT NULL,
  called INTEGER NOT NULL,
  called_in INTEGER NOT NULL,
  PRIMARY KEY (quarter, tool)
) WITHOUT ROWID;`,
  )
  .join('\n')}

${latencyLevels
  .map(
    ({ table }) => `CREATE TABLE ${table} (
  quarter INTEGER NOT NULL,
  provider INTEGER NOT NULL,
  asked_model INTEGER NOT NULL,
  answered_model INTEGER NOT NULL,
  total BLOB NOT NULL,
  first_byte BLOB NOT NULL,
  first_token BLOB NOT NULL,
  output_speed BLOB NOT NULL,
  PRIMARY KEY (quarter, provider, asked_model, answered_model)
) WITHOUT ROWID;`,
  )
  .join('\n')}
`;
