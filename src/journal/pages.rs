//! Certificates that are to be written anew, until somebody says that they are.
//!
//! What a look found, and that a request was given up, is durable before its page is written; a kill in between
//! would leave a page that says something else. So which pages are owed is noted first, and the note goes when they
//! are written: whoever opens the store next writes the rest. No page is lost by this, at worst one is written twice.

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
}

fn all_of(connection: &Connection) -> rusqlite::Result<Vec<OwedPages>> {
    let sql = "SELECT value FROM notes WHERE name >= ?1 AND name < ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([NAME, BEHIND], |row| row.get::<_, String>(0))?;
    let values: Vec<String> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(values.iter().filter_map(|value| serde_json::from_str(value).ok()).collect())
}
