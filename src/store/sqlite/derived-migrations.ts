import { conversationsSchema } from './derived-conversations.ts';
import { detailsSchema } from './derived-details.ts';
import { filesSchema } from './derived-files.ts';
import { statisticsSchema } from './derived-statistics.ts';
import type { DatabaseKind, Migration } from './migrations.ts';
import { textSchema } from './text-index.ts';

/**
 * Each area of the derived database has a step of its own. Unlike the steps of the facts these may change: a file
 * with other steps is thrown away and derived again.
 */
const migrations: readonly Migration[] = [
  {
    version: 1,
    name: 'requests',
    sql: `
-- AUTOINCREMENT: readers remember names, and the number of a forgotten one must not mean another.
CREATE TABLE names (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  text TEXT NOT NULL UNIQUE
);
CREATE TABLE positions (
  step TEXT PRIMARY KEY,
  position INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE marks (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE name_lists (
  id INTEGER PRIMARY KEY,
  names TEXT NOT NULL UNIQUE
);
CREATE TABLE requests (
  sequence INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  received_at_ms INTEGER NOT NULL,
  quarter INTEGER NOT NULL,
  method INTEGER NOT NULL,
  path INTEGER NOT NULL,
  tag INTEGER,
  provider INTEGER,
  asked_model INTEGER,
  routed_model INTEGER,
  answered_model INTEGER,
  is_streaming INTEGER NOT NULL,
  session INTEGER,
  agent INTEGER,
  parent_agent INTEGER,
  agent_name INTEGER,
  request_class INTEGER,
  client_version INTEGER,
  status INTEGER,
  outcome INTEGER NOT NULL,
  outcome_class INTEGER NOT NULL,
  stop_reason INTEGER,
  error_type INTEGER,
  problem INTEGER,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cache_read_tokens INTEGER,
  cache_write_tokens INTEGER,
  cache_write_5m_tokens INTEGER,
  cache_write_1h_tokens INTEGER,
  thinking_tokens INTEGER,
  server_tool_requests INTEGER,
  cost_nanos INTEGER,
  first_byte_us INTEGER,
  first_token_us INTEGER,
  last_byte_us INTEGER,
  added_us INTEGER,
  output_tokens_per_s REAL,
  request_bytes INTEGER NOT NULL,
  response_bytes INTEGER NOT NULL,
  tools_declared INTEGER,
  tools_called INTEGER
);
CREATE INDEX requests_by_time ON requests (received_at_ms, id);
CREATE INDEX requests_by_session ON requests (session, received_at_ms) WHERE session IS NOT NULL;
CREATE INDEX requests_without_session ON requests (sequence) WHERE session IS NULL;
`,
  },
  { version: 2, name: 'statistics', sql: statisticsSchema },
  { version: 3, name: 'text', sql: textSchema },
  { version: 4, name: 'conversations', sql: conversationsSchema },
  { version: 5, name: 'details', sql: detailsSchema },
  { version: 6, name: 'files', sql: filesSchema },
];

/** What is derived from facts and transcripts. Its application id reads 'Thrd'. */
export const derivedDatabase: DatabaseKind = {
  applicationId: 0x54687264,
  migrations,
  probe: 'requests',
  isDerived: true,
};
