//! What of a backup opens no more: its keys were destroyed since, or they are not there.
//!
//! A key is destroyed when its request is over. A request of the inbox whose key is gone was therefore carried
//! out or forgotten after the backup was made, and does not wait any more. What a run remembered before that
//! is gone too: it begins anew.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::Connection;

use super::super::codec;
use super::super::error::{Doing, StoreError};
use super::super::{events, jobs};
use super::number_of;
use super::sweep::{identity_in, note_identity};
use super::table::Table;
use crate::job::{JobId, State, Status};

const DOING: &str = "read what the backup keeps";

/// What opens no more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::journal) struct Lost {
    /// Requests that came in and waited.
    pub records: u64,
    /// Runs that were not over and remember nothing.
    pub runs: u64,
    /// The keys of the backup are not in the folder at all.
    pub is_foreign: bool,
}

/// Looks through a copy of a backup that is about to be a store with the keys of this folder.
pub(in crate::journal) fn lost(copy: &Connection, folder: &Path) -> Result<Lost, StoreError> {
    let known = Known::of(copy, folder)?;
    let mut lost = Lost { is_foreign: known.is_foreign, ..Lost::default() };
    for (_, number, _) in waiting(copy)? {
        lost.records += u64::from(!known.has(number));
    }
    for job in jobs::all(copy)?.into_iter().filter(|job| matches!(job.status, Status::Open | Status::Held)) {
        let state = state_of(copy, job.id)?;
        let is_lost = |output: &[u8]| number_of(output).is_some_and(|number| !known.has(number));
        let runs = state.open_answers().filter(|answers| answers.iter().any(|one| is_lost(&one.output)));
        lost.runs += runs.count() as u64;
    }
    Ok(lost)
}

/// Takes out of a copy what opens no more; what belongs to a job leaves its place behind.
pub(in crate::journal) fn take_out_lost(copy: &Connection, folder: &Path) -> Result<(), StoreError> {
    let known = Known::of(copy, folder)?;
    for (row, number, has_job) in waiting(copy)? {
        if known.has(number) {
            continue;
        }
        let sql = match has_job {
            true => "UPDATE inbox SET record = x'', key_id = NULL, bytes = 0 WHERE id = ?1",
            false => "DELETE FROM inbox WHERE id = ?1",
        };
        copy.execute(sql, [row]).doing("write what the backup keeps")?;
    }
    match known.identity {
        Some(identity) => note_identity(copy, &identity),
        None => Ok(()),
    }
}

/// The numbers of the keys of a folder.
pub(in crate::journal) fn numbers(folder: &Path) -> Result<HashSet<i64>, StoreError> {
    Table::look(folder)?.map_or(Ok(HashSet::new()), |table| table.numbers())
}

/// The keys that are there.
struct Known {
    numbers: HashSet<i64>,
    identity: Option<Vec<u8>>,
    is_foreign: bool,
}

impl Known {
    fn of(copy: &Connection, folder: &Path) -> Result<Known, StoreError> {
        let wanted = identity_in(copy)?;
        let table = Table::look(folder)?;
        let identity = table.as_ref().map(Table::identity).transpose()?;
        let is_foreign = wanted.is_some() && wanted != identity;
        let numbers = match table.filter(|_| !is_foreign) {
            Some(table) => table.numbers()?,
            None => HashSet::new(),
        };
        Ok(Known { numbers, identity, is_foreign })
    }

    fn has(&self, number: i64) -> bool {
        self.numbers.contains(&number)
    }
}

/// Rows with the numbers of their keys, and whether a job carries them out.
fn waiting(copy: &Connection) -> Result<Vec<(i64, i64, bool)>, StoreError> {
    let sql = "SELECT inbox.id, key_id, job IS NOT NULL FROM inbox LEFT JOIN windows ON windows.id = window \
               WHERE key_id IS NOT NULL";
    let mut statement = copy.prepare(sql).doing(DOING)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).doing(DOING)?;
    rows.collect::<rusqlite::Result<_>>().doing(DOING)
}

fn state_of(copy: &Connection, job: JobId) -> Result<State, StoreError> {
    let (mut state, mut after) = (State::default(), 0);
    loop {
        let rows = events::rows(copy, job, after, 64)?;
        let Some(last) = rows.last() else { return Ok(state) };
        after = last.id;
        for row in rows {
            let event = codec::decode(&row.body);
            state.apply(&event.map_err(|source| StoreError::Event { job, event: row.id, source })?);
        }
    }
}
