//! Connections to the store's database, and its numbered migrations.
//!
//! The format's number is SQLite's `user_version`. A migration is never edited once released; a
//! database with a higher number than we know is refused, because guessing at what a later release
//! meant could lose an opt-out.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::{Doing, StoreError};
use super::made;

const MIGRATIONS: &[&str] = &[
    include_str!("migrations/001-jobs-events-segments.sql"),
    include_str!("migrations/002-marks-and-second-tries.sql"),
    include_str!("migrations/003-inbox.sql"),
    include_str!("migrations/004-ledger.sql"),
    include_str!("migrations/005-gate.sql"),
    include_str!("migrations/006-keys.sql"),
    include_str!("migrations/007-watches.sql"),
    include_str!("migrations/008-staff.sql"),
    include_str!("migrations/009-sought.sql"),
    include_str!("migrations/010-packed.sql"),
    include_str!("migrations/011-gate-keys.sql"),
];

/// Bytes in a page. An event of a full batch is about two kilobytes: a page holds three of them, and
/// two blocks of a segment.
const PAGE_BYTES: i64 = 8192;
/// Pages in the log before they are moved into the database: 16 MB. Longer logs rewrite the same
/// pages less often; shorter ones are read faster after a crash.
const CHECKPOINT_PAGES: i64 = 2048;
/// Kilobytes of pages that the writer and each reader keep; negative is SQLite's sign for that unit.
const WRITER_CACHE: i64 = -4096;
const READER_CACHE: i64 = -2048;

/// The one connection that writes, to a database that is there. Every commit is on the disk when it returns.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    // Not even opened: SQLite removes the log of an empty file.
    if !made::is_filled(path)? {
        return Err(StoreError::Lost { database: path.to_owned() });
    }
    let (connection, found) = opened(path)?;
    if found == 0 {
        return Err(StoreError::Lost { database: path.to_owned() });
    }
    brought_up_to_date(connection, path, found)
}

/// As [`open_writer`]; a database that is not there, or was not set up to the end, is set up.
pub(super) fn open_or_make(path: &Path) -> Result<Connection, StoreError> {
    let (connection, found) = opened(path)?;
    let connection = brought_up_to_date(connection, path, found)?;
    // From the log into the file: what is written behind it tells that the database was set up. An earlier start may
    // have been killed right before it did this.
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    connection.query_row(checkpoint, [], |_| Ok(())).doing("set its database up")?;
    Ok(connection)
}

fn opened(path: &Path) -> Result<(Connection, i64), StoreError> {
    let mut connection = Connection::open(path).doing("open its database")?;
    prepare_writer(&mut connection).doing("prepare its database")?;
    let found = version(&connection)?;
    Ok((connection, found))
}

fn brought_up_to_date(mut connection: Connection, path: &Path, found: i64) -> Result<Connection, StoreError> {
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    for (number, migration) in (1_i64..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        migrate(&mut connection, number, migration).doing("bring its database up to date")?;
    }
    Ok(connection)
}

/// The earliest format of which a database can be copied as it is: it has a place for when it was copied.
const COPIED: i64 = 2;

/// A connection that only reads, beside the writer, of this process or another.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    open_reader_of(path, MIGRATIONS.len() as i64)
}

/// The same of a database that an earlier release may have written, to be copied as it is.
pub(super) fn open_to_copy(path: &Path) -> Result<Connection, StoreError> {
    open_reader_of(path, COPIED)
}

fn open_reader_of(path: &Path, oldest: i64) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).doing("open its database for reading")?;
    connection.busy_timeout(Duration::from_secs(5)).doing("open its database for reading")?;
    connection.pragma_update(None, "cache_size", READER_CACHE).doing("open its database for reading")?;
    let found = version(&connection)?;
    let known = MIGRATIONS.len() as i64;
    match found {
        _ if found > known => Err(StoreError::Newer { path: path.to_owned(), found, known }),
        0 => Err(StoreError::Damaged { what: "its database is not set up" }),
        _ if found < oldest => Err(StoreError::Older { path: path.to_owned(), found }),
        _ => Ok(connection),
    }
}

fn prepare_writer(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(32);
    // The page size must come before the first table and before the log.
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    // So that room can be given back a slice at a time.
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", 2 * CHECKPOINT_PAGES * PAGE_BYTES)?;
    // What is deleted is overwritten where its page is written anyway; what it was sealed with is destroyed elsewhere.
    connection.pragma_update(None, "secure_delete", "fast")?;
    connection.pragma_update(None, "cache_size", WRITER_CACHE)
}

fn version(connection: &Connection) -> Result<i64, StoreError> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).doing("read its format")
}

fn migrate(connection: &mut Connection, number: i64, migration: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(migration)?;
    transaction.pragma_update(None, "user_version", number)?;
    transaction.commit()
}
