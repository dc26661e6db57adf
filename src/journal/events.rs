//! The rows of events: writing one, reading some, and whether they are as they were written.
//!
//! What a body means is the work of `codec`. Every row carries a sum over all of it; rows that the first
//! format wrote have none.

use rusqlite::{Connection, params};

use crate::job::JobId;

use super::checksum::checksum;
use super::error::{Doing, StoreError};

/// An event as it stands in the database.
#[derive(Debug)]
pub(super) struct Row<B = Vec<u8>> {
    pub id: i64,
    pub job: JobId,
    pub kind: u8,
    /// When it was written.
    pub at_ms: i64,
    pub body: B,
}

impl<B: AsRef<[u8]>> Row<B> {
    fn sum(&self) -> u32 {
        let place = [self.id, self.job.0, i64::from(self.kind), self.at_ms];
        let place = place.iter().fold(0_u64, |sum, part| {
            (sum.rotate_left(17) ^ part.cast_unsigned()).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        checksum(place, self.body.as_ref())
    }
}

pub(super) fn insert<B: AsRef<[u8]>>(connection: &Connection, row: &Row<B>) -> rusqlite::Result<()> {
    let sql = "INSERT INTO events (id, job, kind, at_ms, body, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let values = params![row.id, row.job.0, row.kind, row.at_ms, row.body.as_ref(), row.sum()];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

pub(super) fn remove(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM events WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// The events of a job after one and up to another, the first so many, in order.
pub(super) fn rows(
    connection: &Connection,
    job: JobId,
    after: i64,
    until: i64,
    most: u32,
) -> Result<Vec<Row>, StoreError> {
    let doing = "read its events";
    let sql =
        format!("SELECT {COLUMNS} FROM events WHERE job = ?1 AND id > ?2 AND id <= ?3 ORDER BY id LIMIT ?4");
    let mut statement = connection.prepare_cached(&sql).doing(doing)?;
    let mut rows = statement.query(params![job.0, after, until, most]).doing(doing)?;
    let mut read = Vec::new();
    while let Some(row) = rows.next().doing(doing)? {
        read.push(of(row)?);
    }
    Ok(read)
}

/// The columns that [`of`] reads.
pub(super) const COLUMNS: &str = "id, job, kind, at_ms, body, sum";

/// Reads a row of [`COLUMNS`].
pub(super) fn of(row: &rusqlite::Row<'_>) -> Result<Row, StoreError> {
    let doing = "read its events";
    let read = || -> rusqlite::Result<(Row, Option<u32>)> {
        let job = JobId(row.get(1)?);
        let event = Row { id: row.get(0)?, job, kind: row.get(2)?, at_ms: row.get(3)?, body: row.get(4)? };
        Ok((event, row.get(5)?))
    };
    let (event, sum) = read().doing(doing)?;
    match sum {
        Some(sum) if sum != event.sum() => {
            Err(StoreError::Damaged { what: "an event is not as it was written" })
        }
        Some(_) | None => Ok(event),
    }
}

/// Looks at every row.
pub(super) fn verify(connection: &Connection) -> Result<(), StoreError> {
    let doing = "read its events";
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM events")).doing(doing)?;
    let mut rows = statement.query([]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        of(row)?;
    }
    Ok(())
}
