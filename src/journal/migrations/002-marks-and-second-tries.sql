-- What digests in this store are made with. It belongs to the database, so that a backup keeps it.
CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What a person must know of the store, as JSON.
CREATE TABLE notes (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Whether something in the job may be tried again after its end, and needs what was remembered.
ALTER TABLE jobs ADD COLUMN keeps_key INTEGER NOT NULL DEFAULT 0;
-- The last event whose ids and marks were taken out of its body, and whether that is all of them.
ALTER TABLE jobs ADD COLUMN compacted_to INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN compacted    INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_to_compact ON jobs (id) WHERE compacted = 0;
-- Sums over whole rows; what the first format wrote has none. Blocks carry theirs behind their records.
ALTER TABLE events   ADD COLUMN sum INTEGER;
ALTER TABLE segments ADD COLUMN sum INTEGER;

-- What failed in jobs that were under way was not noted; what was remembered of it is still there.
UPDATE jobs SET keeps_key = 1 WHERE status IN (1, 2);

-- The few events that say which requests are tried again (their kind is 11).
CREATE INDEX reopenings ON events (job) WHERE kind = 11;
