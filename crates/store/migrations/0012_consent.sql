-- What is known of the signature under a consent's artefact: see domain::consent::Signature.
ALTER TABLE consent ADD COLUMN signature TEXT NOT NULL DEFAULT 'unverified';
-- Consents of an ABHA that ends.
CREATE INDEX consent_address ON consent (facility_id, abha_address_hash);

-- Under which patient's reference ABDM knows a linked visit, where that is not the patient's own any more: they were
-- merged since, and a link cannot be changed.
ALTER TABLE care_context ADD COLUMN linked_as TEXT;

-- Whoever was merged into a patient, and what they had begun.
CREATE INDEX patient_merged ON patient (facility_id, merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX link_request_patient ON link_request (facility_id, patient_reference);
CREATE INDEX discovery_patient ON discovery (facility_id, patient_reference);
CREATE INDEX outbox_subject ON outbox (facility_id, subject, state);
