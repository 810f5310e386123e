import type { DatabaseKind } from './migrations.ts';

/** The archive of transcripts. Its application id reads 'Thrt'. Nothing can bring its lines back, so it is not derived. */
export const transcriptsDatabase: DatabaseKind = {
  applicationId: 0x54687274,
  probe: 'files',
  isDerived: false,
  migrations: [
    {
      version: 1,
      name: 'archive',
      sql: `
CREATE TABLE files (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  change INTEGER NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  root TEXT NOT NULL,
  path TEXT NOT NULL,
  identity TEXT NOT NULL,
  read_to INTEGER NOT NULL,
  head_hash TEXT NOT NULL,
  tail_hash TEXT NOT NULL,
  seen TEXT NOT NULL,
  lines INTEGER NOT NULL,
  too_long INTEGER NOT NULL,
  modified_at_ms INTEGER NOT NULL,
  gone_at_ms INTEGER,
  replaced_at_ms INTEGER
);
CREATE UNIQUE INDEX files_by_path ON files (root, path) WHERE replaced_at_ms IS NULL;
-- AUTOINCREMENT: the number of a forgotten piece never means another one.
CREATE TABLE pieces (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  file_id INTEGER NOT NULL,
  start_offset INTEGER NOT NULL,
  byte_count INTEGER NOT NULL,
  packed BLOB NOT NULL
);
CREATE INDEX pieces_by_file ON pieces (file_id, id);
CREATE TABLE documents (
  root TEXT NOT NULL,
  path TEXT NOT NULL,
  change INTEGER NOT NULL UNIQUE,
  content TEXT NOT NULL,
  modified_at_ms INTEGER NOT NULL,
  PRIMARY KEY (root, path)
) WITHOUT ROWID;
CREATE TABLE counters (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('change', 0), ('bytes', 0), ('lines', 0);
`,
    },
  ],
};
