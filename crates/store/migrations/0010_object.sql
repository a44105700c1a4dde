-- Large documents lie in the object store: such a record names its object instead of holding its document.
-- `loose_object` names every object that no record names: one that is being written, whose record has not been stored yet,
-- and one whose record is gone. When it is due it is doomed, deleted, and its row after it.

ALTER TABLE record ADD COLUMN object TEXT;

CREATE TABLE loose_object (
  id TEXT PRIMARY KEY,
  due_at BIGINT NOT NULL,
  doomed BIGINT NOT NULL
);
CREATE INDEX loose_object_due ON loose_object (due_at);
