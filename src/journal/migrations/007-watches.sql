-- Looks whether the people whom a job erased are still gone. Nothing here names a person.
CREATE TABLE watches (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    job        INTEGER NOT NULL,  -- whose erasures
    number     INTEGER NOT NULL,  -- of the look in the workflow, from 0
    after_ms   INTEGER NOT NULL,  -- how long after the job was over
    from_event INTEGER NOT NULL,  -- of the requests that were done behind this event
    to_event   INTEGER NOT NULL,  -- and up to this one
    due_ms     INTEGER NOT NULL,
    look       INTEGER,           -- the job that looks, once there is one
    over_ms    INTEGER,           -- NULL while it is to be done, or under way
    found      TEXT               -- JSON, once it is over
) STRICT;
CREATE INDEX watches_by_job ON watches (job);
CREATE INDEX watches_due ON watches (due_ms) WHERE over_ms IS NULL;
