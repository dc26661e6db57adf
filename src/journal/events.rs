//! The rows of events: writing one, reading some, and whether they are as they were written.
//!
//! What a body means is the work of `codec`. Every row carries a sum over all of it; rows that the first
//! format wrote have none. Of a job that is over one row can be many events: it stands under the number and
//! the moment of the last of them, and whoever reads events is given each.

use rusqlite::{Connection, params};

use crate::job::JobId;

use super::checksum::checksum;
use super::codec::{self, Packed};
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

/// The events of a job after one, the first so many and what stands in one row with them, in order.
pub(super) fn rows(
    connection: &Connection,
    job: JobId,
    after: i64,
    most: usize,
) -> Result<Vec<Row>, StoreError> {
    let doing = "read its events";
    let sql = format!("SELECT {COLUMNS} FROM events WHERE job = ?1 AND id > ?2 ORDER BY id");
    let mut statement = connection.prepare_cached(&sql).doing(doing)?;
    let mut rows = statement.query(params![job.0, after]).doing(doing)?;
    let mut read = Vec::new();
    while read.len() < most
        && let Some(row) = rows.next().doing(doing)?
    {
        read.extend(each(of(row)?)?.into_iter().filter(|event| event.id > after));
    }
    Ok(read)
}

/// The rows of a job's events as they are stored, after one and up to another: the first with so many events,
/// or so many bytes.
pub(super) fn stored(
    connection: &Connection,
    job: JobId,
    after: i64,
    until: i64,
    (most, most_bytes): (usize, usize),
) -> Result<Vec<Row>, StoreError> {
    let doing = "read its events";
    let sql = format!("SELECT {COLUMNS} FROM events WHERE job = ?1 AND id > ?2 AND id <= ?3 ORDER BY id");
    let mut statement = connection.prepare_cached(&sql).doing(doing)?;
    let mut rows = statement.query(params![job.0, after, until]).doing(doing)?;
    let (mut read, mut events, mut bytes) = (Vec::new(), 0, 0);
    while events < most
        && bytes < most_bytes
        && let Some(row) = rows.next().doing(doing)?
    {
        let row = of(row)?;
        bytes += row.body.len();
        events += codec::events_in(&row.body).unwrap_or(1);
        read.push(row);
    }
    Ok(read)
}

/// The events of a row.
pub(super) fn each(row: Row) -> Result<Vec<Row>, StoreError> {
    if row.kind != codec::kind::BUNDLE {
        return Ok(vec![row]);
    }
    let Row { id, job, .. } = row;
    let events = codec::unbundle(&row.body).map_err(|source| StoreError::Event { job, event: id, source })?;
    let event = |Packed { id, at_ms, body }| Row {
        id,
        job,
        kind: body.first().copied().unwrap_or_default(),
        at_ms,
        body,
    };
    Ok(events.into_iter().map(event).collect())
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
        each(of(row)?)?;
    }
    Ok(())
}
