//! Leaving looks: for the requests that are done, also while others of their job still wait, and for those that
//! were given up after an erasure of theirs was accepted or left without an answer ([`ToLookAt`]).
//!
//! Whenever a process begins with a job or leaves it, and when the job closes, the requests that ended so
//! since the last time get looks of their own, those that were given up apart, in the transaction of that event; of a job that is worked on
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
use crate::job::{Ended, Event, Fail, JobId, Status, ToLookAt, Verdict};

const DOING: &str = "write what it watches";

/// How often a job leaves looks before it is closed without anything but its own rests deciding when.
const FREELY: i64 = 16;
/// How often then, and how long at most nobody asks of a job that is worked on.
const DAY_MS: i64 = 24 * 3_600_000;

/// The open jobs that erased somebody for whom there may be no look yet, with the moment since when that is to
/// be asked.
#[derive(Debug, Default)]
pub(super) struct Unwatched {
    since: HashMap<JobId, Since>,
}

#[derive(Debug, Clone, Copy)]
struct Since {
    at_ms: i64,
    /// Requests may have been given up that have no look yet.
    gives_up: bool,
}

impl Since {
    /// After it was time for looks: whoever has none because they are many is asked for once more.
    fn after(self, is_left: bool, at_ms: i64) -> Since {
        Since { at_ms, gives_up: self.gives_up && !is_left }
    }
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
        let found = statement
            .query_map(values, |row| Ok((JobId(row.get(0)?), Since { at_ms: i64::MIN, gives_up: true })))?;
        Ok(Unwatched { since: found.collect::<rusqlite::Result<_>>()? })
    }

    fn is_due(&self, job: JobId, at_ms: i64) -> bool {
        self.since.get(&job).is_some_and(|since| since.at_ms.saturating_add(DAY_MS) <= at_ms)
    }

    /// Takes an event in that was written, and leaves looks where it is time for them; in its transaction.
    pub(super) fn note(
        &mut self,
        connection: &Connection,
        (job, number, at_ms): (JobId, i64, i64),
        event: &Event,
    ) -> Result<(), StoreError> {
        let gives_up = match event {
            Event::Presumed(_) | Event::Cancelled { .. } => true,
            Event::Ended { ended } => ended.iter().any(is_given_up),
            _ => false,
        };
        if gives_up && let Some(since) = self.since.get_mut(&job) {
            since.gives_up = true;
        }
        match event {
            // Of a job that was over, somebody who was erased before may be done only now.
            Event::Erased { .. } | Event::Presumed(_) | Event::Reopened(_) => {
                // Of what an earlier process did it is not known.
                let gives_up = !matches!(event, Event::Erased { .. });
                self.since.entry(job).or_insert(Since { at_ms, gives_up });
            }
            Event::Opened { .. } | Event::Stopped(_) | Event::Cancelled { .. } => {
                let Some(since) = self.since.get(&job).copied() else { return Ok(()) };
                let closes = jobs::status_after(event).is_some_and(Status::is_closed);
                let end = (number, if closes { i64::MAX } else { at_ms });
                let is_left = leave(connection, job, end, since.gives_up)?;
                match closes {
                    true => self.since.remove(&job),
                    // Somebody who was erased may not be done yet.
                    false => self.since.insert(job, since.after(is_left, at_ms)),
                };
            }
            Event::Answered(_) | Event::Ended { .. } if self.is_due(job, at_ms) => {
                if let Some(since) = self.since.get(&job).copied() {
                    let is_left = leave(connection, job, (number, at_ms), since.gives_up)?;
                    self.since.insert(job, since.after(is_left, at_ms));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn is_given_up(ended: &Ended) -> bool {
    ended.verdict == Verdict::Failed(Fail::Cancelled)
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
        let mut after = Vec::with_capacity(due.len());
        for job in due {
            if let Some(since) = self.unwatched.since.get(job).copied() {
                let is_left = leave(&transaction, *job, (self.last_event, at_ms), since.gives_up)?;
                after.push((*job, since.after(is_left, at_ms)));
            }
        }
        transaction.commit().doing(DOING)?;
        self.unwatched.since.extend(after);
        Ok(())
    }
}

/// Leaves looks for what ended behind the last ones and up to an event; `false` where a job that stays open has
/// many and left some within a day before that moment. `gives_up`: some of it may have been given up.
fn leave(
    connection: &Connection,
    job: JobId,
    (to_event, at_ms): (i64, i64),
    gives_up: bool,
) -> Result<bool, StoreError> {
    let sql = format!("SELECT json_extract(format, '$.{WATCH}') FROM jobs WHERE id = ?1");
    let after: Option<String> = connection
        .prepare_cached(&sql)
        .and_then(|mut statement| statement.query_row([job.0], |row| row.get(0)).optional())
        .doing(DOING)?
        .flatten();
    let after: Option<Vec<i64>> = after.and_then(|after| serde_json::from_str(&after).ok());
    let Some(after) = after else { return Ok(true) };
    let sql = "SELECT ifnull(max(to_event), 0), count(DISTINCT to_event) FROM watches WHERE job = ?1";
    let (mut from, spans): (i64, i64) = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([job.0], |row| Ok((row.get(0)?, row.get(1)?))))
        .doing(DOING)?;
    let sql = "SELECT at_ms FROM events WHERE id = ?1";
    let left_ms: Option<i64> = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([from], |row| row.get(0)).optional())
        .doing(DOING)?;
    if spans >= FREELY && left_ms.is_some_and(|left_ms| at_ms < left_ms.saturating_add(DAY_MS)) {
        return Ok(false);
    }
    let spans = match gives_up {
        true => apart(connection, job, (from, to_event))?,
        false => {
            let done_ms = last_done_ms(connection, job, from, to_event)?;
            done_ms.map(|end_ms| Span { to_event, end_ms, is_given_up: false }).into_iter().collect()
        }
    };
    let sql = "INSERT INTO watches (job, number, after_ms, from_event, to_event, due_ms) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut insert = connection.prepare_cached(sql).doing(DOING)?;
    for Span { to_event, end_ms, .. } in spans {
        for (look, after_ms) in (0_u32..).zip(&after) {
            let due_ms = end_ms.saturating_add(*after_ms);
            insert.execute(params![job.0, look, after_ms, from, to_event, due_ms]).doing(DOING)?;
        }
        from = to_event;
    }
    Ok(true)
}

/// Events of a job whose requests are looked at together.
struct Span {
    to_event: i64,
    /// When the last of its requests ended, by the clock of the job.
    end_ms: i64,
    is_given_up: bool,
}

/// What ended in a span, apart: a look at somebody whose request was given up never erases them again, whatever
/// one at those that were done does.
fn apart(connection: &Connection, job: JobId, (from, to): (i64, i64)) -> Result<Vec<Span>, StoreError> {
    let (mut fold, mut after) = (ToLookAt::behind(from), 0);
    let (mut spans, mut answered_ms): (Vec<Span>, i64) = (Vec::new(), i64::MIN);
    loop {
        let rows = events::rows(connection, job, after, 64)?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        for row in rows.iter().filter(|row| row.id <= to) {
            let event = codec::decode(&row.body);
            let event = event.map_err(|source| StoreError::Event { job, event: row.id, source })?;
            let before = (fold.count(), fold.given_up().count());
            fold.apply(row.id, &event);
            let (count, given_up) = (fold.count(), fold.given_up().count());
            let own_ms = match &event {
                Event::Answered(answered) => answered.at_ms,
                _ => row.at_ms,
            };
            if let Event::Answered(answered) = &event {
                answered_ms = answered_ms.max(answered.at_ms);
            }
            if count <= before.0 {
                continue;
            }
            // What ended without an answer ended later than what was answered before, by whichever clock.
            let (is_given_up, end_ms) = (given_up > before.1, own_ms.max(answered_ms));
            match spans.last_mut().filter(|span| span.is_given_up == is_given_up) {
                Some(span) => (span.to_event, span.end_ms) = (row.id, end_ms),
                None => spans.push(Span { to_event: row.id, end_ms, is_given_up }),
            }
        }
    }
    // Nothing behind it is left for the next time.
    spans.last_mut().into_iter().for_each(|span| span.to_event = to);
    Ok(spans)
}

/// When the last request in a span was done that wrote something, by the clock of the job; `None` if none was.
fn last_done_ms(
    connection: &Connection,
    job: JobId,
    from_event: i64,
    to_event: i64,
) -> Result<Option<i64>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE job = ?1 AND id > ?2 AND id <= ?3 AND kind IN (?4, ?5) ORDER BY id DESC"
    );
    let mut statement = connection.prepare_cached(&sql).doing(DOING)?;
    let values = params![job.0, from_event, to_event, codec::kind::ANSWERED, codec::kind::ENDED];
    let mut rows = statement.query(values).doing(DOING)?;
    let mut written_ms = None;
    while let Some(row) = rows.next().doing(DOING)? {
        let row = events::of(row)?;
        let event = codec::decode(&row.body);
        let event = event.map_err(|source| StoreError::Event { job, event: row.id, source })?;
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
