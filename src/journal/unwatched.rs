//! Leaving looks: for the requests that are done, also while others of their job still wait, and for those that
//! were given up after an erasure of theirs was accepted or left without an answer ([`ToLookAt`]).
//!
//! Whenever a process begins with a job or leaves it, and when the job closes, the requests that ended so
//! since the last time get looks of their own, in the transaction of that event; of a job that is worked on
//! for longer, or that a kill left behind, once a day. Each time has its own span of events, and no two
//! spans overlap: nobody is looked for twice. When a look is due counts from the last end in its span, so a
//! job that closes a month later changes nothing. A job that stays open leaves looks so often at first, and
//! then once a day at most: there are never more rows than days.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::codec;
use super::commit::{Committer, now_ms};
use super::error::{Doing, StoreError};
use super::events::{self, COLUMNS};
use super::watches::WATCH;
use super::{Store, jobs};
use crate::job::{Event, Fail, JobId, Status, ToLookAt, Verdict};

const DOING: &str = "write what it watches";

/// How often a job leaves looks before it is closed without anything but its own rests deciding when.
const FREELY: i64 = 16;
/// How often then, and how long at most nobody asks of a job that is worked on.
const DAY_MS: i64 = 24 * 3_600_000;

/// The open jobs that erased somebody for whom there may be no look yet, with the moment since when that is to
/// be asked.
#[derive(Debug, Default)]
pub(super) struct Unwatched {
    since: HashMap<JobId, i64>,
}

impl Unwatched {
    /// Finds what earlier processes left: asked at once.
    pub(super) fn open(connection: &Connection) -> rusqlite::Result<Unwatched> {
        let sql = format!(
            "SELECT id FROM jobs WHERE status IN (?1, ?2) AND json_extract(format, '$.{WATCH}') IS NOT NULL \
             AND EXISTS (SELECT 1 FROM events WHERE job = jobs.id AND kind IN (?3, ?4, ?5))"
        );
        let mut statement = connection.prepare(&sql)?;
        // Of a job that was over before, whoever was erased can stand in a row with others.
        let (erased, several, presumed) = (codec::kind::ERASED, codec::kind::BUNDLE, codec::kind::PRESUMED);
        let values = params![Status::Open.number(), Status::Held.number(), erased, several, presumed];
        let found = statement.query_map(values, |row| Ok((JobId(row.get(0)?), i64::MIN)))?;
        Ok(Unwatched { since: found.collect::<rusqlite::Result<_>>()? })
    }

    fn is_due(&self, job: JobId, at_ms: i64) -> bool {
        self.since.get(&job).is_some_and(|since| since.saturating_add(DAY_MS) <= at_ms)
    }

    /// Takes an event in that was written, and leaves looks where it is time for them; in its transaction.
    pub(super) fn note(
        &mut self,
        connection: &Connection,
        (job, number, at_ms): (JobId, i64, i64),
        event: &Event,
    ) -> Result<(), StoreError> {
        match event {
            // Of a job that was over, somebody who was erased before may be done only now.
            Event::Erased { .. } | Event::Presumed(_) | Event::Reopened(_) => {
                self.since.entry(job).or_insert(at_ms);
            }
            Event::Opened { .. } | Event::Stopped(_) | Event::Cancelled { .. } => {
                if !self.since.contains_key(&job) {
                    return Ok(());
                }
                let closes = jobs::status_after(event).is_some_and(Status::is_closed);
                leave(connection, job, number, if closes { i64::MAX } else { at_ms })?;
                match closes {
                    true => self.since.remove(&job),
                    // Somebody who was erased may not be done yet.
                    false => self.since.insert(job, at_ms),
                };
            }
            Event::Answered(_) | Event::Ended { .. } if self.is_due(job, at_ms) => {
                leave(connection, job, number, at_ms)?;
                self.since.insert(job, at_ms);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Store {
    /// Leaves looks for what a kill left behind, and in jobs that nobody left for a day.
    pub fn leave_looks(&self) -> Result<(), StoreError> {
        self.with_committer(Committer::leave_looks)
    }

    /// Leaves looks in a job of which requests were given up, without waiting for whoever goes on with it.
    pub fn leave_looks_of(&self, job: JobId) -> Result<(), StoreError> {
        self.with_committer(move |committer| match committer.unwatched.since.contains_key(&job) {
            true => committer.leave_looks_in(&[job]),
            false => Ok(()),
        })
    }
}

impl Committer {
    fn leave_looks(&mut self) -> Result<(), StoreError> {
        let at_ms = now_ms();
        let due: Vec<JobId> =
            self.unwatched.since.keys().copied().filter(|job| self.unwatched.is_due(*job, at_ms)).collect();
        if due.is_empty() { Ok(()) } else { self.leave_looks_in(&due) }
    }

    fn leave_looks_in(&mut self, due: &[JobId]) -> Result<(), StoreError> {
        let at_ms = now_ms();
        let transaction = self.connection.transaction().doing(DOING)?;
        for job in due {
            leave(&transaction, *job, self.last_event, at_ms)?;
        }
        transaction.commit().doing(DOING)?;
        self.unwatched.since.extend(due.iter().map(|job| (*job, at_ms)));
        Ok(())
    }
}

/// Leaves looks for what was done behind the last ones and up to an event, unless a job that stays open has
/// many and left some within a day before this moment.
fn leave(connection: &Connection, job: JobId, to_event: i64, at_ms: i64) -> Result<(), StoreError> {
    let sql = format!("SELECT json_extract(format, '$.{WATCH}') FROM jobs WHERE id = ?1");
    let after: Option<String> = connection
        .prepare_cached(&sql)
        .and_then(|mut statement| statement.query_row([job.0], |row| row.get(0)).optional())
        .doing(DOING)?
        .flatten();
    let after: Option<Vec<i64>> = after.and_then(|after| serde_json::from_str(&after).ok());
    let Some(after) = after else { return Ok(()) };
    let sql = "SELECT ifnull(max(to_event), 0), count(DISTINCT to_event) FROM watches WHERE job = ?1";
    let (from, spans): (i64, i64) = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([job.0], |row| Ok((row.get(0)?, row.get(1)?))))
        .doing(DOING)?;
    let sql = "SELECT at_ms FROM events WHERE id = ?1";
    let left_ms: Option<i64> = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([from], |row| row.get(0)).optional())
        .doing(DOING)?;
    if spans >= FREELY && left_ms.is_some_and(|left_ms| at_ms < left_ms.saturating_add(DAY_MS)) {
        return Ok(());
    }
    let Some(done_ms) = last_end_ms(connection, job, from, to_event)? else { return Ok(()) };
    let sql = "INSERT INTO watches (job, number, after_ms, from_event, to_event, due_ms) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut insert = connection.prepare_cached(sql).doing(DOING)?;
    for (look, after_ms) in (0_u32..).zip(after) {
        let due_ms = done_ms.saturating_add(after_ms);
        insert.execute(params![job.0, look, after_ms, from, to_event, due_ms]).doing(DOING)?;
    }
    Ok(())
}

/// When the last request in a span ended that is looked at, by the clock of the job; `None` if none did.
fn last_end_ms(
    connection: &Connection,
    job: JobId,
    from_event: i64,
    to_event: i64,
) -> Result<Option<i64>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE job = ?1 AND id > ?2 AND id <= ?3 AND kind IN (?4, ?5, ?6) ORDER BY id DESC"
    );
    let mut statement = connection.prepare_cached(&sql).doing(DOING)?;
    let (answered, ended, cancelled) =
        (codec::kind::ANSWERED, codec::kind::ENDED, codec::kind::CANCELLED);
    let values = params![job.0, from_event, to_event, answered, ended, cancelled];
    let mut rows = statement.query(values).doing(DOING)?;
    let (mut written_ms, mut is_any_given_up) = (None, None);
    while let Some(row) = rows.next().doing(DOING)? {
        let row = events::of(row)?;
        let event = codec::decode(&row.body);
        let event = event.map_err(|source| StoreError::Event { job, event: row.id, source })?;
        let is_given_up = || event.ends().iter().any(|ended| ended.verdict == Verdict::Failed(Fail::Cancelled));
        if written_ms.is_none() && (matches!(event, Event::Cancelled { .. }) || is_given_up()) {
            if is_any_given_up.is_none() {
                is_any_given_up = Some(gives_up(connection, job, (from_event, to_event))?);
            }
            written_ms = is_any_given_up.filter(|is_any| *is_any).map(|_| row.at_ms);
        }
        let is_done = event.ends().iter().any(|ended| ended.verdict == Verdict::Done && ended.accepted);
        match (&event, written_ms) {
            (Event::Answered(answered), None) if is_done => return Ok(Some(answered.at_ms)),
            // What ended without an answer ended later than what was answered before, by whichever clock.
            (Event::Answered(answered), Some(written_ms)) => return Ok(Some(answered.at_ms.max(written_ms))),
            (_, None) if is_done => written_ms = Some(row.at_ms),
            _ => {}
        }
    }
    Ok(written_ms)
}

/// Whether a request was given up in a span that erased somebody, or may have.
fn gives_up(connection: &Connection, job: JobId, span: (i64, i64)) -> Result<bool, StoreError> {
    let (mut fold, mut after) = (ToLookAt::behind(span.0), 0);
    loop {
        let rows = events::rows(connection, job, after, 64)?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        for row in rows.iter().filter(|row| row.id <= span.1) {
            let event = codec::decode(&row.body);
            fold.apply(row.id, &event.map_err(|source| StoreError::Event { job, event: row.id, source })?);
        }
    }
    Ok(fold.given_up().count() > 0)
}
