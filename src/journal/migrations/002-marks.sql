-- What digests in this store are made with. It belongs to the database, so that a backup keeps it.
CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
