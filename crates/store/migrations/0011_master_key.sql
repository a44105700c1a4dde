-- While the master key changes, each data key is wrapped twice: by the old one and by the next, whose URL says where it
-- is. A version that knows nothing of it goes on with the old one.

ALTER TABLE data_key ADD COLUMN wrapped_next {bytes};
ALTER TABLE data_key ADD COLUMN next_master TEXT;

-- Written by whoever asks whether the database takes what is written.
CREATE TABLE write_proof (id BIGINT PRIMARY KEY, times BIGINT NOT NULL);
