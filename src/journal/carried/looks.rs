//! Looks at erased people, taken over with all that they need: nobody who was erased after the backup goes unwatched.
//!
//! A look reads the events of the job that erased, the records of its window, and what else its people are sought
//! by, whose keys stand beside the store and outlive the restore. So jobs that watch, and jobs that look, are taken
//! over whole, as they stand: what is open goes on where it was, and what was looked at already is not looked at
//! again. The replaced store goes on where the backup ends, so rows of the same number are the same; where it went
//! on another way, nothing is taken over. Both sides are of one format.

use std::collections::HashSet;

use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::super::error::{Doing, StoreError};
use super::super::watches::WATCH;
use super::super::{codec, events};
use super::Side;
use crate::job::JobId;
use crate::journal::JobRecord;

const DOING: &str = "take over looks of the replaced store";

/// What was taken over.
#[derive(Default)]
pub(super) struct Looks {
    /// Looks that are still to come and that the backup does not know.
    pub count: u64,
    /// The jobs that watch or look.
    pub jobs: HashSet<JobId>,
}

/// Takes over what the replaced store knows; all of it or nothing.
pub(super) fn carry(known: &Connection, to: &Connection) -> Result<Looks, Side> {
    let jobs = watching(known).map_err(read)?;
    let transaction = to.unchecked_transaction().doing(DOING).map_err(Side::Written)?;
    let before = to_come(&transaction).map_err(written)?;
    for job in &jobs {
        let job = *job;
        if stand(known, job).map_err(read)? == stand(&transaction, job).map_err(written)? {
            continue;
        }
        is_whole(known, job).map_err(|_| Side::Read)?;
        transaction.execute("DELETE FROM events WHERE job = ?1", [job.0]).map_err(written)?;
        // A window of the backup may have got its job after it.
        for (table, of) in [("jobs", "id"), ("events", "job"), ("windows", "job")] {
            copy(known, &transaction, table, &format!("WHERE {of} = ?1"), Some(job))?;
        }
        let of_windows = "WHERE window IN (SELECT id FROM windows WHERE job = ?1)";
        transaction.execute(&format!("DELETE FROM inbox {of_windows}"), [job.0]).map_err(written)?;
        copy(known, &transaction, "inbox", of_windows, Some(job))?;
    }
    for table in ["watches", "sought", "sought_since"] {
        transaction.execute(&format!("DELETE FROM {table}"), []).map_err(written)?;
        copy(known, &transaction, table, "", None)?;
    }
    let after = to_come(&transaction).map_err(written)?;
    transaction.commit().doing(DOING).map_err(Side::Written)?;
    Ok(Looks { count: after.difference(&before).count() as u64, jobs: jobs.into_iter().collect() })
}

fn read(_: rusqlite::Error) -> Side {
    Side::Read
}

fn written(source: rusqlite::Error) -> Side {
    Side::Written(StoreError::Sqlite { doing: DOING, source })
}

/// The jobs that watch whom they erased, and those that look.
fn watching(known: &Connection) -> rusqlite::Result<Vec<JobId>> {
    let sql = format!(
        "SELECT id FROM jobs WHERE json_extract(format, '$.{WATCH}') IS NOT NULL \
         OR json_extract(format, '$.{}') IS NOT NULL ORDER BY id",
        JobRecord::LOOKS_AT
    );
    let mut statement = known.prepare(&sql)?;
    statement.query_map([], |row| row.get(0).map(JobId))?.collect()
}

/// The numbers of the looks that are not over.
fn to_come(connection: &Connection) -> rusqlite::Result<HashSet<i64>> {
    let mut statement = connection.prepare("SELECT id FROM watches WHERE over_ms IS NULL")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// What differs where a job went on, or its events were packed since; `None` without it.
fn stand(connection: &Connection, job: JobId) -> rusqlite::Result<Option<[i64; 5]>> {
    let sql = "SELECT status, keeps_key, compacted, ifnull((SELECT max(id) FROM events WHERE job = ?1), 0), \
               (SELECT count(*) FROM inbox JOIN windows ON windows.id = window WHERE job = ?1) \
               FROM jobs WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([job.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]))
}

/// Reads every event of a job: what is damaged must not replace what the backup has.
fn is_whole(known: &Connection, job: JobId) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let rows = events::rows(known, job, after, 64)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id;
        for row in &rows {
            codec::decode(&row.body).map_err(|source| StoreError::Event { job, event: row.id, source })?;
        }
    }
}

/// Copies rows of a table, in place of those of the same number.
fn copy(known: &Connection, to: &Connection, table: &str, of: &str, job: Option<JobId>) -> Result<(), Side> {
    let mut select = known.prepare_cached(&format!("SELECT * FROM {table} {of}")).map_err(read)?;
    let columns = select.column_names().collect::<Vec<_>>().join(", ");
    let count = select.column_count();
    let places = vec!["?"; count].join(", ");
    let insert = format!("INSERT OR REPLACE INTO {table} ({columns}) VALUES ({places})");
    let mut insert = to.prepare_cached(&insert).map_err(written)?;
    let mut rows = match job {
        Some(job) => select.query(params![job.0]),
        None => select.query([]),
    }
    .map_err(read)?;
    while let Some(row) = rows.next().map_err(read)? {
        let values = (0..count).map(|column| row.get(column)).collect::<rusqlite::Result<Vec<Value>>>();
        insert.execute(params_from_iter(values.map_err(read)?)).map_err(written)?;
    }
    Ok(())
}
