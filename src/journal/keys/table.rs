//! The file with the wrapped keys: a small database of its own, in which what is deleted is overwritten.
//!
//! A number is never given twice. Commits are on the disk when they return; after a deletion the log is
//! emptied too, so that no page of it has the key any more.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};

use super::super::directory::{file, make_file_private, sync};
use super::super::error::{Doing, StoreError};
use super::master::Print;
use crate::job::{JobId, Position};

/// The file's name.
pub(in crate::journal) const TABLE: &str = "keys.db";

const TABLES: &str = "
    CREATE TABLE about (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE keys (
        id       INTEGER PRIMARY KEY AUTOINCREMENT,
        job      INTEGER,           -- NULL for a record that came in
        position INTEGER,
        wrapped  BLOB    NOT NULL
    ) STRICT;
    CREATE INDEX keys_by_job ON keys (job, position) WHERE job IS NOT NULL;
    PRAGMA user_version = 1;";

const READING: &str = "read its keys";
pub(super) const WRITING: &str = "write its keys";

/// A wrapped key as it is stored.
pub(super) struct Row {
    pub number: i64,
    /// `None` for a record that came in.
    pub run: Option<(JobId, Position)>,
    pub wrapped: Vec<u8>,
}

/// The file, open.
#[derive(Debug)]
pub(super) struct Table {
    connection: Connection,
    path: PathBuf,
}

impl Table {
    /// Opens the file of a folder for the owner of the store; it is made if there is none.
    pub(super) fn open(folder: &Path) -> Result<Table, StoreError> {
        let path = folder.join(TABLE);
        make_file_private(&path)?;
        let doing = "open its keys";
        let connection = Connection::open(&path).doing(doing)?;
        let prepare = || -> rusqlite::Result<()> {
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.pragma_update(None, "secure_delete", true)?;
            connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
            connection.pragma_update(None, "synchronous", "full")?;
            connection.pragma_update(None, "cache_size", -1024)
        };
        prepare().doing(doing)?;
        let mut table = Table { connection, path };
        match table.version()? {
            0 => {
                table.make()?;
                sync(folder).map_err(file("write", &table.path))?;
            }
            1 if table.is_unnamed()? => table.set("identity", &random_identity()?)?,
            1 => {}
            found => return Err(StoreError::Newer { path: table.path, found, known: 1 }),
        }
        Ok(table)
    }

    /// Opens the file of a folder to read it only; `None` if there is none.
    pub(super) fn look(folder: &Path) -> Result<Option<Table>, StoreError> {
        let path = folder.join(TABLE);
        if !path.exists() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags).doing(READING)?;
        connection.busy_timeout(Duration::from_secs(5)).doing(READING)?;
        let table = Table { connection, path };
        match table.version()? {
            0 => Ok(None),
            1 if table.is_unnamed()? => Ok(None),
            1 => Ok(Some(table)),
            found => Err(StoreError::Newer { path: table.path, found, known: 1 }),
        }
    }

    fn version(&self) -> Result<i64, StoreError> {
        self.connection.pragma_query_value(None, "user_version", |row| row.get(0)).doing(READING)
    }

    fn make(&mut self) -> Result<(), StoreError> {
        let identity = random_identity()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = transaction.doing(WRITING)?;
        transaction.execute_batch(TABLES).doing(WRITING)?;
        set(&transaction, "identity", &identity).doing(WRITING)?;
        transaction.commit().doing(WRITING)
    }

    /// An earlier release could be killed between making the file and naming it: no key is in such a file. One
    /// that has keys and no name is damaged.
    fn is_unnamed(&self) -> Result<bool, StoreError> {
        Ok(self.about("identity")?.is_none() && self.last()? == 0)
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Tells this file from that of another store.
    pub(super) fn identity(&self) -> Result<Vec<u8>, StoreError> {
        self.about("identity")?.ok_or(StoreError::Damaged { what: "the file of its keys has no name" })
    }

    /// With which master key the keys are wrapped; `None` as long as there never was one.
    pub(super) fn print(&self) -> Result<Option<Print>, StoreError> {
        Ok(self.about("master")?.and_then(|value| value.first_chunk().copied()))
    }

    /// The last event of the journal of which every end is known here.
    pub(super) fn swept_to(&self) -> Result<i64, StoreError> {
        let value = self.about("swept_to")?;
        Ok(value.and_then(|value| value.first_chunk().copied()).map_or(0, i64::from_le_bytes))
    }

    fn about(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT value FROM about WHERE name = ?1";
        self.connection.query_row(sql, [name], |row| row.get(0)).optional().doing(READING)
    }

    fn set(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        set(&self.connection, name, value).doing(WRITING)
    }

    pub(super) fn set_print(&self, print: Print) -> Result<(), StoreError> {
        self.set("master", &print)
    }

    /// The highest number that was ever given.
    pub(super) fn last(&self) -> Result<i64, StoreError> {
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'keys'";
        Ok(self.connection.query_row(sql, [], |row| row.get(0)).optional().doing(READING)?.unwrap_or(0))
    }

    /// The wrapped key of a number.
    pub(super) fn wrapped(&self, number: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT wrapped FROM keys WHERE id = ?1";
        let mut statement = self.connection.prepare_cached(sql).doing(READING)?;
        statement.query_row([number], |row| row.get(0)).optional().doing(READING)
    }

    /// The wrapped keys of a job.
    pub(super) fn of_job(&self, job: JobId) -> Result<Vec<(Position, i64, Vec<u8>)>, StoreError> {
        let sql = "SELECT position, id, wrapped FROM keys WHERE job = ?1 ORDER BY position, id";
        let mut statement = self.connection.prepare_cached(sql).doing(READING)?;
        let rows = statement
            .query_map([job.0], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?, row.get(2)?)));
        rows.doing(READING)?.collect::<rusqlite::Result<_>>().doing(READING)
    }

    /// The jobs that have keys.
    pub(super) fn jobs(&self) -> Result<Vec<JobId>, StoreError> {
        let sql = "SELECT DISTINCT job FROM keys WHERE job IS NOT NULL ORDER BY job";
        let mut statement = self.connection.prepare(sql).doing(READING)?;
        let rows = statement.query_map([], |row| row.get(0).map(JobId)).doing(READING)?;
        rows.collect::<rusqlite::Result<_>>().doing(READING)
    }

    /// The numbers of keys of records that came in, in order.
    pub(super) fn of_inbox(&self) -> Result<Vec<i64>, StoreError> {
        let sql = "SELECT id FROM keys WHERE job IS NULL ORDER BY id";
        let mut statement = self.connection.prepare(sql).doing(READING)?;
        let rows = statement.query_map([], |row| row.get(0)).doing(READING)?;
        rows.collect::<rusqlite::Result<_>>().doing(READING)
    }

    /// The numbers of all keys.
    pub(super) fn numbers(&self) -> Result<HashSet<i64>, StoreError> {
        let mut statement = self.connection.prepare("SELECT id FROM keys").doing(READING)?;
        let rows = statement.query_map([], |row| row.get(0)).doing(READING)?;
        rows.collect::<rusqlite::Result<_>>().doing(READING)
    }

    /// Writes new keys and destroys others, all or none. `swept_to`: every end up to that event is among
    /// what is destroyed now or was before.
    pub(super) fn write(&mut self, new: &[Row], gone: &[i64], swept_to: i64) -> Result<(), StoreError> {
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            {
                let sql = "INSERT INTO keys (id, job, position, wrapped) VALUES (?1, ?2, ?3, ?4)";
                let mut insert = transaction.prepare_cached(sql)?;
                for Row { number, run, wrapped } in new {
                    let job = run.map(|(job, _)| job.0);
                    let position = run.map(|(_, position)| position.cast_signed());
                    insert.execute(params![number, job, position, wrapped])?;
                }
                let mut delete = transaction.prepare_cached("DELETE FROM keys WHERE id = ?1")?;
                for number in gone {
                    delete.execute([number])?;
                }
            }
            set(&transaction, "swept_to", &swept_to.to_le_bytes())?;
            transaction.commit()
        };
        write().doing(WRITING)
    }

    /// Gives the room of keys that were destroyed back to the system, if it is most of the file. Nothing of it
    /// is copied to another place.
    pub(super) fn give_room_back(&self) -> Result<(), StoreError> {
        let count = |name| self.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let (free, all) = (count("freelist_count").doing(READING)?, count("page_count").doing(READING)?);
        if free * 2 < all {
            return Ok(());
        }
        self.connection.execute_batch("PRAGMA temp_store = memory; VACUUM").doing(WRITING)?;
        self.empty_log().map(|_| ())
    }

    /// Empties the log. A reader that looks just now can hinder that; then `false`.
    pub(super) fn empty_log(&self) -> Result<bool, StoreError> {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 = self.connection.query_row(sql, [], |row| row.get(0)).doing(WRITING)?;
        Ok(busy == 0)
    }
}

fn random_identity() -> Result<[u8; 16], StoreError> {
    let mut identity = [0; 16];
    getrandom::fill(&mut identity).map_err(StoreError::Random)?;
    Ok(identity)
}

pub(super) fn set(connection: &Connection, name: &str, value: &[u8]) -> rusqlite::Result<()> {
    let sql = "INSERT INTO about (name, value) VALUES (?1, ?2) \
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    connection.prepare_cached(sql)?.execute(params![name, value])?;
    Ok(())
}
