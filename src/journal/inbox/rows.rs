//! The tables of the inbox, row by row.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Accepted, Arrival, Cursor, Skipped};

/// Stands for no deadline: later than any.
pub(super) const NEVER: i64 = i64::MAX;

/// How long an event is known that was taken: longer than any feed looks back.
const KNOWN_MS: i64 = 400 * 24 * 60 * 60 * 1000;

/// How much an inbox holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::journal) struct Amount {
    pub rows: u64,
    pub bytes: u64,
}

impl Amount {
    /// Both together.
    pub(in crate::journal) fn and(self, other: Amount) -> Amount {
        Amount { rows: self.rows + other.rows, bytes: self.bytes + other.bytes }
    }

    /// After rows of another amount are gone.
    pub(in crate::journal) fn less(self, other: Amount) -> Amount {
        Amount { rows: self.rows.saturating_sub(other.rows), bytes: self.bytes.saturating_sub(other.bytes) }
    }
}

/// An arrival whose record is sealed.
pub(in crate::journal) struct Sealed {
    pub arrival: Arrival,
    /// The number of its key.
    pub key_id: i64,
    pub record: Vec<u8>,
}

/// How much the inbox holds, counted.
pub(in crate::journal) fn amount(connection: &Connection) -> rusqlite::Result<Amount> {
    let sql = "SELECT count(*), ifnull(sum(bytes), 0) FROM inbox";
    connection.query_row(sql, [], |row| {
        let (rows, bytes): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok(Amount { rows: rows.cast_unsigned(), bytes: bytes.cast_unsigned() })
    })
}

/// Whether a record waits that an earlier release sealed.
pub(in crate::journal) fn holds_of_one_key(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM inbox WHERE key_id IS NULL AND bytes > 0)";
    connection.query_row(sql, [], |row| row.get(0))
}

/// Takes one arrival in, unless the same or a newer event was.
pub(super) fn take_in(
    connection: &Connection,
    sealed: &Sealed,
    held: &mut Amount,
    now_ms: i64,
) -> rusqlite::Result<Accepted> {
    let Sealed { arrival, key_id, record } = sealed;
    let (workflow, key) = (&arrival.workflow, &arrival.key);
    let sql = "INSERT INTO taken (workflow, key, at_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    if connection.prepare_cached(sql)?.execute(params![workflow, key, now_ms])? == 0 {
        return Ok(Accepted::Repeated);
    }
    if let Some(turn) = arrival.turn {
        let sql = "SELECT number FROM turns WHERE workflow = ?1 AND lane = ?2";
        let newest: Option<i64> = connection
            .prepare_cached(sql)?
            .query_row(params![workflow, turn.lane], |row| row.get(0))
            .optional()?;
        if newest.is_some_and(|newest| turn.number < newest) {
            let (workflow, origin) = (workflow.clone(), arrival.origin.clone());
            let skipped = Skipped { workflow, origin, key: *key, reason: "outdated", at_ms: now_ms };
            note_skipped(connection, &skipped)?;
            return Ok(Accepted::Outdated);
        }
        let sql = "INSERT INTO turns (workflow, lane, number, at_ms) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (workflow, lane) DO UPDATE SET number = excluded.number, at_ms = excluded.at_ms";
        connection.prepare_cached(sql)?.execute(params![workflow, turn.lane, turn.number, now_ms])?;
    }
    let sql = "INSERT INTO inbox (workflow, origin, key, due_ms, received_ms, bytes, record, key_id) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let (due_ms, bytes) = (arrival.due_ms.unwrap_or(NEVER), record.len() as u64);
    let (received_ms, bytes_held) = (arrival.received_ms, bytes.cast_signed());
    let values = params![workflow, arrival.origin, key, due_ms, received_ms, bytes_held, record, key_id];
    connection.prepare_cached(sql)?.execute(values)?;
    held.rows += 1;
    held.bytes += bytes;
    Ok(Accepted::New)
}

pub(in crate::journal) fn move_cursor(
    connection: &Connection,
    cursor: &Cursor,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO cursors (name, value, at_ms) VALUES (?1, ?2, ?3) \
               ON CONFLICT (name) DO UPDATE SET value = excluded.value, at_ms = excluded.at_ms";
    connection.prepare_cached(sql)?.execute(params![cursor.name, cursor.value, now_ms])?;
    Ok(())
}

pub(super) fn note_skipped(connection: &Connection, skip: &Skipped) -> rusqlite::Result<()> {
    let sql = "INSERT INTO skips (workflow, origin, key, reason, at_ms) VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT (workflow, origin, key) DO UPDATE SET reason = excluded.reason, at_ms = excluded.at_ms";
    let values = params![skip.workflow, skip.origin, skip.key, skip.reason, skip.at_ms];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Forgets skips from before a moment, and events that nobody brings again.
pub(in crate::journal) fn forget_old(
    connection: &Connection,
    before_ms: i64,
    now_ms: i64,
) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM skips WHERE at_ms < ?1", [before_ms])?;
    let unknown_ms = before_ms.min(now_ms.saturating_sub(KNOWN_MS));
    connection.execute("DELETE FROM taken WHERE at_ms < ?1", [unknown_ms])?;
    connection.execute("DELETE FROM turns WHERE at_ms < ?1", [unknown_ms])?;
    // A subtask that a hook named once; feeds move their cursors all the time.
    connection
        .execute("DELETE FROM cursors WHERE at_ms < ?1 AND substr(name, 1, 5) = 'look:'", [unknown_ms])?;
    Ok(())
}
