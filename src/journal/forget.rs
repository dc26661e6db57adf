//! Destroying what the store keeps of a person: records that came in, and the keys of what runs remember.
//!
//! A record that is part of a window leaves its place behind, so that the others keep theirs. Digests stay:
//! what was finished, set and erased, and the ledger, which says that somebody was forgotten.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::Store;
use super::commit::{Committer, now_ms};
use super::error::{Doing, StoreError};
use super::{inbox, jobs, sought};
use crate::job::{JobId, Position};
use crate::ledger::{Fact, to_hex};
use crate::request::identifiers;

const DOING: &str = "forget a person";

/// What was destroyed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Destroyed {
    /// Records that came in, with their keys.
    pub records: u64,
}

impl Store {
    /// The jobs of which something is kept that opens with a key.
    pub fn jobs_with_keys(&self) -> Result<Vec<JobId>, StoreError> {
        self.check_writer()?;
        let mut jobs = self.keys().jobs()?;
        jobs.extend(self.ring().jobs()?);
        Ok(jobs)
    }

    /// How many keys these runs of a job have.
    pub fn keys_of(&self, job: JobId, runs: impl IntoIterator<Item = Position>) -> Result<u64, StoreError> {
        self.ring().count(job, runs)
    }

    /// Destroys what is kept of somebody: records that came in with one of these identifiers
    /// (`request::Named::identifiers`), those that these runs carry out, by whatever they were found, and what these
    /// runs remember and looks ask for. `ended`: how many of them were not over.
    pub fn forget(
        &self,
        like: &[u128],
        runs: Vec<(JobId, Vec<Position>)>,
        ended: u64,
        by: String,
    ) -> Result<Destroyed, StoreError> {
        let is_theirs = |record: &[u8]| {
            let scope: Option<serde_json::Map<_, _>> = serde_json::from_slice(record).ok();
            let own = scope.map(|scope| identifiers(&scope)).unwrap_or_default();
            own.iter().any(|identifier| like.contains(identifier))
        };
        let mut rows: BTreeSet<i64> = self.reader().inbox_rows(is_theirs)?.into_iter().collect();
        for (job, positions) in &runs {
            rows.extend(self.reader().inbox_rows_of(*job, positions)?);
        }
        let rows: Vec<i64> = rows.into_iter().collect();
        let pseudonyms = self.reader().pseudonyms()?;
        let subject = like.iter().map(|identifier| to_hex(&pseudonyms.of(*identifier))).collect();
        let fact = Fact::Forgotten { by, subject, runs: ended, records: rows.len() as u64 };
        self.with_committer(move |committer| committer.forget(&rows, &runs, &fact))
    }
}

impl Committer {
    fn forget(
        &mut self,
        rows: &[i64],
        runs: &[(JobId, Vec<Position>)],
        fact: &Fact,
    ) -> Result<Destroyed, StoreError> {
        let forgotten = self.try_forget(rows, runs, fact);
        if forgotten.is_err()
            && let Err(error) = self.ledger.read_again(&self.connection)
        {
            // An entry that goes on from what is not on the disk would break the chain.
            self.fail(error);
        }
        forgotten
    }

    fn try_forget(
        &mut self,
        rows: &[i64],
        runs: &[(JobId, Vec<Position>)],
        fact: &Fact,
    ) -> Result<Destroyed, StoreError> {
        let transaction = self.connection.transaction().doing(DOING)?;
        let mut keys = Vec::new();
        let mut gone = inbox::Amount::default();
        for row in rows {
            gone = gone.and(empty(&transaction, *row, &mut keys).doing(DOING)?);
        }
        for (job, positions) in runs {
            sought::forget(&transaction, *job, positions, &mut keys).doing(DOING)?;
        }
        self.ledger.append(&transaction, now_ms(), fact)?;
        self.ledger.sign_if_due(&transaction, now_ms())?;
        transaction.commit().doing(DOING)?;
        self.inbox = self.inbox.less(gone);
        for (job, positions) in runs {
            keys.extend(self.ring.of_runs(*job, positions)?);
        }
        self.ring.over(keys);
        self.ring.destroy(self.last_event)?;
        for (job, _) in runs {
            if jobs::one(&self.connection, *job)?.status.is_closed() {
                jobs::compact_again(&self.connection, *job).doing(DOING)?;
                self.compactor.add(&self.connection, *job)?;
            }
        }
        // What was overwritten still stands in the log.
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).doing(DOING)?;
        Ok(Destroyed { records: rows.len() as u64 })
    }
}

/// Removes a record that waits; of one in a window only the place stays.
fn empty(connection: &Connection, row: i64, keys: &mut Vec<i64>) -> rusqlite::Result<inbox::Amount> {
    let sql = "SELECT key_id, window, bytes FROM inbox WHERE id = ?1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let found: Option<(Option<i64>, Option<i64>, i64)> = connection.query_row(sql, [row], read).optional()?;
    // It is gone with a job that was over meanwhile.
    let Some((key, window, bytes)) = found else { return Ok(inbox::Amount::default()) };
    keys.extend(key);
    match window {
        None => connection.execute("DELETE FROM inbox WHERE id = ?1", [row])?,
        Some(_) => {
            let sql = "UPDATE inbox SET record = x'', key_id = NULL, bytes = 0 WHERE id = ?1";
            connection.execute(sql, params![row])?
        }
    };
    Ok(inbox::Amount { rows: u64::from(window.is_none()), bytes: bytes.cast_unsigned() })
}
