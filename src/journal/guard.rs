//! How many people were irreversibly written to, for the guard's rolling hour.
//!
//! A note rides in the transaction of the event it belongs to, so that the count and the journal
//! never disagree. Who counts as distinct is the caller's to decide.

use rusqlite::{Connection, params};

/// People that one exchange writes to irreversibly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Irreversible {
    /// The workspace that owns the limit.
    pub workspace: String,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// How many.
    pub people: u64,
}

pub(super) fn note(connection: &Connection, note: &Irreversible) -> rusqlite::Result<()> {
    let sql = "INSERT INTO irreversible (workspace, at_ms, people) VALUES (?1, ?2, ?3) \
               ON CONFLICT (workspace, at_ms) DO UPDATE SET people = people + excluded.people";
    let people = i64::try_from(note.people).unwrap_or(i64::MAX);
    connection.prepare_cached(sql)?.execute(params![note.workspace, note.at_ms, people])?;
    Ok(())
}

/// People irreversibly written to in a workspace at or after a moment.
pub(super) fn count(connection: &Connection, workspace: &str, since_ms: i64) -> rusqlite::Result<u64> {
    let sql = "SELECT ifnull(sum(people), 0) FROM irreversible WHERE workspace = ?1 AND at_ms >= ?2";
    let people: i64 =
        connection.prepare_cached(sql)?.query_row(params![workspace, since_ms], |row| row.get(0))?;
    Ok(u64::try_from(people).unwrap_or(0))
}
