-- Times are milliseconds since 1970 (UTC). Names, numbers, displays, bodies and bundles are sealed; what is
-- looked up by mobile or ABHA is a keyed hash. `owner`, `lease_until` and `fence` are a lease: who works on the
-- row, until when, and how often it has changed hands.

CREATE TABLE data_key (
  id BIGINT PRIMARY KEY,
  purpose TEXT NOT NULL,
  wrapped {bytes} NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE facility (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  roles TEXT NOT NULL,
  hip_id TEXT NOT NULL,
  hiu_id TEXT NOT NULL,
  counters TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX facility_hip ON facility (hip_id);
CREATE UNIQUE INDEX facility_hiu ON facility (hiu_id);

CREATE TABLE api_key (
  id TEXT PRIMARY KEY,
  hash TEXT NOT NULL,
  facility_id TEXT,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT,
  revoked_at BIGINT
);
CREATE UNIQUE INDEX api_key_hash ON api_key (hash);

CREATE TABLE patient (
  facility_id TEXT NOT NULL,
  reference TEXT NOT NULL,
  sealed {bytes} NOT NULL,
  mobile_hash TEXT,
  abha_number_hash TEXT,
  abha_address_hash TEXT,
  provisional BIGINT NOT NULL,
  merged_into TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (facility_id, reference)
);
CREATE UNIQUE INDEX patient_abha_address ON patient (facility_id, abha_address_hash);
CREATE UNIQUE INDEX patient_abha_number ON patient (facility_id, abha_number_hash);
CREATE INDEX patient_mobile ON patient (facility_id, mobile_hash);
CREATE INDEX patient_newest ON patient (facility_id, created_at, reference);

CREATE TABLE care_context (
  facility_id TEXT NOT NULL,
  patient_reference TEXT NOT NULL,
  reference TEXT NOT NULL,
  sealed {bytes} NOT NULL,
  visit_date TEXT NOT NULL,
  starts_at BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  hold BIGINT NOT NULL,
  withdrawn_at BIGINT,
  link_state TEXT NOT NULL,
  link_error {bytes},
  link_due_at BIGINT,
  link_call TEXT,
  linked_types TEXT NOT NULL,
  linked_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (facility_id, patient_reference, reference)
);
CREATE INDEX care_context_newest ON care_context (facility_id, created_at, reference);
CREATE INDEX care_context_due ON care_context (link_state, link_due_at);
CREATE INDEX care_context_call ON care_context (link_call);

CREATE TABLE record (
  id TEXT PRIMARY KEY,
  facility_id TEXT NOT NULL,
  patient_reference TEXT NOT NULL,
  care_context_reference TEXT NOT NULL,
  place BIGINT NOT NULL,
  hi_type TEXT NOT NULL,
  valid BIGINT NOT NULL,
  issues TEXT NOT NULL,
  source_hash TEXT NOT NULL,
  bundle {bytes},
  bundle_bytes BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX record_care_context ON record (facility_id, patient_reference, care_context_reference, place);

CREATE TABLE token_desk (
  facility_id TEXT NOT NULL,
  address_hash TEXT NOT NULL,
  token {bytes},
  token_expires_at BIGINT,
  call TEXT,
  requested_at TEXT NOT NULL,
  accepted_at BIGINT,
  blocked_until BIGINT,
  error {bytes},
  PRIMARY KEY (facility_id, address_hash)
);

CREATE TABLE consent (
  facility_id TEXT NOT NULL,
  consent_id TEXT NOT NULL,
  status TEXT NOT NULL,
  artefact {bytes},
  abha_address_hash TEXT,
  erase_at BIGINT,
  received_at BIGINT NOT NULL,
  ended_at BIGINT,
  PRIMARY KEY (facility_id, consent_id)
);
CREATE INDEX consent_newest ON consent (facility_id, received_at, consent_id);
CREATE INDEX consent_erase ON consent (status, erase_at);

CREATE TABLE transfer (
  facility_id TEXT NOT NULL,
  transaction_id TEXT NOT NULL,
  consent_id TEXT NOT NULL,
  exchange_id TEXT NOT NULL,
  status TEXT NOT NULL,
  request {bytes},
  deadline BIGINT NOT NULL,
  page_count BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  ended_at BIGINT,
  PRIMARY KEY (facility_id, transaction_id)
);
CREATE INDEX transfer_newest ON transfer (facility_id, created_at, transaction_id);
CREATE INDEX transfer_consent ON transfer (facility_id, consent_id);

CREATE TABLE transfer_page (
  facility_id TEXT NOT NULL,
  transaction_id TEXT NOT NULL,
  page BIGINT NOT NULL,
  records TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  description TEXT,
  PRIMARY KEY (facility_id, transaction_id, page)
);
CREATE INDEX transfer_page_state ON transfer_page (facility_id, transaction_id, state, due_at);

CREATE TABLE transfer_context (
  facility_id TEXT NOT NULL,
  transaction_id TEXT NOT NULL,
  patient_reference TEXT NOT NULL,
  reference TEXT NOT NULL,
  records BIGINT NOT NULL,
  delivered BIGINT NOT NULL,
  errored BIGINT NOT NULL,
  description TEXT,
  PRIMARY KEY (facility_id, transaction_id, patient_reference, reference)
);

CREATE TABLE exchange (
  id TEXT PRIMARY KEY,
  facility_id TEXT NOT NULL,
  direction TEXT NOT NULL,
  path TEXT NOT NULL,
  request_id TEXT NOT NULL,
  subject TEXT,
  state TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT,
  overdue_at BIGINT,
  error {bytes}
);
CREATE INDEX exchange_newest ON exchange (facility_id, id);
CREATE INDEX exchange_overdue ON exchange (state, overdue_at);

CREATE TABLE inbox (
  id TEXT PRIMARY KEY,
  facility_id TEXT NOT NULL,
  exchange_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  request_id TEXT NOT NULL,
  body {bytes} NOT NULL,
  received_at BIGINT NOT NULL,
  late_by_ms BIGINT NOT NULL,
  state TEXT NOT NULL,
  due_at BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  error TEXT,
  owner TEXT,
  lease_until BIGINT,
  fence BIGINT NOT NULL
);
CREATE UNIQUE INDEX inbox_request ON inbox (facility_id, request_id);
CREATE INDEX inbox_due ON inbox (state, due_at);

CREATE TABLE outbox (
  id TEXT PRIMARY KEY,
  facility_id TEXT NOT NULL,
  exchange_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  body {bytes} NOT NULL,
  state TEXT NOT NULL,
  due_at BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  owner TEXT,
  lease_until BIGINT,
  fence BIGINT NOT NULL
);
CREATE INDEX outbox_due ON outbox (state, due_at);
CREATE INDEX outbox_exchange ON outbox (exchange_id);

CREATE TABLE attempt (
  request_id TEXT PRIMARY KEY,
  facility_id TEXT NOT NULL,
  outbox_id TEXT NOT NULL,
  exchange_id TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  outcome TEXT
);
CREATE INDEX attempt_outbox ON attempt (outbox_id, started_at);

CREATE TABLE event (
  id TEXT PRIMARY KEY,
  facility_id TEXT NOT NULL,
  type TEXT NOT NULL,
  data TEXT NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX event_newest ON event (facility_id, id);

CREATE TABLE audit (
  id TEXT PRIMARY KEY,
  facility_id TEXT NOT NULL,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL
);
CREATE INDEX audit_newest ON audit (facility_id, id);
