-- What looks ask for besides what a request names: identifiers that its erasure covered, sealed. Nothing here
-- names a person.
CREATE TABLE sought (
    job      INTEGER NOT NULL,  -- that erased
    position INTEGER NOT NULL,
    event    INTEGER NOT NULL,  -- with which the request was done; 0 where it had nothing and was forgotten
    key_id   INTEGER,           -- NULL where the person was forgotten
    sealed   BLOB    NOT NULL,
    PRIMARY KEY (job, position)
) STRICT, WITHOUT ROWID;
-- Requests that were done up to this event left nothing of the kind.
CREATE TABLE sought_since (event INTEGER NOT NULL) STRICT;
INSERT INTO sought_since SELECT ifnull(max(id), 0) FROM events;
