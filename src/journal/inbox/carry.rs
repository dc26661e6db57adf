//! Taking over what came in from a store that is replaced by an older copy of it.
//!
//! A row goes over as it is, sealed as it was, and waits again. What is known of events goes over too, so that
//! whoever brings one again starts nothing; how far feeds were read stays at what the copy says, which is never
//! ahead of what was taken over. Which rows are over is for others to say.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, Row, params};

use super::super::canary::CANARY_ORIGIN;
use super::super::error::{Doing, StoreError};
use super::carry_known::{Side, TAKEN, approvals, cursors, each, events, guarded, numbers, read_or, write};
use crate::job::JobId;

const DOING: &str = "take over what came in";

/// Requests of one workflow that came in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Came {
    /// Its name.
    pub workflow: String,
    /// How many.
    pub requests: u64,
    /// When the first of them came, in Unix milliseconds.
    pub since_ms: i64,
}

/// Why a row does not wait again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) enum Leave {
    /// It was carried out, skipped or forgotten, or a job of the copy has it.
    Over,
    /// Somebody gave it up.
    GivenUp,
}

/// What was taken over.
#[derive(Debug, Default)]
pub(in crate::journal) struct TakenOver {
    /// Requests that wait again.
    pub queued: Vec<Came>,
    /// Requests that cannot be opened any more.
    pub lost: Vec<Came>,
    /// Requests that somebody gave up.
    pub given_up: u64,
    /// The replaced store could not be read to its end.
    pub is_partial: bool,
}

/// The windows of a store that a job carries out.
pub(in crate::journal) fn windows(known: &Connection) -> rusqlite::Result<Vec<(i64, JobId)>> {
    let mut statement = known.prepare("SELECT id, job FROM windows WHERE job IS NOT NULL")?;
    statement.query_map([], |row| Ok((row.get(0)?, JobId(row.get(1)?))))?.collect()
}

/// The rows of a window, by position.
pub(in crate::journal) fn rows_of(known: &Connection, window: i64) -> rusqlite::Result<Vec<i64>> {
    let mut statement = known.prepare_cached("SELECT id FROM inbox WHERE window = ?1 ORDER BY due_ms, id")?;
    statement.query_map([window], |row| row.get(0))?.collect()
}

/// What waits in a store, by workflow.
pub(in crate::journal) fn waiting(known: &Connection) -> rusqlite::Result<Vec<Came>> {
    let sql = "SELECT workflow, count(*), min(received_ms) FROM inbox WHERE bytes > 0 AND origin <> ?1 \
               GROUP BY workflow ORDER BY workflow";
    let mut statement = known.prepare(sql)?;
    let came = |row: &Row<'_>| {
        let requests = row.get::<_, i64>(1)?.cast_unsigned();
        Ok(Came { workflow: row.get(0)?, requests, since_ms: row.get(2)? })
    };
    statement.query_map([CANARY_ORIGIN], came)?.collect()
}

/// Whether a request waits in a store that its older copy never heard of.
pub(in crate::journal) fn has_newer(known: &Connection, copy: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT workflow, key FROM inbox WHERE bytes > 0 AND origin <> ?1 ORDER BY id DESC";
    let mut statement = known.prepare(sql).doing(DOING)?;
    let mut rows = statement.query([CANARY_ORIGIN]).doing(DOING)?;
    let mut was_taken = copy.prepare("SELECT 1 FROM taken WHERE workflow = ?1 AND key = ?2").doing(DOING)?;
    while let Some(row) = rows.next().doing(DOING)? {
        let event: (String, Vec<u8>) = row.get(0).and_then(|name| Ok((name, row.get(1)?))).doing(DOING)?;
        if !was_taken.exists(event).doing(DOING)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Counts requests by workflow.
#[derive(Default)]
struct Counted(BTreeMap<String, (u64, i64)>);

impl Counted {
    fn add(&mut self, workflow: &str, received_ms: i64) {
        match self.0.get_mut(workflow) {
            Some((requests, since_ms)) => {
                (*requests, *since_ms) = (*requests + 1, received_ms.min(*since_ms))
            }
            None => drop(self.0.insert(workflow.to_owned(), (1, received_ms))),
        }
    }

    fn told(self) -> Vec<Came> {
        let came = |(workflow, (requests, since_ms))| Came { workflow, requests, since_ms };
        self.0.into_iter().map(came).collect()
    }
}

/// Takes over what came in since the copy was made, at `since_ms`. `leave` says of rows why they do not wait again,
/// here or in the copy, `opens` of the number of a key whether it is there. What was read before something could
/// not be read stays: it is true.
pub(in crate::journal) fn take_over(
    known: &Connection,
    to: &Connection,
    leave: &HashMap<i64, Leave>,
    opens: impl Fn(i64) -> bool,
    since_ms: i64,
) -> Result<TakenOver, StoreError> {
    let transaction = to.unchecked_transaction().doing(DOING)?;
    let (mut queued, mut lost, mut given_up) = (Counted::default(), Counted::default(), 0);
    let mut left: HashMap<(String, Vec<u8>), Leave> = HashMap::new();
    let mut all = || {
        numbers(known, &transaction)?;
        each(known, WAITING, |row| {
            let read = read_or(Waiting::of(row))?;
            if read.origin == CANARY_ORIGIN {
                return Ok(());
            }
            let reason = leave.get(&read.id).copied();
            if !read.take(&transaction).map_err(Side::Written)? {
                left.extend(reason.map(|reason| ((read.workflow, read.key), reason)));
                return Ok(());
            }
            match reason {
                Some(Leave::Over) => {}
                Some(Leave::GivenUp) => given_up += 1,
                None if read.key_id.is_some_and(|number| !opens(number)) => {
                    lost.add(&read.workflow, read.received_ms);
                }
                None => {
                    read.insert(&transaction).map_err(Side::Written)?;
                    queued.add(&read.workflow, read.received_ms);
                }
            }
            Ok(())
        })?;
        given_up += let_go(&transaction, &left).map_err(Side::Written)?;
        events(known, &transaction, since_ms)?;
        cursors(known, &transaction)?;
        approvals(known, &transaction)?;
        guarded(known, &transaction)
    };
    let is_partial = match all() {
        Ok(()) => false,
        Err(Side::Read) => true,
        Err(Side::Written(error)) => return Err(error),
    };
    transaction.commit().doing(DOING)?;
    Ok(TakenOver { queued: queued.told(), lost: lost.told(), given_up, is_partial })
}

const WAITING: &str = "SELECT id, workflow, origin, key, due_ms, received_ms, bytes, record, key_id FROM inbox \
                       WHERE bytes > 0 ORDER BY id";

/// A row that waits.
struct Waiting {
    id: i64,
    workflow: String,
    origin: String,
    key: Vec<u8>,
    due_ms: i64,
    received_ms: i64,
    bytes: i64,
    record: Vec<u8>,
    key_id: Option<i64>,
}

impl Waiting {
    fn of(row: &Row<'_>) -> rusqlite::Result<Waiting> {
        Ok(Waiting {
            id: row.get(0)?,
            workflow: row.get(1)?,
            origin: row.get(2)?,
            key: row.get(3)?,
            due_ms: row.get(4)?,
            received_ms: row.get(5)?,
            bytes: row.get(6)?,
            record: row.get(7)?,
            key_id: row.get(8)?,
        })
    }

    /// Notes that the event was taken; `false` when the copy knows that.
    fn take(&self, to: &Connection) -> Result<bool, StoreError> {
        write(to, TAKEN, params![self.workflow, self.key, self.received_ms]).map(|rows| rows > 0)
    }

    fn insert(&self, to: &Connection) -> Result<(), StoreError> {
        // Its number stays, unless the two stores went apart and gave it to another.
        let sql = "INSERT INTO inbox (id, workflow, origin, key, due_ms, received_ms, bytes, record, key_id) \
                   VALUES (iif(EXISTS (SELECT 1 FROM inbox WHERE id = ?1), NULL, ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let Waiting { id, workflow, origin, key, due_ms, received_ms, bytes, record, key_id } = self;
        let values = params![id, workflow, origin, key, due_ms, received_ms, bytes, record, key_id];
        write(to, sql, values).map(drop)
    }
}

/// Lets go what waits in the copy and does not any more in the store that it replaces; gives how much of that
/// somebody gave up.
fn let_go(to: &Connection, left: &HashMap<(String, Vec<u8>), Leave>) -> Result<u64, StoreError> {
    if left.is_empty() {
        return Ok(0);
    }
    let sql = "SELECT id, workflow, key FROM inbox \
               WHERE window IS NULL OR window IN (SELECT id FROM windows WHERE job IS NULL)";
    let mut statement = to.prepare(sql).doing(DOING)?;
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, (row.get(1)?, row.get(2)?)));
    let waiting = statement.query_map([], read).doing(DOING)?;
    let waiting: Vec<(i64, (String, Vec<u8>))> = waiting.collect::<rusqlite::Result<_>>().doing(DOING)?;
    let mut given_up = 0;
    for (row, event) in waiting {
        if let Some(leave) = left.get(&event) {
            write(to, "DELETE FROM inbox WHERE id = ?1", params![row])?;
            given_up += u64::from(*leave == Leave::GivenUp);
        }
    }
    Ok(given_up)
}
