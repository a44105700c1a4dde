-- Finding what goes with an exchange or transfer that is forgotten.

CREATE INDEX attempt_exchange ON attempt (exchange_id);
CREATE INDEX inbox_exchange ON inbox (exchange_id);
CREATE INDEX transfer_ended ON transfer (ended_at, transaction_id);
CREATE INDEX discovery_created ON discovery (created_at);
CREATE INDEX link_request_updated ON link_request (updated_at);
CREATE INDEX message_key_taken ON message_key (taken_at);
