//! What looks at erased people ask for besides what the requests name: identifiers that only a look-up showed.
//!
//! A row for each request whose erasure covered more than the request says of its subject, written with the
//! event that ends it, so that no crash comes between; a request without one costs nothing. It is sealed with
//! a key of its own that is made then: what the run remembered is destroyed with the key of the run, as ever,
//! and nothing here needs the answers of its steps, so they may be taken out of the events at any time. Row
//! and key go with the last look of the span that the request belongs to. `forget` destroys both at once and
//! leaves an empty row: who was forgotten is not looked for, and nobody says that they are gone.

use rusqlite::{Connection, OptionalExtension, params};
use zeroize::Zeroizing;

use super::Store;
use super::error::{Doing, StoreError};
use super::keys::{Ring, Sealer, number_of};
use super::watches::WATCH;
use crate::job::{JobId, Position};

const READING: &str = "read what is looked for";

/// What is kept of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought {
    /// Nothing: what the request names is all.
    Nothing,
    /// It was destroyed, or opens no more.
    Destroyed,
    /// As it was given to [`Sealer::seal_sought`].
    Kept(Zeroizing<Vec<u8>>),
}

impl Store {
    /// What is kept of one request of a job.
    pub fn sought(&self, job: JobId, position: Position) -> Result<Sought, StoreError> {
        let connection = self.reader().lock();
        let sql = "SELECT sealed FROM sought WHERE job = ?1 AND position = ?2";
        let mut statement = connection.prepare_cached(sql).doing(READING)?;
        let sealed = statement.query_row([job.0, position.cast_signed()], |row| row.get(0)).optional();
        let sealed: Option<Vec<u8>> = sealed.doing(READING)?;
        drop(statement);
        drop(connection);
        match sealed {
            Some(sealed) => opened(&self.sealer(job)?, position, &sealed),
            None => Ok(Sought::Nothing),
        }
    }

    /// Calls `see` with everything that is kept of the requests of a job.
    pub fn each_sought(&self, job: JobId, mut see: impl FnMut(Position, Sought)) -> Result<(), StoreError> {
        let (sealer, mut after) = (self.sealer(job)?, None);
        loop {
            let rows = rows(&self.reader().lock(), job, after).doing(READING)?;
            for (position, sealed) in &rows {
                see(position.cast_unsigned(), opened(&sealer, position.cast_unsigned(), sealed)?);
            }
            match rows.last() {
                Some((position, _)) => after = Some(*position),
                None => return Ok(()),
            }
        }
    }

    /// Whether everything that erasures covered was kept of the requests of a job that were done behind one
    /// event and up to another: earlier releases kept nothing.
    pub fn keeps_sought(&self, job: JobId, from_event: i64, to_event: i64) -> Result<bool, StoreError> {
        let connection = self.reader().lock();
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM events WHERE job = ?1 AND id > ?2 \
                   AND id <= min(?3, (SELECT ifnull(max(event), 0) FROM sought_since)))";
        let mut statement = connection.prepare_cached(sql).doing(READING)?;
        statement.query_row([job.0, from_event, to_event], |row| row.get(0)).doing(READING)
    }
}

fn opened(sealer: &Sealer, position: Position, sealed: &[u8]) -> Result<Sought, StoreError> {
    match sealer.open_sought(position, sealed) {
        Ok(plain) => Ok(Sought::Kept(plain)),
        Err(StoreError::Sealed { .. }) => Ok(Sought::Destroyed),
        Err(error) => Err(error),
    }
}

/// Rows behind a position.
fn rows(connection: &Connection, job: JobId, after: Option<i64>) -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
    let sql = "SELECT position, sealed FROM sought WHERE job = ?1 AND (?2 IS NULL OR position > ?2) \
               ORDER BY position LIMIT 256";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![job.0, after], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Writes what is kept of a request with the event that ends it; empty where it could not be sealed, so that
/// nobody says that they are gone.
pub(super) fn write(
    connection: &Connection,
    (job, event): (JobId, i64),
    position: Position,
    sealed: &[u8],
) -> rusqlite::Result<()> {
    let sql =
        "INSERT OR REPLACE INTO sought (job, position, event, key_id, sealed) VALUES (?1, ?2, ?3, ?4, ?5)";
    let values = params![job.0, position.cast_signed(), event, number_of(sealed), sealed];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Forgets what is kept of some requests, whose keys are then to be destroyed. Of one of a job that watches an
/// empty row stays.
pub(super) fn forget(
    connection: &Connection,
    job: JobId,
    positions: &[Position],
    keys: &mut Vec<i64>,
) -> rusqlite::Result<()> {
    let sql = format!("SELECT json_extract(format, '$.{WATCH}') IS NOT NULL FROM jobs WHERE id = ?1");
    let watches: Option<bool> =
        connection.prepare_cached(&sql)?.query_row([job.0], |row| row.get(0)).optional()?;
    if watches != Some(true) {
        return Ok(());
    }
    let (select, write) = (
        "SELECT key_id FROM sought WHERE job = ?1 AND position = ?2",
        "INSERT INTO sought (job, position, event, key_id, sealed) VALUES (?1, ?2, 0, NULL, x'') \
         ON CONFLICT (job, position) DO UPDATE SET key_id = NULL, sealed = x''",
    );
    let (mut select, mut write) = (connection.prepare_cached(select)?, connection.prepare_cached(write)?);
    for position in positions {
        let place = [job.0, position.cast_signed()];
        let key: Option<Option<i64>> = select.query_row(place, |row| row.get(0)).optional()?;
        keys.extend(key.flatten());
        write.execute(place)?;
    }
    Ok(())
}

/// The last look of a span is over: what was kept for it goes, and gives the positions. The numbers of the keys
/// go to `keys`: they are to be destroyed when this is on the disk.
pub(super) fn span_is_over(
    connection: &Connection,
    (job, from_event, to_event): (JobId, i64, i64),
    keys: &mut Vec<i64>,
) -> rusqlite::Result<Vec<Position>> {
    let sql = "SELECT EXISTS (SELECT 1 FROM watches WHERE job = ?1 AND from_event = ?2 AND to_event = ?3 \
               AND over_ms IS NULL)";
    let place = params![job.0, from_event, to_event];
    if connection.prepare_cached(sql)?.query_row(place, |row| row.get(0))? {
        return Ok(Vec::new());
    }
    let sql = "DELETE FROM sought WHERE job = ?1 AND event > ?2 AND event <= ?3 RETURNING position, key_id";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(place, |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
    let rows: Vec<(i64, Option<i64>)> = rows.collect::<rusqlite::Result<_>>()?;
    keys.extend(rows.iter().filter_map(|(_, key)| *key));
    Ok(rows.into_iter().map(|(position, _)| position.cast_unsigned()).collect())
}

/// Forgets what was kept of a job that is no more.
pub(super) fn job_removed(connection: &Connection, job: JobId) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM sought WHERE job = ?1")?.execute([job.0])?;
    Ok(())
}

/// The numbers of the keys that are needed for looks at the requests of a job.
pub(super) fn keys_of(connection: &Connection, job: JobId) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT key_id FROM sought WHERE job = ?1 AND key_id IS NOT NULL";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map([job.0], |row| row.get(0))?.collect()
}

impl Sealer {
    /// Seals what looks are to ask for, with a key that outlives the request.
    pub fn seal_sought(&self, position: Position, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.seal_anew(position, PLACE, plain)
    }

    fn open_sought(&self, position: Position, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.open(position, PLACE, sealed)
    }
}

/// No step has such a path.
const PLACE: &str = "~sought";

impl Ring {
    /// Forgets the keys of what is not looked for any more.
    pub(super) fn not_sought(&self, job: JobId, positions: &[Position]) -> Result<Vec<i64>, StoreError> {
        match positions {
            [] => Ok(Vec::new()),
            some => self.of_runs(job, some),
        }
    }
}
