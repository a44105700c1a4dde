-- The least schema version that a program must know to work with this database. An older program, still running or started
-- again while others are upgraded, works on as long as it knows that much. A migration that ends this for older ones says so:
-- UPDATE schema_version SET needed = (its own number) WHERE id = 1

ALTER TABLE schema_version ADD COLUMN needed BIGINT NOT NULL DEFAULT 14;
