-- How fast ABDM is called, old visits that wait for their turn to be linked, and the watch over the bridge's URL.

-- 0: replies to ABDM and transfers, which somebody waits for. 1: what the facility begins itself, at its pace.
ALTER TABLE outbox ADD COLUMN lane BIGINT NOT NULL DEFAULT 0;
CREATE INDEX outbox_lane ON outbox (state, lane, due_at);
CREATE INDEX outbox_turn ON outbox (facility_id, state, lane, due_at);

-- See domain::pace. `next_at` is in microseconds, `learned` in calls in a thousand seconds.
CREATE TABLE pace (
  facility_id TEXT PRIMARY KEY,
  next_at BIGINT NOT NULL,
  held_until BIGINT,
  strikes BIGINT NOT NULL,
  learned BIGINT
);

-- Patients whose old visits are to be linked, each until it is their turn.
CREATE TABLE backfill (
  facility_id TEXT NOT NULL,
  patient_reference TEXT NOT NULL,
  due_at BIGINT NOT NULL,
  PRIMARY KEY (facility_id, patient_reference)
);
CREATE INDEX backfill_due ON backfill (facility_id, due_at);

-- When the visit was put on the list of the backfill that runs, or ran last.
ALTER TABLE care_context ADD COLUMN backfill_at BIGINT;
CREATE INDEX care_context_backfill ON care_context (facility_id, link_state, link_due_at) WHERE backfill_at IS NOT NULL;

-- What was last seen of the bridge's URL. Whoever moves `due_at` on looks next.
CREATE TABLE bridge_watch (
  client_id TEXT PRIMARY KEY,
  due_at BIGINT NOT NULL,
  own_url TEXT,
  found_url TEXT,
  holder TEXT,
  since BIGINT,
  checked_at BIGINT
);

-- A patient's visits, and those of a link call, in the order in which they were stored. Without these SQLite reads all visits
-- of the facility for each, because the order alone decides which index it takes.
CREATE INDEX care_context_of_patient ON care_context (facility_id, patient_reference, created_at, reference);
CREATE INDEX care_context_of_call ON care_context (facility_id, link_call, created_at, reference) WHERE link_call IS NOT NULL;
