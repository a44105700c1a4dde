-- The queue at a counter. `numbers` is locked by whoever gives the next token; `day` is India's. A share's profile is
-- sealed. `share_scan` remembers what each scan was answered with, so that its message run again is answered alike.

CREATE TABLE queue_numbers (
  facility_id TEXT NOT NULL,
  counter TEXT NOT NULL,
  day TEXT NOT NULL,
  last BIGINT NOT NULL,
  PRIMARY KEY (facility_id, counter)
);

CREATE TABLE share (
  id TEXT PRIMARY KEY,
  facility_id TEXT NOT NULL,
  counter TEXT NOT NULL,
  day TEXT NOT NULL,
  token_number BIGINT NOT NULL,
  patient_reference TEXT,
  address_hash TEXT NOT NULL,
  sealed {bytes} NOT NULL,
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX share_token ON share (facility_id, counter, day, token_number);
CREATE INDEX share_newest ON share (facility_id, id);
CREATE INDEX share_address ON share (facility_id, counter, address_hash, expires_at);
CREATE INDEX share_patient ON share (facility_id, patient_reference);

CREATE TABLE share_scan (
  exchange_id TEXT PRIMARY KEY,
  facility_id TEXT NOT NULL,
  share_id TEXT NOT NULL,
  expires_in BIGINT NOT NULL
);

-- Deep links by SMS. `call` is the one to this mobile that ABDM has not answered yet; `sms_patient` when a patient's
-- visit last led to one.

CREATE TABLE sms_mobile (
  facility_id TEXT NOT NULL,
  mobile_hash TEXT NOT NULL,
  call TEXT,
  PRIMARY KEY (facility_id, mobile_hash)
);
CREATE INDEX sms_mobile_call ON sms_mobile (call);

CREATE TABLE sms_patient (
  facility_id TEXT NOT NULL,
  patient_reference TEXT NOT NULL,
  mobile_hash TEXT NOT NULL,
  asked_at BIGINT NOT NULL,
  PRIMARY KEY (facility_id, patient_reference)
);
