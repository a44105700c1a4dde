-- A facility's own codes: what they stand for, and those that came in records while nobody had said. An empty
-- `local_system` stands for none named. `label`, the words beside a code, is sealed.

CREATE TABLE local_code (
  facility_id TEXT NOT NULL,
  local_code TEXT NOT NULL,
  local_system TEXT NOT NULL,
  system TEXT NOT NULL,
  code TEXT NOT NULL,
  display TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (facility_id, local_code, local_system)
);

CREATE TABLE unmapped_code (
  facility_id TEXT NOT NULL,
  local_code TEXT NOT NULL,
  local_system TEXT NOT NULL,
  label {bytes},
  count BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  PRIMARY KEY (facility_id, local_code, local_system)
);
CREATE INDEX unmapped_code_commonest ON unmapped_code (facility_id, count);
