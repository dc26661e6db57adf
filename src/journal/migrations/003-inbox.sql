-- What came in from outside and is not carried out to its end yet. A record is sealed; nothing else in
-- a row names a person.
CREATE TABLE inbox (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of arrival
    workflow    TEXT    NOT NULL,
    origin      TEXT    NOT NULL,
    key         BLOB    NOT NULL,                   -- names the event; a digest
    due_ms      INTEGER NOT NULL,                   -- 2^63-1 without a deadline, so that it sorts last
    received_ms INTEGER NOT NULL,
    window      INTEGER,                            -- NULL while it waits
    bytes       INTEGER NOT NULL,                   -- of the record as it is stored
    record      BLOB    NOT NULL
) STRICT;
-- The queue of a workflow, and the whole of a window; `bytes` is there so that it can be summed.
CREATE INDEX inbox_queue  ON inbox (workflow, window, due_ms, id, bytes);
CREATE INDEX inbox_oldest ON inbox (workflow, id) WHERE window IS NULL;
CREATE INDEX inbox_window ON inbox (window, due_ms, id) WHERE window IS NOT NULL;

-- Rows that are carried out together; `job` once there is one.
CREATE TABLE windows (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow TEXT    NOT NULL,
    made_ms  INTEGER NOT NULL,
    records  INTEGER NOT NULL,
    job      INTEGER
) STRICT;
CREATE INDEX windows_by_job ON windows (job) WHERE job IS NOT NULL;

-- Events that were taken, so that the same one starts nothing again; they outlive their rows.
CREATE TABLE taken (
    workflow TEXT    NOT NULL,
    key      BLOB    NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (workflow, key)
) STRICT, WITHOUT ROWID;
-- The highest number that was taken of a sequence of events.
CREATE TABLE turns (
    workflow TEXT    NOT NULL,
    lane     BLOB    NOT NULL,
    number   INTEGER NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (workflow, lane)
) STRICT, WITHOUT ROWID;
-- What was looked at and starts nothing, with the last reason.
CREATE TABLE skips (
    workflow TEXT    NOT NULL,
    origin   TEXT    NOT NULL,
    key      BLOB    NOT NULL,
    reason   TEXT    NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (workflow, origin, key)
) STRICT, WITHOUT ROWID;
-- How far everything that is read piece by piece was read.
CREATE TABLE cursors (
    name  TEXT    PRIMARY KEY,
    value TEXT    NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Workflow texts that may write what cannot be undone without anybody being there.
CREATE TABLE approvals (
    workflow TEXT    NOT NULL,
    digest   BLOB    NOT NULL,
    approver TEXT    NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (workflow, digest)
) STRICT, WITHOUT ROWID;
