//! What a restored store takes over of what the replaced one knew of events, feeds, workflows and the guard.
//!
//! Everything is added, and nothing of the copy becomes weaker: the newest of a sequence stays, an approval is one
//! whenever it was given, and a feed is read from where the copy stands, since what was taken before is known.

use rusqlite::{Connection, Row, params};

use super::super::canary::CANARY_CURSOR;
use super::super::error::{Doing, StoreError};
use super::approvals::SERVED;

const DOING: &str = "take over what came in";

/// How far a clock may have been set back: what was noted so long before the copy was made is looked at, too.
const CLOCKS_MS: i64 = 24 * 60 * 60 * 1000;

/// Begins the names of cursors that stand for something that is brought once: there the newer one counts.
const LOOKS: &str = "look:";
/// Begins the names of cursors that say up to which event of its job everything was told of a window. They hold
/// only where the copy has the window, and its job as it stood then: what goes on another way is told anew.
const TOLD: &str = "told:";

/// Notes an event that was taken.
pub(super) const TAKEN: &str =
    "INSERT INTO taken (workflow, key, at_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";

/// Which side could not go on.
pub(super) enum Side {
    Read,
    Written(StoreError),
}

/// Events that are over, and the newest of every sequence, since a moment.
pub(super) fn events(known: &Connection, to: &Connection, since_ms: i64) -> Result<(), Side> {
    let from_ms = since_ms.saturating_sub(CLOCKS_MS);
    each(known, &format!("SELECT workflow, key, at_ms FROM taken WHERE at_ms >= {from_ms}"), |row| {
        let read = || Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let (workflow, key, at_ms): (String, Vec<u8>, i64) = read_or(read())?;
        write(to, TAKEN, params![workflow, key, at_ms]).map(drop).map_err(Side::Written)
    })?;
    let turns = format!("SELECT workflow, lane, number, at_ms FROM turns WHERE at_ms >= {from_ms}");
    each(known, &turns, |row| {
        let read = || Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let (workflow, lane, number, at_ms): (String, Vec<u8>, i64, i64) = read_or(read())?;
        let sql = "INSERT INTO turns (workflow, lane, number, at_ms) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (workflow, lane) DO UPDATE SET number = excluded.number, at_ms = excluded.at_ms \
                   WHERE excluded.number > number";
        write(to, sql, params![workflow, lane, number, at_ms]).map(drop).map_err(Side::Written)
    })
}

/// Cursors that the copy does not have, since a feed that is read for the first time begins at that moment; what a
/// hook was told once; and what OneTrust was told of jobs that stand here as they did. Jobs that are taken over whole
/// are there by now.
pub(super) fn cursors(known: &Connection, to: &Connection) -> Result<(), Side> {
    each(known, "SELECT name, value, at_ms FROM cursors", |row| {
        let read = || Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let (name, value, at_ms): (String, String, i64) = read_or(read())?;
        let sql = match &name {
            name if name == CANARY_CURSOR => return Ok(()),
            name if name.starts_with(TOLD) => {
                "INSERT INTO cursors (name, value, at_ms) SELECT ?1, ?2, ?3 FROM windows \
                 WHERE ?1 = 'told:inbox:' || id \
                 AND ?2 = (SELECT CAST(max(events.id) AS TEXT) FROM events WHERE events.job = windows.job) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value, at_ms = excluded.at_ms"
            }
            name if name.starts_with(LOOKS) => {
                "INSERT INTO cursors (name, value, at_ms) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value, at_ms = excluded.at_ms"
            }
            _ => "INSERT INTO cursors (name, value, at_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        };
        write(to, sql, params![name, value, at_ms]).map(drop).map_err(Side::Written)
    })
}

/// Texts of workflows that somebody approved: what waits again needs them; and that the store was served, so that
/// no text counts as approved because nobody was asked.
pub(super) fn approvals(known: &Connection, to: &Connection) -> Result<(), Side> {
    each(known, "SELECT workflow, digest, approver, at_ms FROM approvals", |row| {
        let read = || Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let (workflow, digest, approver, at_ms): (String, Vec<u8>, String, i64) = read_or(read())?;
        let sql = "INSERT INTO approvals (workflow, digest, approver, at_ms) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT DO NOTHING";
        write(to, sql, params![workflow, digest, approver, at_ms]).map(drop).map_err(Side::Written)
    })?;
    each(known, &format!("SELECT name, value FROM notes WHERE name = '{SERVED}'"), |row| {
        let (name, value): (String, String) = read_or(row.get(0).and_then(|name| Ok((name, row.get(1)?))))?;
        let sql = "INSERT INTO notes (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        write(to, sql, params![name, value]).map(drop).map_err(Side::Written)
    })
}

/// How many people were written to for good since, so that the guard's hour is not begun anew.
pub(super) fn guarded(known: &Connection, to: &Connection) -> Result<(), Side> {
    each(known, "SELECT workspace, at_ms, people FROM irreversible", |row| {
        let read = || Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let (workspace, at_ms, people): (String, i64, i64) = read_or(read())?;
        let sql = "INSERT INTO irreversible (workspace, at_ms, people) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (workspace, at_ms) DO UPDATE SET people = max(people, excluded.people)";
        write(to, sql, params![workspace, at_ms, people]).map(drop).map_err(Side::Written)
    })
}

/// A number that a row or a window had is not given again.
pub(super) fn numbers(known: &Connection, to: &Connection) -> Result<(), Side> {
    each(known, "SELECT name, seq FROM sqlite_sequence WHERE name IN ('inbox', 'windows')", |row| {
        let (name, highest): (String, i64) = read_or(row.get(0).and_then(|name| Ok((name, row.get(1)?))))?;
        let written = || {
            let sql = "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1";
            if write(to, sql, params![name, highest])? == 0 {
                write(to, "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", params![name, highest])?;
            }
            Ok(())
        };
        written().map_err(Side::Written)
    })
}

/// Does something with every row of a store that may not be readable to its end.
pub(super) fn each(
    known: &Connection,
    sql: &str,
    mut with: impl FnMut(&Row<'_>) -> Result<(), Side>,
) -> Result<(), Side> {
    let mut statement = read_or(known.prepare(sql))?;
    let mut rows = read_or(statement.query([]))?;
    while let Some(row) = read_or(rows.next())? {
        with(row)?;
    }
    Ok(())
}

pub(super) fn read_or<T>(read: rusqlite::Result<T>) -> Result<T, Side> {
    read.map_err(|_| Side::Read)
}

pub(super) fn write(
    to: &Connection,
    sql: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<usize, StoreError> {
    to.prepare_cached(sql).doing(DOING)?.execute(values).doing(DOING)
}
