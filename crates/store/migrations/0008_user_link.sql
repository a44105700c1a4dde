-- Linking by the patient. A discovery is what was offered to whom; a link request is what they chose of it, with the
-- keyed hash of the password that was sent; an OTP desk counts a patient's passwords across their link requests.

CREATE TABLE discovery (
  facility_id TEXT NOT NULL,
  transaction_id TEXT NOT NULL,
  patient_reference TEXT NOT NULL,
  sealed {bytes} NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (facility_id, transaction_id)
);

CREATE TABLE link_request (
  facility_id TEXT NOT NULL,
  reference TEXT NOT NULL,
  transaction_id TEXT NOT NULL,
  patient_reference TEXT NOT NULL,
  state TEXT NOT NULL,
  sealed {bytes} NOT NULL,
  delivery_id TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (facility_id, reference)
);
CREATE INDEX link_request_transaction ON link_request (facility_id, transaction_id, created_at);

CREATE TABLE otp_desk (
  facility_id TEXT NOT NULL,
  patient_reference TEXT NOT NULL,
  desk TEXT NOT NULL,
  PRIMARY KEY (facility_id, patient_reference)
);

-- A message is known by an id in its body too: the same one may come again, another one may not.
CREATE TABLE message_key (
  facility_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  digest TEXT NOT NULL,
  taken_at BIGINT NOT NULL,
  PRIMARY KEY (facility_id, kind, key)
);

-- When a patient's ABHA address was learnt from their own link: visits stored before are theirs to link.
ALTER TABLE patient ADD COLUMN address_learnt_at BIGINT;
