import { createHash } from 'node:crypto';
import { StoreError } from '../store.ts';
import type { Connection } from './connection.ts';

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** What a database file is for. Each kind has an application id of its own, so that no file is taken for another. */
export interface DatabaseKind {
  /** 32 bits, as SQLite's `application_id`. */
  readonly applicationId: number;
  /** Numbered from 1 without gaps; a released one never changes. */
  readonly migrations: readonly Migration[];
  /** A table that every version has: reading it shows that the file can be read. */
  readonly probe: string;
  /** True when nothing in it exists only there: a power cut may take the last commits, and it is faster for that. */
  readonly isDerived: boolean;
}

/**
 * Brings the schema up to date, forward only, all in one write transaction, so that any number of processes may
 * open a new file at the same time: one of them does the work and the others find it done.
 * @throws StoreError `busy` while another process holds the write lock, `unusable` when the schema is newer than
 * this program, was changed, or belongs to another program
 */
export function migrate(connection: Connection, nowMs: number, kind: DatabaseKind = factsDatabase): void {
  if (isUpToDate(connection, kind)) return;
  connection.transaction(() => {
    if (isUpToDate(connection, kind)) return;
    claimEmptyDatabase(connection, kind);
    const applied = appliedMigrations(connection);
    for (const migration of kind.migrations.slice(applied.length)) {
      connection.execute(migration.sql);
      connection.run('INSERT INTO migrations (version, name, checksum, applied_at_ms) VALUES (?, ?, ?, ?)', [
        migration.version,
        migration.name,
        checksum(migration),
        nowMs,
      ]);
    }
  });
}

export function schemaVersion(connection: Connection): number {
  return appliedMigrations(connection).at(-1)?.version ?? 0;
}

function isUpToDate(connection: Connection, { applicationId, migrations: known }: DatabaseKind): boolean {
  if (connection.pragma('application_id') !== applicationId) return false;
  const applied = appliedMigrations(connection);
  for (const row of applied) {
    const migration = known.find(({ version }) => version === row.version);
    if (migration === undefined) {
      throw new StoreError(
        'unusable',
        `${connection.path} was written by a newer version (schema ${row.version}, this version knows ${known.length}). Upgrade, or configure another database path.`,
      );
    }
    if (checksum(migration) !== row.checksum) {
      throw new StoreError(
        'unusable',
        `Schema step ${row.version} (${row.name}) of ${connection.path} is not the one this version knows. Configure another database path or restore a backup.`,
      );
    }
  }
  return applied.length === known.length;
}

function claimEmptyDatabase(connection: Connection, { applicationId }: DatabaseKind): void {
  if (connection.pragma('application_id') === applicationId) return;
  const [tables] = connection.all<{ count: number }>('SELECT count(*) AS count FROM sqlite_schema', []);
  if (tables?.count !== 0 || connection.pragma('application_id') !== 0) {
    throw new StoreError(
      'unusable',
      `${connection.path} is the database of another program. Configure another database path.`,
    );
  }
  connection.pragma(`application_id = ${applicationId}`);
  connection.execute(
    'CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at_ms INTEGER NOT NULL)',
  );
}

function appliedMigrations(connection: Connection): { version: number; name: string; checksum: string }[] {
  return connection.all('SELECT version, name, checksum FROM migrations ORDER BY version', []);
}

function checksum(migration: Migration): string {
  return createHash('sha256').update(`${migration.version}\n${migration.sql}`).digest('hex');
}

/** 48 random bits: see `Store.epoch`. Part of a released step, so it stays as it is. */
export const newEpoch = `
INSERT INTO counters (name, value) VALUES ('epoch', abs(random() % 281474976710656))
ON CONFLICT (name) DO UPDATE SET value = excluded.value;
`;

// A released step never changes: add another one. Steps are numbered from 1 without gaps.
export const migrations: readonly Migration[] = [
  {
    version: 1,
    name: 'facts',
    sql: `
CREATE TABLE exchanges (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id BLOB NOT NULL UNIQUE,
  id_tail INTEGER NOT NULL,
  received_at_ms INTEGER NOT NULL,
  method TEXT NOT NULL,
  path TEXT NOT NULL,
  query TEXT NOT NULL,
  tag TEXT,
  provider TEXT,
  format TEXT,
  asked_model TEXT,
  routed_model TEXT,
  answered_model TEXT,
  is_streaming INTEGER NOT NULL,
  session_id TEXT,
  agent_id TEXT,
  parent_agent_id TEXT,
  agent_name TEXT,
  request_class TEXT,
  status INTEGER,
  outcome TEXT NOT NULL,
  stop_reason TEXT,
  error_type TEXT,
  problem TEXT,
  request_id_header TEXT,
  message_id TEXT,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cache_read_tokens INTEGER,
  cache_write_tokens INTEGER,
  cache_write_5m_tokens INTEGER,
  cache_write_1h_tokens INTEGER,
  thinking_tokens INTEGER,
  server_tool_requests INTEGER,
  service_tier TEXT,
  forwarded_us INTEGER,
  first_byte_us INTEGER,
  first_token_us INTEGER,
  last_byte_us INTEGER,
  closed_us INTEGER,
  added_us INTEGER,
  request_bytes INTEGER NOT NULL,
  response_bytes INTEGER NOT NULL,
  request_sha256 BLOB NOT NULL,
  response_sha256 BLOB NOT NULL,
  request_unaltered INTEGER NOT NULL,
  response_unaltered INTEGER NOT NULL,
  request_bytes_missing INTEGER NOT NULL,
  response_bytes_missing INTEGER NOT NULL,
  client_version TEXT,
  tools_declared INTEGER,
  tools_called TEXT,
  details BLOB NOT NULL
);
-- Each index ends in the order of lists. Columns that are mostly empty are indexed where they are not.
CREATE INDEX exchanges_by_time ON exchanges (received_at_ms, id);
CREATE INDEX exchanges_by_id_tail ON exchanges (id_tail);
CREATE INDEX exchanges_by_asked_model ON exchanges (asked_model, received_at_ms);
CREATE INDEX exchanges_by_provider ON exchanges (provider, received_at_ms, asked_model);
CREATE INDEX exchanges_by_path ON exchanges (path, received_at_ms);
CREATE INDEX exchanges_by_session ON exchanges (session_id, received_at_ms) WHERE session_id IS NOT NULL;
CREATE INDEX exchanges_by_agent ON exchanges (agent_id, received_at_ms) WHERE agent_id IS NOT NULL;
CREATE INDEX exchanges_by_tag ON exchanges (tag, received_at_ms) WHERE tag IS NOT NULL;
CREATE INDEX exchanges_not_complete ON exchanges (outcome, received_at_ms) WHERE outcome <> 'complete';
CREATE INDEX exchanges_with_other_status ON exchanges (received_at_ms, id, status) WHERE status IS DISTINCT FROM 200;

CREATE INDEX exchanges_by_tools ON exchanges (tools_declared) WHERE tools_declared IS NOT NULL;
CREATE TABLE tool_lists (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  names TEXT NOT NULL UNIQUE
);

-- AUTOINCREMENT: the number of a deleted chunk never means another one.
CREATE TABLE chunks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sha256 BLOB NOT NULL,
  byte_count INTEGER NOT NULL,
  base INTEGER,
  packed BLOB NOT NULL
);
-- Six bytes of a hash find it among billions; the row has the rest.
CREATE INDEX chunks_by_hash ON chunks (substr(sha256, 1, 6));
CREATE INDEX chunks_by_base ON chunks (base) WHERE base IS NOT NULL;
CREATE TABLE bodies (
  id INTEGER PRIMARY KEY,
  recipe BLOB NOT NULL
);
CREATE TABLE arrivals (
  sequence INTEGER PRIMARY KEY,
  times BLOB NOT NULL
);
CREATE TABLE journal_positions (
  core_id TEXT PRIMARY KEY,
  segment_number INTEGER NOT NULL,
  segment_offset INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE open_exchanges (
  id BLOB PRIMARY KEY,
  facts TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE counters (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('exchanges', 0), ('last-sequence', 0), ('chunk-sweeps', 0);
`,
  },
  {
    version: 2,
    name: 'epoch',
    sql: newEpoch,
  },
  {
    version: 3,
    name: 'provider-bodies',
    sql: `
CREATE TABLE provider_bodies (
  id INTEGER PRIMARY KEY,
  recipe BLOB NOT NULL
);
`,
  },
  {
    version: 4,
    name: 'deleted',
    sql: `INSERT INTO counters (name, value) VALUES ('deleted', 0) ON CONFLICT (name) DO NOTHING;`,
  },
  {
    version: 5,
    name: 'pruned-bodies',
    sql: `
ALTER TABLE exchanges ADD COLUMN bodies_pruned_at_ms INTEGER;
CREATE INDEX exchanges_with_bodies ON exchanges (received_at_ms) WHERE bodies_pruned_at_ms IS NULL;
-- In the order of pruning, for whoever keeps something about bodies.
CREATE TABLE prunings (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  sequence INTEGER NOT NULL
);
CREATE INDEX prunings_by_sequence ON prunings (sequence);
`,
  },
];

/** The store of facts. Its application id reads 'Thru'. */
export const factsDatabase: DatabaseKind = {
  applicationId: 0x54687275,
  migrations,
  probe: 'exchanges',
  isDerived: false,
};
