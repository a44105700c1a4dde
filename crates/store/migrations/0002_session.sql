-- Who is signed in to the console. The cookie is kept only as its hash.

CREATE TABLE session (
  hash TEXT PRIMARY KEY,
  key_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL
);
CREATE INDEX session_seen ON session (seen_at);
