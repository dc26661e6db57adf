//! Making the events of jobs that are over small.
//!
//! Ids and marks are most of what a bulk job writes, and once the indexes have them on the disk the
//! copies in the events serve nobody. Their events are written again without them, a slice at a time,
//! when nobody waits for the writer; the room goes back to the system when there is much of it. The
//! rule that keeps it right: only what the segments of every family cover is made small.

use std::collections::VecDeque;

use rusqlite::{Connection, params};

use crate::job::JobId;

use super::error::{Doing, StoreError};
use super::events::{self, Row};
use super::{codec, jobs};

/// Events looked at in one slice: half a megabyte when every other one is the answer to a full batch.
const SLICE: u32 = 256;
/// Pages given back in one slice, and how many there must be before any are: 8 MB, and a quarter of
/// the file. The next job fills them again.
const PAGES: u32 = 256;
const PAGES_KEPT: i64 = 1024;
const SHARE_KEPT: i64 = 4;

/// What of the jobs that are over is still to be made small.
#[derive(Debug, Default)]
pub(super) struct Compactor {
    jobs: VecDeque<Pending>,
    may_shrink: bool,
}

#[derive(Debug)]
struct Pending {
    job: JobId,
    /// The last event that was looked at, and the job's last.
    from: i64,
    to: i64,
}

impl Compactor {
    /// Finds what earlier processes left.
    pub(super) fn open(connection: &Connection) -> Result<Compactor, StoreError> {
        let mut compactor = Compactor::default();
        for job in jobs::to_compact(connection).doing("read its jobs")? {
            compactor.add(connection, job)?;
        }
        Ok(compactor)
    }

    /// Takes a job that is over.
    pub(super) fn add(&mut self, connection: &Connection, job: JobId) -> Result<(), StoreError> {
        let (from, to) = jobs::span_to_compact(connection, job).doing("read its jobs")?;
        self.jobs.retain(|pending| pending.job != job);
        self.jobs.push_back(Pending { job, from, to });
        Ok(())
    }

    /// Forgets a job that is no more.
    pub(super) fn forget(&mut self, job: JobId) {
        self.jobs.retain(|pending| pending.job != job);
    }

    /// Whether there is something to do. `covered` is the last event that every family covers.
    pub(super) fn has_work(&self, covered: i64) -> bool {
        self.may_shrink || self.jobs.iter().any(|pending| pending.can_go_on(covered))
    }

    /// Does a slice of it.
    pub(super) fn work(&mut self, connection: &Connection, covered: i64) -> Result<(), StoreError> {
        let Some(index) = self.jobs.iter().position(|pending| pending.can_go_on(covered)) else {
            self.may_shrink = shrink(connection).doing("give room back")?;
            return Ok(());
        };
        if let Some(pending) = self.jobs.get_mut(index) {
            pending.go_on(connection, covered)?;
            if pending.from >= pending.to {
                self.jobs.remove(index);
            }
            self.may_shrink = true;
        }
        Ok(())
    }
}

impl Pending {
    fn can_go_on(&self, covered: i64) -> bool {
        // A job without events is done by looking at it.
        self.from < self.to.min(covered) || self.to == 0
    }

    fn go_on(&mut self, connection: &Connection, covered: i64) -> Result<(), StoreError> {
        let doing = "make its events small";
        let until = self.to.min(covered);
        let rows = events::rows(connection, self.job, self.from, until, SLICE)?;
        self.from = match rows.last() {
            Some(last) if rows.len() == SLICE as usize => last.id,
            Some(_) | None => until,
        };
        for row in rows {
            let compact = codec::compact(&row.body);
            let compact =
                compact.map_err(|source| StoreError::Event { job: self.job, event: row.id, source })?;
            if let Some(body) = compact {
                // Taking a row out and putting it back lets SQLite join the pages around it; a row
                // that shrinks in its place would leave them half empty.
                events::remove(connection, row.id).doing(doing)?;
                events::insert(connection, &Row { body, ..row }).doing(doing)?;
            }
        }
        jobs::compacted(connection, self.job, self.from, self.from >= self.to).doing(doing)
    }
}

/// Gives a slice of pages back, if there are many; `true` while there may be more.
fn shrink(connection: &Connection) -> rusqlite::Result<bool> {
    let count = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (free, all) = (count("freelist_count")?, count("page_count")?);
    if free <= PAGES_KEPT.max(all / SHARE_KEPT) {
        return Ok(false);
    }
    give_back(connection, PAGES)?;
    // A database that cannot give pages back has as many as before.
    Ok(count("freelist_count")? < free)
}

/// Gives so many free pages back to the system.
pub(super) fn give_back(connection: &Connection, pages: u32) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query(params![])?;
    while rows.next()?.is_some() {}
    Ok(())
}
