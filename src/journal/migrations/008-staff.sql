-- Who works in the tenants of OneTrust: users, groups, organisations, what users did last. Records are sealed;
-- nothing else in a row names a person. What OneTrust says can always be read again.
CREATE TABLE staff (
    tenant     TEXT    NOT NULL,                    -- the workspace of the profile
    kind       INTEGER NOT NULL,
    id         BLOB    NOT NULL,                    -- a digest of OneTrust's id
    seen       INTEGER NOT NULL,                    -- number of the sync that saw it last
    first_ms   INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    gone_ms    INTEGER,                             -- when it was no longer there
    digest     BLOB    NOT NULL,                    -- of the record, so that the same is not written again
    record     BLOB    NOT NULL,
    PRIMARY KEY (tenant, kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX staff_seen ON staff (tenant, kind, seen) WHERE gone_ms IS NULL;

-- How far each tenant was read: `cursor` while a sync is under way, `told` by the last one that ended.
CREATE TABLE staff_syncs (
    tenant      TEXT    PRIMARY KEY,
    number      INTEGER NOT NULL,
    started_ms  INTEGER NOT NULL,
    cursor      TEXT,
    finished_ms INTEGER,
    told        TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
