//! How long what failed requests remember is kept, so that they may be tried again.
//!
//! A request that ends well takes what it remembered with it. What of a job failed or waits for a person keeps
//! its keys, and a window its records, until the job is removed; or, where the workflow says `retention`, until
//! that long after the last thing that happened in the job.

use rusqlite::Connection;

use super::Store;
use super::commit::Committer;
use super::error::{Doing, StoreError};
use super::inbox;
use super::jobs::{self, JobRecord};
use crate::job::{JobId, Status};

const DOING: &str = "end what is kept of a job";

impl Store {
    /// Destroys what failed requests remember in jobs whose retention is over at a moment in Unix milliseconds;
    /// gives the jobs.
    pub fn end_retention(&self, now_ms: i64) -> Result<Vec<JobId>, StoreError> {
        self.with_committer(move |committer| committer.end_retention(now_ms))
    }
}

impl Committer {
    fn end_retention(&mut self, now_ms: i64) -> Result<Vec<JobId>, StoreError> {
        let jobs = kept_too_long(&self.connection, now_ms).doing(DOING)?;
        if jobs.is_empty() {
            return Ok(jobs);
        }
        let transaction = self.connection.transaction().doing(DOING)?;
        let (mut gone, mut keys) = (inbox::Amount::default(), Vec::new());
        for job in &jobs {
            transaction.execute("UPDATE jobs SET keeps_key = 0 WHERE id = ?1", [job.0]).doing(DOING)?;
            jobs::compact_again(&transaction, *job).doing(DOING)?;
            gone = gone.and(inbox::job_is_gone(&transaction, *job, &mut keys)?);
        }
        transaction.commit().doing(DOING)?;
        self.inbox = self.inbox.less(gone);
        for job in &jobs {
            self.keeps_key.remove(job);
            if !jobs::needs_key(&self.connection, *job).doing(DOING)? {
                self.keys.destroy(*job)?;
                self.ring.close(*job)?;
            }
            self.compactor.add(&self.connection, *job)?;
        }
        self.ring.over(keys);
        self.ring.destroy(self.last_event)?;
        Ok(jobs)
    }
}

fn kept_too_long(connection: &Connection, now_ms: i64) -> rusqlite::Result<Vec<JobId>> {
    let retention = format!("json_extract(format, '$.{}')", JobRecord::RETENTION_MS);
    let sql = format!(
        "SELECT id FROM jobs WHERE keeps_key = 1 AND status IN (?1, ?2) AND {retention} IS NOT NULL \
         AND ?3 - {retention} >= ifnull( \
         (SELECT at_ms FROM events WHERE job = jobs.id ORDER BY id DESC LIMIT 1), started_ms) ORDER BY id"
    );
    let mut statement = connection.prepare(&sql)?;
    let values = (Status::Finished.number(), Status::Cancelled.number(), now_ms);
    statement.query_map(values, |row| row.get(0).map(JobId))?.collect()
}
