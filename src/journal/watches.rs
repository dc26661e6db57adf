//! When it is looked again whether the people whom a job erased are still gone, and what was found.
//!
//! Until the last look of a job is over, what is needed to look stays: the job, its events, and the records
//! of its window. When a job leaves looks is decided in `unwatched`, what else they ask for is kept in
//! `sought`; what a look is, and when it is due, is for others to decide. No row names a person.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::job::{JobId, Position};
use crate::ledger::Fact;
use crate::source::duration_word;

use super::commit::now_ms;
use super::error::{Doing, StoreError};
use super::pages::OwedPages;
use super::{Reader, Store, inbox, jobs, sought};

/// The member of a job's `format` that says when is looked: milliseconds after its end, in order.
pub const WATCH: &str = "watch";

const READING: &str = "read what it watches";
const WRITING: &str = "write what it watches";

/// A look at the people whom a job erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Its number in the store.
    pub id: i64,
    /// The job that erased.
    pub job: JobId,
    /// Its number in the workflow, from 0.
    pub number: u32,
    /// How long after the job was over, in milliseconds.
    pub after_ms: i64,
    /// Of the requests that were done behind this event of the job,
    pub from_event: i64,
    /// and up to this one.
    pub to_event: i64,
    /// When it is due, in Unix milliseconds.
    pub due_ms: i64,
    /// The job that looks, once there is one.
    pub look: Option<JobId>,
    /// When it was over, in Unix milliseconds.
    pub over_ms: Option<i64>,
    /// What was found, once it is over.
    pub found: Option<Found>,
}

/// What a look found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Found {
    /// Requests that were looked at: each was done, and a call of it that cannot be undone was accepted.
    pub people: u64,
    /// Nobody was found.
    pub gone: u64,
    /// Somebody was found, and it was only said, or they could not be erased again.
    pub came_back: u64,
    /// Somebody was found, and erased again.
    pub erased_again: u64,
    /// Somebody was found who gave a newer consent since, and was left alone.
    pub returned: u64,
    /// It is not known whether somebody is there.
    pub unknown: u64,
    /// By how many identifiers of each kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by: BTreeMap<String, u64>,
    /// Only by what the requests name: an earlier release carried them out and kept nothing else, or the profile that
    /// was erased in depends on the request.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub named_only: bool,
    /// Why nobody could be looked for: one word, such as `input_gone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Store {
    /// Notes which job looks.
    pub fn note_look(&self, watch: i64, look: JobId) -> Result<(), StoreError> {
        self.task(move |connection| {
            let sql = "UPDATE watches SET look = ?2 WHERE id = ?1";
            connection.execute(sql, [watch, look.0]).doing(WRITING)?;
            Ok(())
        })
    }

    /// Notes what a look found, once; with the last one goes what was kept for it.
    pub fn end_watch(&self, watch: &Watch, found: Found, at_ms: i64) -> Result<(), StoreError> {
        self.end_watch_owing(watch, found, Vec::new(), at_ms)
    }

    /// As [`Store::end_watch`], with the requests whose certificates are to be written anew for it.
    pub fn end_watch_owing(
        &self,
        watch: &Watch,
        found: Found,
        owed: Vec<Position>,
        at_ms: i64,
    ) -> Result<(), StoreError> {
        let watch = watch.clone();
        self.with_committer(move |committer| {
            let mut write = || {
                let transaction = committer.connection.transaction().doing(WRITING)?;
                let sql = "UPDATE watches SET over_ms = ?2, found = ?3 WHERE id = ?1 AND over_ms IS NULL";
                // Numbers and a word always serialize.
                let text = serde_json::to_string(&found).unwrap_or_default();
                let ended = transaction.execute(sql, params![watch.id, at_ms, text]).doing(WRITING)?;
                let (mut gone, mut keys, mut sought) = (inbox::Amount::default(), Vec::new(), Vec::new());
                if ended > 0 {
                    if !owed.is_empty() {
                        let (job, positions) = (watch.job, owed.clone());
                        OwedPages { job, positions, watch: watch.id }.note(&transaction).doing(WRITING)?;
                    }
                    committer.ledger.append(&transaction, now_ms(), &fact(&watch, &found))?;
                    committer.ledger.sign_if_due(&transaction, now_ms())?;
                    let span = (watch.job, watch.from_event, watch.to_event);
                    sought = sought::span_is_over(&transaction, span, &mut keys).doing(WRITING)?;
                    gone = inbox::job_is_gone(&transaction, watch.job, &mut keys)?;
                }
                transaction.commit().doing(WRITING)?;
                Ok((gone, keys, sought))
            };
            match write() {
                Ok((gone, keys, sought)) => {
                    committer.ring.over(committer.ring.not_sought(watch.job, &sought)?);
                    committer.inbox = committer.inbox.less(gone);
                    committer.ring.over(keys);
                    if !jobs::needs_key(&committer.connection, watch.job).doing(READING)? {
                        committer.keys.destroy(watch.job)?;
                        committer.ring.close(watch.job)?;
                        jobs::compact_again(&committer.connection, watch.job).doing(WRITING)?;
                        committer.compactor.add(&committer.connection, watch.job)?;
                    }
                    committer.ring.destroy(committer.last_event)
                }
                Err(error) => {
                    if let Err(error) = committer.ledger.read_again(&committer.connection) {
                        // An entry that goes on from what is not on the disk would break the chain.
                        committer.fail(error);
                    }
                    Err(error)
                }
            }
        })
    }
}

fn fact(watch: &Watch, found: &Found) -> Fact {
    Fact::Watched {
        job: watch.job.to_string(),
        look: watch.look.map(|look| look.to_string()),
        after: duration_word(std::time::Duration::from_millis(watch.after_ms.unsigned_abs())),
        people: found.people,
        gone: found.gone,
        came_back: found.came_back,
        erased_again: found.erased_again,
        returned: found.returned,
        unknown: found.unknown,
        by: found.by.clone(),
        named_only: found.named_only,
        events: Some((watch.from_event, watch.to_event)),
        missing: found.why.clone(),
    }
}

impl Reader {
    /// The looks of a job, or all of them, by when they are due.
    pub fn watches(&self, job: Option<JobId>) -> Result<Vec<Watch>, StoreError> {
        select(
            &self.lock(),
            "WHERE ?1 IS NULL OR job = ?1 ORDER BY due_ms, id",
            params![job.map(|job| job.0)],
        )
    }

    /// The looks that are due at a moment in Unix milliseconds and not over, in order.
    pub fn due_watches(&self, now_ms: i64) -> Result<Vec<Watch>, StoreError> {
        select(&self.lock(), "WHERE over_ms IS NULL AND due_ms <= ?1 ORDER BY due_ms, id", params![now_ms])
    }

    /// The newest event of a job; 0 without one.
    pub fn newest_event(&self, job: JobId) -> Result<i64, StoreError> {
        let connection = self.lock();
        let sql = "SELECT ifnull(max(id), 0) FROM events WHERE job = ?1";
        let mut statement = connection.prepare_cached(sql).doing(READING)?;
        statement.query_row([job.0], |row| row.get(0)).doing(READING)
    }
}

fn select(
    connection: &Connection,
    filter: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<Vec<Watch>, StoreError> {
    let columns = "id, job, number, after_ms, from_event, to_event, due_ms, look, over_ms, found";
    let sql = format!("SELECT {columns} FROM watches {filter}");
    let mut statement = connection.prepare_cached(&sql).doing(READING)?;
    let rows = statement.query_map(values, read).doing(READING)?;
    rows.collect::<rusqlite::Result<_>>().doing(READING)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Watch> {
    let found: Option<String> = row.get(9)?;
    Ok(Watch {
        id: row.get(0)?,
        job: JobId(row.get(1)?),
        number: row.get(2)?,
        after_ms: row.get(3)?,
        from_event: row.get(4)?,
        to_event: row.get(5)?,
        due_ms: row.get(6)?,
        look: row.get::<_, Option<i64>>(7)?.map(JobId),
        over_ms: row.get(8)?,
        found: found.and_then(|found| serde_json::from_str(&found).ok()),
    })
}

/// Whether a look at the people of a job is still to come.
pub(super) const IS_WATCHED: &str =
    "EXISTS (SELECT 1 FROM watches WHERE watches.job = jobs.id AND over_ms IS NULL)";

/// Forgets the looks of a job that is no more.
pub(super) fn job_removed(connection: &Connection, job: JobId) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM watches WHERE job = ?1")?.execute([job.0])?;
    Ok(())
}
