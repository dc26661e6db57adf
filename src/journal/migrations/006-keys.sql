-- The number of the key that a record is sealed with; NULL with the one key of an earlier release.
ALTER TABLE inbox ADD COLUMN key_id INTEGER;
CREATE INDEX inbox_keys ON inbox (key_id) WHERE key_id IS NOT NULL;
