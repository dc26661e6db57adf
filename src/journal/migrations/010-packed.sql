-- Entries of the ledger that are not among the newest, many in a row. Nothing of them is changed: their bytes
-- and hashes come back as they were. From this format on the records of `blocks` are packed, and so may be
-- events of jobs that are over.
CREATE TABLE ledger_packs (
    last      INTEGER PRIMARY KEY,  -- number of the last entry
    newest_ms INTEGER NOT NULL,     -- when the newest of them was written
    before    BLOB    NOT NULL,     -- the hash before the first
    hash      BLOB    NOT NULL,     -- the hash of the last
    entries   BLOB    NOT NULL
) STRICT;
