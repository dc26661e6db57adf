//! What a crash left: keys whose requests are over, and keys of what never came to be written down.
//!
//! Every write of the keys notes the last event of which all ends were told. At the next start only what
//! came after that is looked at.

use std::collections::HashSet;

use rusqlite::Connection;

use super::super::codec;
use super::super::error::{Doing, StoreError};
use super::super::events;
use super::super::jobs;
use super::super::sought;
use super::super::staff;
use super::Ring;
use super::ring::{Open, is_for_good};
use super::table::Table;
use crate::job::{Event, JobId, Position, State};

const SECRET: &str = "keys";

impl Ring {
    /// Sees that the file of the keys is the one of this store, as far as anything waits that needs it.
    pub(in crate::journal) fn check(&self, connection: &Connection) -> Result<(), StoreError> {
        let known = identity_in(connection)?;
        let identity = self.file().as_ref().map(|open| open.table.identity()).transpose()?;
        if known.is_some() && known != identity && is_needed(connection)? {
            return Err(StoreError::KeysLost { path: self.folder().join(super::TABLE) });
        }
        match identity.filter(|identity| known.as_ref() != Some(identity)) {
            Some(identity) => note_identity(connection, &identity),
            None => Ok(()),
        }
    }

    /// Destroys keys that nothing needs.
    pub(in crate::journal) fn sweep(
        &self,
        connection: &Connection,
        last_event: i64,
    ) -> Result<(), StoreError> {
        let mut file = self.file();
        let Some(Open { table, .. }) = file.as_mut() else { return Ok(()) };
        let mut over = orphans(connection, table)?;
        // A store that was put back to an earlier state counts its events from there.
        let swept_to = Some(table.swept_to()?).filter(|swept_to| *swept_to <= last_event).unwrap_or(0);
        for job in table.jobs()? {
            let keys = table.of_job(job)?;
            if !jobs::needs_key(connection, job).doing("read its jobs")? {
                over.extend(keys.iter().map(|(_, number, _)| *number));
                continue;
            }
            let ended = ended_since(connection, job, swept_to)?;
            // What is looked for stays until the last look.
            let sought: HashSet<i64> =
                sought::keys_of(connection, job).doing("read what is looked for")?.into_iter().collect();
            let is_over =
                |(at, number, _): &&(Position, i64, Vec<u8>)| ended.contains(at) && !sought.contains(number);
            over.extend(keys.iter().filter(is_over).map(|(_, number, _)| *number));
        }
        if !over.is_empty() {
            table.write(&[], &over, last_event)?;
        }
        table.empty_log()?;
        Ok(())
    }

    /// Notes in the database which file has its keys, once there is one.
    pub(in crate::journal) fn note_identity(&self, connection: &Connection) -> Result<(), StoreError> {
        match self.file().as_ref() {
            Some(open) => note_identity(connection, &open.table.identity()?),
            None => Ok(()),
        }
    }
}

impl Ring {
    /// The jobs that have keys, as they are on the disk.
    pub(in crate::journal) fn jobs(&self) -> Result<Vec<JobId>, StoreError> {
        Table::look(self.folder())?.map_or(Ok(Vec::new()), |table| table.jobs())
    }
}

/// Keys of records that came in and are not there (any more). That of what is kept of staff counts as theirs.
fn orphans(connection: &Connection, table: &Table) -> Result<Vec<i64>, StoreError> {
    let doing = "read what came in";
    let mut statement = connection
        .prepare("SELECT key_id FROM inbox WHERE key_id IS NOT NULL ORDER BY key_id")
        .doing(doing)?;
    let mut rows = statement.query([]).doing(doing)?;
    let mut next = || -> Result<Option<i64>, StoreError> {
        rows.next().doing(doing)?.map(|row| row.get(0).doing(doing)).transpose()
    };
    let mut row = next()?;
    let mut over = Vec::new();
    let of_staff = staff::key_number(connection)?;
    for number in table.of_inbox()?.into_iter().filter(|number| Some(*number) != of_staff) {
        while row.is_some_and(|row| row < number) {
            row = next()?;
        }
        if row != Some(number) {
            over.push(number);
        }
    }
    Ok(over)
}

/// The records of a job that ended for good behind an event, and were not tried again since.
pub(in crate::journal) fn ended_for_good(
    connection: &Connection,
    job: JobId,
    event: i64,
) -> Result<HashSet<Position>, StoreError> {
    let (mut ended, mut after) = (HashSet::new(), event);
    loop {
        let rows = events::rows(connection, job, after, 64)?;
        let Some(last) = rows.last() else { return Ok(ended) };
        after = last.id;
        for row in &rows {
            let event = decoded(job, row)?;
            for one in event.ends() {
                match is_for_good(one.verdict) {
                    true => ended.insert(one.position),
                    false => ended.remove(&one.position),
                };
            }
            if let Event::Reopened(reopened) = &event {
                ended.retain(|position| !reopened.positions.contains(position));
            }
        }
    }
}

/// The same; none while calls of such ones are in the air.
fn ended_since(connection: &Connection, job: JobId, event: i64) -> Result<HashSet<Position>, StoreError> {
    let ended = ended_for_good(connection, job, event)?;
    if ended.is_empty() {
        return Ok(ended);
    }
    let (mut state, mut after) = (State::default(), 0);
    loop {
        let rows = events::rows(connection, job, after, 64)?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        for row in &rows {
            state.apply(&decoded(job, row)?);
        }
    }
    if state.abandoned().next().is_some() { Ok(HashSet::new()) } else { Ok(ended) }
}

fn decoded(job: JobId, row: &events::Row) -> Result<Event, StoreError> {
    codec::decode(&row.body).map_err(|source| StoreError::Event { job, event: row.id, source })
}

/// Whether anything waits that opens only with a key of the file.
fn is_needed(connection: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM inbox WHERE key_id IS NOT NULL)";
    connection.query_row(sql, [], |row| row.get(0)).doing("read what came in")
}

pub(super) fn identity_in(connection: &Connection) -> Result<Option<Vec<u8>>, StoreError> {
    use rusqlite::OptionalExtension;
    let sql = "SELECT value FROM secrets WHERE name = ?1";
    connection.query_row(sql, [SECRET], |row| row.get(0)).optional().doing("read its secrets")
}

pub(super) fn note_identity(connection: &Connection, identity: &[u8]) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO secrets (name, value) VALUES (?1, ?2)";
    connection.execute(sql, rusqlite::params![SECRET, identity]).doing("write its secrets")?;
    Ok(())
}
