-- Row 1 of schema_version says what there is; row 2 the least that a program must know to work with it. An older program, still
-- running or started again while others are upgraded, works on as long as it knows that much. A migration that ends this
-- says so: UPDATE schema_version SET version = (its own number) WHERE id = 2

INSERT INTO schema_version (id, version) VALUES (2, 14);
