-- What was done, for others to check: each row is one line of JSON, and the hash covers its bytes and the
-- hash before it. Nothing here is ever changed or removed.
CREATE TABLE ledger (
    seq   INTEGER PRIMARY KEY,         -- from 1, without gaps
    at_ms INTEGER NOT NULL,
    entry BLOB    NOT NULL,
    hash  BLOB    NOT NULL
) STRICT;
-- The keys that ever signed heads, in the order of their first entry.
CREATE TABLE ledger_keys (
    seq        INTEGER PRIMARY KEY,
    public_key TEXT NOT NULL
) STRICT;
-- The last signed head (`head`) and the last root of a day (`day`).
CREATE TABLE ledger_places (
    name  TEXT PRIMARY KEY,
    seq   INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
