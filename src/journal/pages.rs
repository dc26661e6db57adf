//! Certificates that are to be written, until somebody says that they are.
//!
//! How a request ended, what a look found, and that a request was given up, is durable before its page is written; a
//! kill in between would leave none, or one that says something else. So which pages are owed is noted first, and the
//! note goes when they are written: whoever opens the store next writes the rest. No page is lost by this, at worst
//! one is written twice. The first pages are owed by the job, from before it begins: one note, however many its
//! requests are.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::error::{Doing, StoreError};
use super::{Reader, Store};
use crate::job::{JobId, Position};

const READING: &str = "read which certificates are to be written";
const WRITING: &str = "write which certificates are to be written";

/// Begins the name of such a note.
const NAME: &str = "pages:";
/// The first name behind those.
const BEHIND: &str = "pages;";

/// Begins the name of the note of a job whose first certificates are to be written; its number follows.
const FIRST: &str = "first_pages:";
/// The first name behind those.
const BEHIND_FIRST: &str = "first_pages;";

/// Requests of a job whose certificates are to be written anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedPages {
    /// The job.
    pub job: JobId,
    /// Its requests.
    pub positions: Vec<Position>,
    /// The look after which, or 0.
    pub watch: i64,
}

impl OwedPages {
    fn name(&self) -> String {
        format!("{NAME}{}:{}", self.job, self.watch)
    }

    /// Notes them; of a job that owes some already for the same reason, both.
    pub(super) fn note(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut all = self.clone();
        let before = all_of(connection)?.into_iter().find(|owed| owed.name() == self.name());
        all.positions.extend(before.map(|before| before.positions).unwrap_or_default());
        all.positions.sort_unstable();
        all.positions.dedup();
        let value = serde_json::to_string(&all)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let sql = "INSERT OR REPLACE INTO notes (name, value) VALUES (?1, ?2)";
        connection.prepare_cached(sql)?.execute(params![self.name(), value])?;
        Ok(())
    }
}

impl Store {
    /// Notes certificates that are to be written.
    pub fn owe_pages(&self, owed: OwedPages) -> Result<(), StoreError> {
        self.task(move |connection| owed.note(connection).doing(WRITING))
    }

    /// Notes that each request of a job that ends from now on is to have its first certificate.
    pub fn owe_first_pages(&self, job: JobId) -> Result<(), StoreError> {
        self.task(move |connection| {
            let sql = "INSERT INTO notes (name, value) VALUES (?1, '') ON CONFLICT DO NOTHING";
            connection.execute(sql, [first_of(job)]).doing(WRITING)?;
            Ok(())
        })
    }

    /// Notes that every request of a job that is over has its certificate.
    pub fn first_pages_are_written(&self, job: JobId) -> Result<(), StoreError> {
        self.task(move |connection| {
            connection.execute("DELETE FROM notes WHERE name = ?1", [first_of(job)]).doing(WRITING)?;
            Ok(())
        })
    }

    /// Notes that certificates were written.
    pub fn pages_are_written(&self, owed: &OwedPages) -> Result<(), StoreError> {
        let name = owed.name();
        self.task(move |connection| {
            connection.execute("DELETE FROM notes WHERE name = ?1", [name]).doing(WRITING)?;
            Ok(())
        })
    }
}

impl Reader {
    /// Certificates that are to be written.
    pub fn owed_pages(&self) -> Result<Vec<OwedPages>, StoreError> {
        all_of(&self.lock()).doing(READING)
    }

    /// Jobs of which a request may be over that has no certificate yet, oldest first.
    pub fn owed_first_pages(&self) -> Result<Vec<JobId>, StoreError> {
        let connection = self.lock();
        let sql = "SELECT name FROM notes WHERE name >= ?1 AND name < ?2";
        let mut statement = connection.prepare_cached(sql).doing(READING)?;
        let rows = statement.query_map([FIRST, BEHIND_FIRST], |row| row.get::<_, String>(0));
        let names: Vec<String> = rows.and_then(Iterator::collect).doing(READING)?;
        let number = |name: &String| name.strip_prefix(FIRST)?.parse().ok().map(JobId);
        let mut jobs: Vec<JobId> = names.iter().filter_map(number).collect();
        jobs.sort_unstable();
        Ok(jobs)
    }
}

fn first_of(job: JobId) -> String {
    format!("{FIRST}{}", job.0)
}

fn all_of(connection: &Connection) -> rusqlite::Result<Vec<OwedPages>> {
    let sql = "SELECT value FROM notes WHERE name >= ?1 AND name < ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([NAME, BEHIND], |row| row.get::<_, String>(0))?;
    let values: Vec<String> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(values.iter().filter_map(|value| serde_json::from_str(value).ok()).collect())
}
