//! How long a service asked to be left alone, until then.
//!
//! What it asks for counts for the workspace and not for the process that was told: whoever opens the store next keeps
//! to it. It is noted when it is told, and nothing waits for that; a kill right then loses it together with the answer.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::error::{Doing, StoreError};
use super::{Reader, Writer};

const READING: &str = "read how long services asked to be left alone";
const WRITING: &str = "write how long a service asked to be left alone";

/// Begins the name of such a note.
const NAME: &str = "rest:";
/// The first name behind those.
const BEHIND: &str = "rest;";

/// A service asked for a rest of one of its limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// `braze`, …
    pub system: String,
    /// Whose limit it is.
    pub workspace: String,
    /// Which of its limits.
    pub pool: String,
    /// It is the whole account that rests.
    pub account: bool,
    /// When it was told, in Unix milliseconds.
    pub told_ms: i64,
    /// Until when nothing may be asked, by the same clock.
    pub until_ms: i64,
}

impl Rest {
    /// What is left of it in milliseconds; `None` when it is over. It is never longer than it was when it was told,
    /// whatever happened to the clock.
    pub fn left_ms(&self, now_ms: i64) -> Option<i64> {
        let left = self.until_ms.saturating_sub(now_ms.max(self.told_ms));
        (left > 0).then_some(left)
    }

    fn name(&self) -> String {
        format!("{NAME}{}:{}:{}", self.system, self.pool, self.workspace)
    }

    /// Notes it in place of a shorter one, and forgets those that are over.
    fn note(&self, connection: &Connection) -> rusqlite::Result<()> {
        for over in all_of(connection)?.iter().filter(|rest| rest.left_ms(self.told_ms).is_none()) {
            connection.execute("DELETE FROM notes WHERE name = ?1", [over.name()])?;
        }
        let sql = "SELECT value FROM notes WHERE name = ?1";
        let before: Option<String> = connection.query_row(sql, [self.name()], |row| row.get(0)).optional()?;
        let before = before.and_then(|value| serde_json::from_str::<Rest>(&value).ok());
        if before.is_some_and(|before| before.until_ms >= self.until_ms) {
            return Ok(());
        }
        let value = serde_json::to_string(self)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let sql = "INSERT OR REPLACE INTO notes (name, value) VALUES (?1, ?2)";
        connection.execute(sql, params![self.name(), value])?;
        Ok(())
    }
}

impl Writer {
    /// Notes a rest once what came before is written; nobody waits for it.
    pub fn note_rest(&self, rest: Rest) {
        self.later(move |connection| rest.note(connection).doing(WRITING));
    }
}

impl Reader {
    /// The rests that were noted last, also those that are over.
    pub fn rests(&self) -> Result<Vec<Rest>, StoreError> {
        all_of(&self.lock()).doing(READING)
    }
}

fn all_of(connection: &Connection) -> rusqlite::Result<Vec<Rest>> {
    let sql = "SELECT value FROM notes WHERE name >= ?1 AND name < ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([NAME, BEHIND], |row| row.get::<_, String>(0))?;
    let values: Vec<String> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(values.iter().filter_map(|value| serde_json::from_str(value).ok()).collect())
}
