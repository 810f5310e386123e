/** Conversations of transcripts, and the ids by which their answers meet those on the wire. */
export const conversationsSchema = `
CREATE TABLE conversation_files (
  file_id INTEGER PRIMARY KEY,
  conversation TEXT NOT NULL,
  is_agent INTEGER NOT NULL,
  kind TEXT NOT NULL,
  project TEXT NOT NULL,
  lines INTEGER NOT NULL,
  broken INTEGER NOT NULL,
  unknown INTEGER NOT NULL,
  start_ms INTEGER,
  end_ms INTEGER NOT NULL,
  first_message TEXT,
  title TEXT,
  cwd TEXT
);
CREATE INDEX conversation_files_by_conversation ON conversation_files (conversation);
CREATE INDEX conversation_files_by_end ON conversation_files (is_agent, end_ms);
CREATE INDEX conversation_files_by_project ON conversation_files (project, end_ms);
CREATE TABLE transcript_entries (
  entry_id INTEGER PRIMARY KEY,
  file_id INTEGER NOT NULL,
  conversation TEXT NOT NULL,
  is_agent INTEGER NOT NULL,
  at_ms INTEGER NOT NULL
);
CREATE INDEX transcript_entries_by_conversation ON transcript_entries (conversation, at_ms, entry_id);
CREATE INDEX transcript_entries_by_file ON transcript_entries (file_id);
CREATE TABLE transcript_answers (
  answer TEXT PRIMARY KEY,
  entry_id INTEGER NOT NULL,
  request_id TEXT,
  message_id TEXT,
  session TEXT,
  agent TEXT,
  model TEXT,
  at_ms INTEGER,
  is_api_error INTEGER NOT NULL,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cache_read_tokens INTEGER,
  cache_write_tokens INTEGER
) WITHOUT ROWID;
CREATE INDEX transcript_answers_by_session ON transcript_answers (session);
CREATE TABLE wire_answers (
  sequence INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  at_ms INTEGER NOT NULL,
  request_id TEXT,
  message_id TEXT,
  session TEXT,
  request_class TEXT
);
CREATE INDEX wire_answers_by_request_id ON wire_answers (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX wire_answers_by_message_id ON wire_answers (message_id) WHERE message_id IS NOT NULL;
`;
