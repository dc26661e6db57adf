-- What digests in this store are made with. It belongs to the database, so that a backup keeps it.
CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Whether something in the job may be tried again after its end, and needs what was remembered.
ALTER TABLE jobs ADD COLUMN keeps_key INTEGER NOT NULL DEFAULT 0;
-- What failed in jobs that were under way was not noted; what was remembered of it is still there.
UPDATE jobs SET keeps_key = 1 WHERE status IN (1, 2);

-- The few events that say which requests are tried again (their kind is 11).
CREATE INDEX reopenings ON events (job) WHERE kind = 11;
