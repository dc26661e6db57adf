//! Making the events of jobs that are over small.
//!
//! Ids and marks are most of what a bulk job writes, and once the indexes have them on the disk the
//! copies in the events serve nobody. What a step answered serves whoever tries its request again: it is sealed
//! with the key of the request, and once that key is destroyed nobody can open it. So an output goes when its
//! key is gone, or the job needs none: what is kept on purpose, because it may be tried again, is looked at
//! again or is within its retention, has its key. Whoever lets keys go later has the job made small once more.
//! Events are written again without all that, many in one row, a slice at a time,
//! when nobody waits for the writer; the room goes back to the system when there is much of it. The
//! rule that keeps it right: only what the segments of every family cover is made small.

use std::collections::VecDeque;

use rusqlite::{Connection, params};

use crate::job::JobId;

use super::codec::Packed;
use super::error::{Doing, StoreError};
use super::events::{self, Row};
use super::keys::{Outputs, Ring};
use super::{codec, jobs};

/// Events looked at in one slice, and about how many bytes of them: a few milliseconds. Those of a slice become
/// one row, or as many as there were.
const SLICE: (usize, usize) = (4096, 256 * 1024);
/// Bytes of the events in one row at most, unless one event has more.
const MOST_TOGETHER: usize = 1 << 20;
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

    /// Room was made elsewhere, which may be given back.
    pub(super) fn may_shrink(&mut self) {
        self.may_shrink = true;
    }

    /// Whether there is something to do. `covered` is the last event that every family covers.
    pub(super) fn has_work(&self, covered: i64) -> bool {
        self.may_shrink || self.jobs.iter().any(|pending| pending.can_go_on(covered))
    }

    /// Does a slice of it.
    pub(super) fn work(
        &mut self,
        connection: &Connection,
        covered: i64,
        ring: &Ring,
    ) -> Result<(), StoreError> {
        let Some(index) = self.jobs.iter().position(|pending| pending.can_go_on(covered)) else {
            self.may_shrink = shrink(connection).doing("give room back")?;
            return Ok(());
        };
        if let Some(pending) = self.jobs.get_mut(index) {
            pending.go_on(connection, covered, ring)?;
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

    fn go_on(&mut self, connection: &Connection, covered: i64, ring: &Ring) -> Result<(), StoreError> {
        let doing = "make its events small";
        let until = self.to.min(covered);
        let needs_key = jobs::needs_key(connection, self.job).doing(doing)?;
        let outputs = if needs_key { ring.outputs(self.job)? } else { Outputs::None };
        let rows = events::stored(connection, self.job, self.from, until, SLICE)?;
        let last = rows.last().map_or(until, |row| row.id);
        let mut together = Together::default();
        for row in rows {
            if !codec::may_be_bundled(row.kind) && row.kind != codec::kind::BUNDLE {
                together.write(connection, self.job).doing(doing)?;
                continue;
            }
            let row_id = row.id;
            let events = events::each(row)?;
            let bytes = events.iter().map(|event| event.body.len()).sum::<usize>();
            if events.len() + together.events.len() > SLICE.0 || bytes + together.bytes > MOST_TOGETHER {
                together.write(connection, self.job).doing(doing)?;
            }
            together.rows.push(row_id);
            together.bytes += bytes;
            for Row { id, at_ms, body, .. } in events {
                let small = codec::compact(&body, |output| outputs.has(output));
                let small = small.map_err(|source| StoreError::Event { job: self.job, event: id, source })?;
                together.is_changed |= small.is_some();
                together.events.push(Packed { id, at_ms, body: small.unwrap_or(body) });
            }
        }
        together.write(connection, self.job).doing(doing)?;
        // The next slice begins behind what was read: when that was all, behind the end.
        self.from = last;
        if events::stored(connection, self.job, self.from, until, (1, 1))?.is_empty() {
            self.from = until;
        }
        jobs::compacted(connection, self.job, self.from, self.from >= self.to).doing(doing)
    }
}

/// Events that become one row.
#[derive(Debug, Default)]
struct Together {
    /// The rows in which they stood.
    rows: Vec<i64>,
    events: Vec<Packed>,
    /// How many bytes they had.
    bytes: usize,
    /// Some of them was made smaller.
    is_changed: bool,
}

impl Together {
    /// Writes them in place of the rows in which they stood, and is empty again.
    fn write(&mut self, connection: &Connection, job: JobId) -> rusqlite::Result<()> {
        let Together { rows, events, bytes: _, is_changed } = std::mem::take(self);
        let Some(last) = events.last().filter(|_| is_changed || rows.len() > 1) else { return Ok(()) };
        let (id, at_ms) = (last.id, last.at_ms);
        // Taking a row out and putting it back lets SQLite join the pages around it; a row
        // that shrinks in its place would leave them half empty.
        for row in rows {
            events::remove(connection, row)?;
        }
        let body = match events.as_slice() {
            [only] => only.body.clone(),
            several => codec::bundle(several),
        };
        let kind = body.first().copied().unwrap_or_default();
        events::insert(connection, &Row { id, job, kind, at_ms, body })
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
