-- Finding what goes with an exchange or transfer that is forgotten.

CREATE INDEX attempt_exchange ON attempt (exchange_id);
CREATE INDEX inbox_exchange ON inbox (exchange_id);
CREATE INDEX transfer_ended ON transfer (ended_at, transaction_id);
