/** Calls that work on files, at each place where they were seen, and the files with what is counted of them. */
export const filesSchema = `
CREATE TABLE file_touches (
  call TEXT NOT NULL,
  path TEXT NOT NULL,
  source INTEGER NOT NULL,
  place INTEGER NOT NULL,
  access INTEGER NOT NULL,
  session INTEGER NOT NULL,
  agent INTEGER NOT NULL,
  tool INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (call, path, source)
) WITHOUT ROWID;
CREATE INDEX file_touches_by_path ON file_touches (path, at_ms, call);
CREATE INDEX file_touches_by_session ON file_touches (session, at_ms, call);
CREATE INDEX file_touches_by_file_of_session ON file_touches (session, path);
CREATE INDEX file_touches_by_place ON file_touches (source, place);
CREATE TABLE files (
  path TEXT PRIMARY KEY,
  reads INTEGER NOT NULL,
  writes INTEGER NOT NULL,
  sessions INTEGER NOT NULL,
  last_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX files_by_time ON files (last_at_ms, path);
`;
