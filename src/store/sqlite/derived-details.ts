/** Details of requests, and what answers said about limits: of each window the last word of a minute. */
export const detailsSchema = `
CREATE TABLE request_details (
  sequence INTEGER PRIMARY KEY,
  route INTEGER,
  os INTEGER,
  betas INTEGER,
  attempts INTEGER NOT NULL
);
CREATE TABLE rate_limits (
  provider INTEGER NOT NULL,
  limit_window INTEGER NOT NULL,
  minute INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  allowed REAL,
  remaining REAL,
  used REAL,
  resets_at_ms INTEGER,
  status INTEGER,
  PRIMARY KEY (provider, limit_window, minute)
) WITHOUT ROWID;
CREATE INDEX rate_limits_by_sequence ON rate_limits (sequence);
-- For a stretch of time whatever the provider.
CREATE INDEX rate_limits_by_minute ON rate_limits (minute);
`;
