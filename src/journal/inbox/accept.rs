//! Taking arrivals in: sealed where they came from, written with whatever else the store writes then.

use std::sync::mpsc::SyncSender;

use rusqlite::Connection;

use crate::ledger::FEW;
use crate::request::{Identity, identity};

use super::super::Store;
use super::super::error::{Doing, StoreError};
use super::super::writer::Command;
use super::rows::{self, Sealed};
use super::{Accepted, Amount, Arrival, Cursor, MOST_RECORD_BYTES, Skipped};

const DOING: &str = "write what came in";

/// Arrivals on their way to the thread that writes.
pub(in crate::journal) struct Accept {
    pub rows: Vec<Sealed>,
    pub moves: Option<Cursor>,
    pub skips: Vec<Skipped>,
    /// Digests of workflow and id, of few rows that have an id, in their order.
    pub requests: Vec<Option<[u8; 16]>>,
    pub answer: SyncSender<Result<Vec<Accepted>, StoreError>>,
}

impl Store {
    /// Takes arrivals in, all or none, and moves a cursor with them. They are on the disk when this
    /// returns; it blocks until then. Refused as a whole when the inbox is full.
    pub fn accept(&self, arrivals: Vec<Arrival>, moves: Option<Cursor>) -> Result<Vec<Accepted>, StoreError> {
        if arrivals.is_empty() && moves.is_none() {
            return Ok(Vec::new());
        }
        let lock = self.inbox_lock();
        let requests = match arrivals.len() {
            0..=FEW => arrivals.iter().map(request_of).collect(),
            _ => Vec::new(),
        };
        let rows = arrivals.into_iter().map(|arrival| {
            check(&arrival)?;
            let (key_id, record) = lock.seal(&arrival.workflow, &arrival.key, &arrival.record)?;
            Ok(Sealed { arrival: Arrival { record: Vec::new(), ..arrival }, key_id, record })
        });
        let rows = rows.collect::<Result<Vec<_>, StoreError>>()?;
        self.hand_over(rows, moves, Vec::new(), requests)
    }

    /// Notes what was looked at and starts nothing. Of the same event only the last reason stays.
    pub fn note_skipped(&self, skips: Vec<Skipped>) -> Result<(), StoreError> {
        if skips.is_empty() {
            return Ok(());
        }
        self.hand_over(Vec::new(), None, skips, Vec::new()).map(drop)
    }

    fn hand_over(
        &self,
        rows: Vec<Sealed>,
        moves: Option<Cursor>,
        skips: Vec<Skipped>,
        requests: Vec<Option<[u8; 16]>>,
    ) -> Result<Vec<Accepted>, StoreError> {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        let accept = Accept { rows, moves, skips, requests, answer };
        self.tell(Command::Accept(Box::new(accept)))?;
        answered.recv().map_err(|_| self.stopped())?
    }
}

/// The digest of a request's workflow and id, as its job will know it; `None` without an id.
fn request_of(arrival: &Arrival) -> Option<[u8; 16]> {
    #[derive(serde::Deserialize)]
    struct Named {
        id: String,
    }
    let Named { id } = serde_json::from_slice(&arrival.record).ok()?;
    Some(identity(&arrival.workflow, Identity::Id(&id)))
}

/// A record must stand on a line of its own.
fn check(arrival: &Arrival) -> Result<(), StoreError> {
    let record = &arrival.record;
    let what = match record {
        _ if record.len() > MOST_RECORD_BYTES => "it is longer than a megabyte",
        _ if record.trim_ascii().is_empty() => "it is empty",
        _ if record.iter().any(|byte| matches!(byte, b'\n' | b'\r')) => "it has more than one line",
        _ => return Ok(()),
    };
    Err(StoreError::Arrival { origin: arrival.origin.clone(), what })
}

impl Accept {
    /// The keys of what was not taken: nothing needs them.
    pub(in crate::journal) fn keys_of_refused(
        &self,
        taken: &Result<Vec<Accepted>, StoreError>,
    ) -> impl Iterator<Item = i64> {
        let is_refused = move |number: usize| match taken {
            Ok(accepted) => accepted.get(number) != Some(&Accepted::New),
            Err(_) => true,
        };
        let rows = self.rows.iter().enumerate();
        rows.filter(move |(number, _)| is_refused(*number)).map(|(_, row)| row.key_id)
    }
}

/// Writes what is accepted, or nothing of it; `held` is what the inbox holds.
pub(in crate::journal) fn write(
    connection: &Connection,
    accept: &Accept,
    held: &mut Amount,
    most: Amount,
    now_ms: i64,
) -> Result<Result<Vec<Accepted>, StoreError>, StoreError> {
    connection.execute_batch("SAVEPOINT accept").doing(DOING)?;
    let before = *held;
    let mut accepted = Vec::with_capacity(accept.rows.len());
    for row in &accept.rows {
        accepted.push(rows::take_in(connection, row, held, now_ms).doing(DOING)?);
    }
    if *held != before && (held.rows > most.rows || held.bytes > most.bytes) {
        *held = before;
        connection.execute_batch("ROLLBACK TO accept; RELEASE accept").doing(DOING)?;
        return Ok(Err(StoreError::InboxFull { rows: before.rows }));
    }
    if let Some(cursor) = &accept.moves {
        rows::move_cursor(connection, cursor, now_ms).doing(DOING)?;
    }
    for skip in &accept.skips {
        rows::note_skipped(connection, skip).doing(DOING)?;
    }
    connection.execute_batch("RELEASE accept").doing(DOING)?;
    Ok(Ok(accepted))
}
