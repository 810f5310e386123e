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
CREATE TABLE session_titles (
  conversation TEXT NOT NULL,
  project TEXT NOT NULL,
  title TEXT NOT NULL,
  PRIMARY KEY (conversation, project)
) WITHOUT ROWID;
CREATE TABLE transcript_entries (
  entry_id INTEGER PRIMARY KEY,
  file_id INTEGER NOT NULL,
  conversation TEXT NOT NULL,
  is_agent INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  -- Of the answer that it is a part of.
  answer TEXT
);
CREATE INDEX transcript_entries_by_conversation ON transcript_entries (conversation, at_ms, entry_id);
CREATE INDEX transcript_entries_by_file ON transcript_entries (file_id);
CREATE TABLE transcript_answers (
  answer TEXT PRIMARY KEY,
  entry_id INTEGER NOT NULL,
  file_id INTEGER NOT NULL,
  request_id TEXT,
  message_id TEXT,
  request_ref TEXT,
  session TEXT,
  agent TEXT,
  model TEXT,
  branch TEXT,
  at_ms INTEGER,
  is_api_error INTEGER NOT NULL,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cache_read_tokens INTEGER,
  cache_write_tokens INTEGER,
  -- Of the request on the wire, and by what it was found: the place in matchKinds.
  sequence INTEGER,
  matched_by INTEGER
) WITHOUT ROWID;
CREATE INDEX transcript_answers_by_session ON transcript_answers (session, sequence);
CREATE INDEX transcript_answers_by_file ON transcript_answers (file_id);
CREATE INDEX transcript_answers_by_message_id ON transcript_answers (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX transcript_answers_by_request_ref ON transcript_answers (request_ref) WHERE request_ref IS NOT NULL;
CREATE INDEX transcript_answers_by_sequence ON transcript_answers (sequence) WHERE sequence IS NOT NULL;
CREATE INDEX transcript_answers_alone ON transcript_answers (at_ms) WHERE sequence IS NULL;
-- Other files that have an answer too: one of them keeps it when its own file is forgotten.
CREATE TABLE transcript_copies (
  answer TEXT NOT NULL,
  file_id INTEGER NOT NULL,
  entry_id INTEGER NOT NULL,
  session TEXT,
  PRIMARY KEY (answer, file_id)
) WITHOUT ROWID;
CREATE INDEX transcript_copies_by_file ON transcript_copies (file_id);
-- What clients note about the requests that they send.
CREATE TABLE transcript_requests (
  request_ref TEXT PRIMARY KEY,
  digest TEXT NOT NULL,
  session TEXT NOT NULL,
  file_id INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX transcript_requests_by_digest ON transcript_requests (digest);
CREATE INDEX transcript_requests_by_session ON transcript_requests (session);
CREATE INDEX transcript_requests_by_file ON transcript_requests (file_id);
CREATE TABLE wire_answers (
  sequence INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  at_ms INTEGER NOT NULL,
  request_id TEXT,
  message_id TEXT,
  session TEXT,
  agent TEXT,
  request_class TEXT,
  is_answered INTEGER NOT NULL,
  is_count INTEGER NOT NULL,
  digest TEXT,
  matched_by INTEGER
);
CREATE INDEX wire_answers_by_request_id ON wire_answers (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX wire_answers_by_message_id ON wire_answers (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX wire_answers_by_session ON wire_answers (session, matched_by) WHERE session IS NOT NULL;
CREATE INDEX wire_answers_alone ON wire_answers (sequence) WHERE matched_by IS NULL AND session IS NOT NULL;
-- Requests whose ids are in no transcript yet.
CREATE TABLE wire_to_compare (
  sequence INTEGER PRIMARY KEY,
  due_ms INTEGER NOT NULL
);
CREATE INDEX wire_to_compare_by_due ON wire_to_compare (due_ms);
`;
