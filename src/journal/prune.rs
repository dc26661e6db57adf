//! Taking out of the store what nobody needs any more, while it is in use.
//!
//! A job that was over long enough loses its events, its list of failures and its key. What makes the
//! next job right stays for ever, and so does the ledger: finished ids, freshness, erasures. Everything is done in slices
//! between the commits of whoever works on the store. The rule that keeps it right: the indexes are on
//! the disk before the first event goes.

use std::fs;
use std::io::ErrorKind;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::job::{JobId, Status};
use crate::ledger::Fact;

use super::Store;
use super::commit::{Committer, now_ms};
use super::compact::give_back;
use super::directory::{database_in, failures_of, file};
use super::error::{Doing, StoreError};
use super::inbox;
use super::ledger::Packing;
use super::sought;
use super::watches::{self, IS_WATCHED};
use super::{codec, events};

/// Events removed at once: a megabyte when every other one is the answer to a full batch.
const REMOVED_AT_ONCE: u32 = 512;
/// Pages given back at once: 8 MB.
const PAGES_AT_ONCE: u32 = 1024;
/// How long the guard looks back, with room to spare for a clock that is set: it counts an hour.
const GUARD_LOOKS_BACK_MS: i64 = 24 * 60 * 60 * 1000;

const DOING: &str = "remove old jobs";

/// What was taken out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The jobs that are no more.
    pub jobs: Vec<JobId>,
    /// Their events.
    pub events: u64,
    /// Bytes of the database before and after, its log included.
    pub bytes_before: u64,
    /// See `bytes_before`.
    pub bytes_after: u64,
}

impl Store {
    /// Removes jobs whose last event is older than a moment in Unix milliseconds, makes the events of
    /// the other closed ones small, and gives the room back. Others may go on meanwhile; when it is
    /// interrupted, what it did stays done.
    pub fn prune(&self, before_ms: i64) -> Result<Pruned, StoreError> {
        let mut pruned = Pruned { bytes_before: self.bytes(), ..Pruned::default() };
        self.end_retention(now_ms())?;
        self.with_committer(Committer::flush_indexes)?;
        pruned.jobs = self.with_committer(move |committer| committer.remove_jobs(before_ms))?;
        for job in &pruned.jobs {
            let path = failures_of(self.path(), *job);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(file("remove the failures", &path)(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        loop {
            let removed = self.task(|connection| remove_orphans(connection).doing(DOING))?;
            pruned.events += removed;
            if removed == 0 {
                break;
            }
        }
        // The writer does a slice of its own work before it answers.
        while self.with_committer(|committer| Ok(committer.has_work()))? {}
        while self.with_committer(Committer::pack_ledger)? {}
        while self.task(|connection| shrink(connection).doing("give room back"))? {}
        let checkpoint = |connection: &mut Connection| {
            let done = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            done.doing("give room back")
        };
        self.task(checkpoint)?;
        self.with_committer(|committer| committer.ring.give_room_back())?;
        pruned.bytes_after = self.bytes();
        Ok(pruned)
    }

    /// Bytes of the database and its log.
    fn bytes(&self) -> u64 {
        let database = database_in(self.path());
        let size = |path: &std::path::Path| fs::metadata(path).map_or(0, |found| found.len());
        size(&database) + size(&database.with_extension("db-wal"))
    }
}

impl Committer {
    /// Brings what the indexes have in memory to the disk.
    fn flush_indexes(&mut self) -> Result<(), StoreError> {
        let doing = "write its index";
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begun.doing(doing)?;
        self.keepers.flush_all(&transaction, self.last_event)?;
        transaction.commit().doing(doing)?;
        self.keepers.committed();
        Ok(())
    }

    /// Packs entries of the ledger; `true` while there are more.
    fn pack_ledger(&mut self) -> Result<bool, StoreError> {
        if !self.ledger.has_work(Packing::Asked) {
            return Ok(false);
        }
        let doing = "pack its ledger";
        let transaction = self.connection.transaction().doing(doing)?;
        self.ledger.work(&transaction)?;
        if let Err(error) = transaction.commit().doing(doing) {
            self.ledger.read_again(&self.connection)?;
            return Err(error);
        }
        Ok(true)
    }

    /// Removes old jobs and their keys; their events then belong to nobody.
    fn remove_jobs(&mut self, before_ms: i64) -> Result<Vec<JobId>, StoreError> {
        let removed = self.try_remove_jobs(before_ms);
        if removed.is_err()
            && let Err(error) = self.ledger.read_again(&self.connection)
        {
            // An entry that goes on from what is not on the disk would break the chain.
            self.fail(error);
        }
        removed
    }

    fn try_remove_jobs(&mut self, before_ms: i64) -> Result<Vec<JobId>, StoreError> {
        let transaction = self.connection.transaction().doing(DOING)?;
        let jobs = old_jobs(&transaction, before_ms).doing(DOING)?;
        let (mut gone, mut keys) = (Vec::new(), Vec::new());
        for job in &jobs {
            transaction.execute("DELETE FROM jobs WHERE id = ?1", [job.0]).doing(DOING)?;
            gone.push(inbox::job_is_gone(&transaction, *job, &mut keys)?);
            watches::job_removed(&transaction, *job).doing(DOING)?;
            sought::job_removed(&transaction, *job).doing(DOING)?;
        }
        inbox::forget_old(&transaction, before_ms, now_ms()).doing(DOING)?;
        if !jobs.is_empty() {
            let jobs = jobs.iter().map(ToString::to_string).collect();
            self.ledger.append(&transaction, now_ms(), &Fact::Pruned { jobs })?;
            self.ledger.sign_if_due(&transaction, now_ms())?;
        }
        let sql = "DELETE FROM irreversible WHERE at_ms < ?1";
        transaction.execute(sql, [now_ms().saturating_sub(GUARD_LOOKS_BACK_MS)]).doing(DOING)?;
        transaction.commit().doing(DOING)?;
        self.inbox = gone.into_iter().fold(self.inbox, inbox::Amount::less);
        for job in &jobs {
            self.compactor.forget(*job);
            self.keys.destroy(*job)?;
            self.ring.close(*job)?;
        }
        self.ring.over(keys);
        self.ring.destroy(self.last_event)?;
        Ok(jobs)
    }
}

fn old_jobs(connection: &Connection, before_ms: i64) -> rusqlite::Result<Vec<JobId>> {
    let sql = format!(
        "SELECT id FROM jobs WHERE status IN (?1, ?2) AND ?3 > ifnull( \
         (SELECT at_ms FROM events WHERE job = jobs.id ORDER BY id DESC LIMIT 1), started_ms) \
         AND NOT {IS_WATCHED} ORDER BY id"
    );
    let mut statement = connection.prepare(&sql)?;
    let values = (Status::Finished.number(), Status::Cancelled.number(), before_ms);
    statement.query_map(values, |row| row.get(0).map(JobId))?.collect()
}

/// Removes a slice of the events of one job that is no more; gives how many.
fn remove_orphans(connection: &mut Connection) -> rusqlite::Result<u64> {
    let transaction = connection.transaction()?;
    // From job to job by the index, however many events each has.
    let (mut last, mut orphan) = (i64::MIN, None);
    while orphan.is_none() {
        let sql = "SELECT min(job) FROM events WHERE job > ?1";
        let next: Option<i64> = transaction.prepare_cached(sql)?.query_row([last], |row| row.get(0))?;
        let Some(job) = next else { break };
        let sql = "SELECT 1 FROM jobs WHERE id = ?1";
        let known = transaction.prepare_cached(sql)?.query_row([job], |_| Ok(())).optional()?;
        (last, orphan) = (job, known.is_none().then_some(job));
    }
    let Some(job) = orphan else { return Ok(0) };
    let sql = "SELECT id, substr(body, 1, 16) FROM events WHERE job = ?1 ORDER BY id LIMIT ?2";
    let mut removed = 0;
    {
        let mut statement = transaction.prepare_cached(sql)?;
        let rows = statement.query_map((job, REMOVED_AT_ONCE), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows: Vec<(i64, Vec<u8>)> = rows.collect::<rusqlite::Result<_>>()?;
        for (id, head) in rows {
            // What cannot be read is gone all the same.
            removed += codec::events_in(&head).unwrap_or(1) as u64;
            events::remove(&transaction, id)?;
        }
    }
    transaction.commit()?;
    Ok(removed)
}

/// Gives a slice of free pages back; `true` while there are more.
fn shrink(connection: &mut Connection) -> rusqlite::Result<bool> {
    let count =
        |connection: &Connection, name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let free = count(connection, "freelist_count")?;
    if free == 0 {
        return Ok(false);
    }
    if count(connection, "auto_vacuum")? == 0 {
        // A database of the first format gives room back only as a whole, and in slices from then on.
        connection.execute_batch("PRAGMA auto_vacuum = incremental; VACUUM")?;
        return Ok(false);
    }
    give_back(connection, PAGES_AT_ONCE)?;
    let left = count(connection, "freelist_count")?;
    Ok(left > 0 && left < free)
}
