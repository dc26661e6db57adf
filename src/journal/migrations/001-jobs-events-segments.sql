CREATE TABLE jobs (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow_name   TEXT    NOT NULL,
    workflow_digest BLOB    NOT NULL,
    workflow_text   TEXT    NOT NULL,
    input_path      TEXT    NOT NULL,
    input_digest    BLOB    NOT NULL,
    format          TEXT    NOT NULL,  -- JSON
    started_ms      INTEGER NOT NULL,
    sandbox         INTEGER NOT NULL,
    status          INTEGER NOT NULL   -- number of job::Status; a cache of what the events say
) STRICT;
CREATE INDEX jobs_by_content ON jobs (workflow_name, workflow_digest, input_digest);

-- `id` numbers the events of all jobs in the order they happened; it is never used again.
CREATE TABLE events (
    id    INTEGER PRIMARY KEY,
    job   INTEGER NOT NULL,
    kind  INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,            -- when it was written
    body  BLOB    NOT NULL
) STRICT;
CREATE INDEX events_by_job ON events (job);

-- Sorted runs of fixed-size records with a filter; `tier` grows as they are merged.
CREATE TABLE segments (
    id      INTEGER PRIMARY KEY,
    family  INTEGER NOT NULL,
    tier    INTEGER NOT NULL,
    records INTEGER NOT NULL,
    filter  BLOB    NOT NULL,
    fences  BLOB    NOT NULL           -- the first key of every block
) STRICT;
CREATE TABLE blocks (
    id      INTEGER PRIMARY KEY,       -- segment * 2^32 + number
    records BLOB    NOT NULL
) STRICT;
-- The last event that the segments of a family cover.
CREATE TABLE watermarks (
    family INTEGER PRIMARY KEY,
    event  INTEGER NOT NULL
) STRICT;

-- People irreversibly written to, for the guard's rolling hour.
CREATE TABLE irreversible (
    workspace TEXT    NOT NULL,
    at_ms     INTEGER NOT NULL,
    people    INTEGER NOT NULL,
    PRIMARY KEY (workspace, at_ms)
) STRICT, WITHOUT ROWID;
