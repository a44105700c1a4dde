-- Names that transactions lock, and the end of each facility's audit trail.

CREATE TABLE name_lock (
  name TEXT PRIMARY KEY
);

CREATE TABLE audit_head (
  facility_id TEXT PRIMARY KEY,
  seq BIGINT NOT NULL,
  hash TEXT NOT NULL
);

-- Each line is numbered, and holds the hash of itself with the line before it.
ALTER TABLE audit ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audit ADD COLUMN hash TEXT NOT NULL DEFAULT '';
CREATE INDEX audit_seq ON audit (facility_id, seq);
