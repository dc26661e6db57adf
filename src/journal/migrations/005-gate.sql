-- The keys under which the gate and the hold list know people, each with the version of how identifiers are
-- compared for which it was made (`plan::NORMALISATION`). They belong to the database: without them a backup
-- would forget who was erased. What earlier stores keep was made with the secret of marks.
CREATE TABLE gate_keys (
    version INTEGER PRIMARY KEY,
    value   BLOB NOT NULL
) STRICT;
INSERT INTO gate_keys (version, value) SELECT 1, value FROM secrets WHERE name = 'marks';

-- What people let through the gate again, and why.
CREATE TABLE gate_releases (
    id        INTEGER PRIMARY KEY,
    at_ms     INTEGER NOT NULL,
    key       BLOB    NOT NULL,        -- as the gate has it
    workspace TEXT    NOT NULL,
    by        TEXT    NOT NULL,
    reason    TEXT    NOT NULL
) STRICT;

-- Who must not be erased, and why.
CREATE TABLE holds (
    id       INTEGER PRIMARY KEY,
    at_ms    INTEGER NOT NULL,
    by       TEXT    NOT NULL,
    reason   TEXT    NOT NULL,
    until_ms INTEGER                   -- NULL: until it is removed
) STRICT;
CREATE TABLE held (
    key  BLOB    NOT NULL,             -- keyed digest of an identifier
    hold INTEGER NOT NULL REFERENCES holds (id),
    PRIMARY KEY (key, hold)
) STRICT, WITHOUT ROWID;
