//! How the canary stands, and the queue in which it waits beside what comes in.
//!
//! It waits in a queue of its own, so it is in no window and no job with anybody real. Its name can be no
//! workflow's. What a canary is and when it is due is for others to decide.

use rusqlite::OptionalExtension;

use crate::job::JobId;
use crate::ledger::Fact;

use super::commit::{Committer, now_ms};
use super::error::{Doing, StoreError};
use super::inbox::{self, Cursor};
use super::jobs::JobRecord;
use super::{Reader, Store};

/// The cursor that keeps how it stands.
pub const CANARY_CURSOR: &str = "canary";
/// Where its requests come from.
pub const CANARY_ORIGIN: &str = "canary";

const PREFIX: &str = "canary.";
const DOING: &str = "write how the canary is";

/// The queue in which the canary of a workflow waits.
pub fn canary_queue(workflow: &str) -> String {
    format!("{PREFIX}{workflow}")
}

/// Whether a queue is that of a canary.
pub fn is_canary_queue(queue: &str) -> bool {
    queue.starts_with(PREFIX)
}

/// The workflow that carries out what waits in a queue.
pub fn of_queue(queue: &str) -> &str {
    queue.strip_prefix(PREFIX).unwrap_or(queue)
}

impl Store {
    /// Notes how the canary stands, and attests what became of it, both or neither.
    pub fn note_canary(&self, value: String, fact: Option<Fact>) -> Result<(), StoreError> {
        self.with_committer(move |committer| {
            let mut write = || {
                let transaction = committer.connection.transaction().doing(DOING)?;
                let cursor = Cursor { name: CANARY_CURSOR.to_owned(), value: value.clone() };
                inbox::move_cursor(&transaction, &cursor, now_ms()).doing(DOING)?;
                if let Some(fact) = &fact {
                    committer.ledger.append(&transaction, now_ms(), fact)?;
                    committer.ledger.sign_if_due(&transaction, now_ms())?;
                }
                transaction.commit().doing(DOING)
            };
            let written = write();
            if written.is_err()
                && let Err(error) = committer.ledger.read_again(&committer.connection)
            {
                // An entry that goes on from what is not on the disk would break the chain.
                committer.fail(error);
            }
            written
        })
    }
}

impl Store {
    /// Takes away what waits in the queue of a canary and no window has yet, with its keys.
    pub fn drop_waiting_canary(&self, queue: &str) -> Result<(), StoreError> {
        let queue = queue.to_owned();
        self.with_committer(move |committer| committer.drop_waiting(&queue))
    }
}

impl Committer {
    fn drop_waiting(&mut self, queue: &str) -> Result<(), StoreError> {
        let transaction = self.connection.transaction().doing(DOING)?;
        let gone = inbox::drop_waiting(&transaction, queue).doing(DOING)?;
        transaction.commit().doing(DOING)?;
        let mut keys = Vec::new();
        for (key, bytes) in gone {
            self.inbox = self.inbox.less(inbox::Amount { rows: 1, bytes });
            keys.extend(key);
        }
        if !keys.is_empty() {
            self.ring.over(keys);
            self.ring.destroy(self.last_event)?;
        }
        Ok(())
    }
}

impl Reader {
    /// The newest job of a canary behind another job.
    pub fn canary_job(&self, after: JobId) -> Result<Option<JobId>, StoreError> {
        let connection = self.lock();
        let member = JobRecord::CANARY;
        let sql = format!(
            "SELECT id FROM jobs WHERE id > ?1 AND json_extract(format, '$.{member}') ORDER BY id DESC LIMIT 1"
        );
        let mut statement = connection.prepare_cached(&sql).doing("read its jobs")?;
        statement.query_row([after.0], |row| row.get(0).map(JobId)).optional().doing("read its jobs")
    }

    /// The newest job; 0 when there is none.
    pub fn newest_job(&self) -> Result<JobId, StoreError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare_cached("SELECT ifnull(max(id), 0) FROM jobs").doing("read its jobs")?;
        statement.query_row([], |row| row.get(0).map(JobId)).doing("read its jobs")
    }
}
