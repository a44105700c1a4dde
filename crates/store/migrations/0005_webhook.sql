-- Where an HMIS is told what happens, and every telling.

CREATE TABLE webhook (
  facility_id TEXT NOT NULL,
  id TEXT NOT NULL,
  url TEXT NOT NULL,
  events TEXT NOT NULL,
  secret {bytes} NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (facility_id, id)
);

CREATE TABLE webhook_delivery (
  id TEXT PRIMARY KEY,
  facility_id TEXT NOT NULL,
  webhook_id TEXT NOT NULL,
  event_id TEXT NOT NULL,
  type TEXT NOT NULL,
  data TEXT NOT NULL,
  at BIGINT NOT NULL,
  state TEXT NOT NULL,
  due_at BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  last_status BIGINT,
  last_error TEXT,
  ended_at BIGINT,
  owner TEXT,
  lease_until BIGINT,
  fence BIGINT NOT NULL
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (state, due_at);
CREATE INDEX webhook_delivery_newest ON webhook_delivery (facility_id, webhook_id, id);
