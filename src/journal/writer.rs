//! The handle that appends a job's events.
//!
//! Appending returns at once; the numbers of events come back through the caller's channel when they
//! are on the disk. When a write fails the channel closes and nothing more comes: act only on what a
//! number was received for.

use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};

use rusqlite::Connection;
use tokio::sync::mpsc::UnboundedSender;

use crate::job::{Event, JobId, Position};
use crate::ledger::Witness;

use super::commit::Committer;
use super::error::StoreError;
use super::guard::Irreversible;
use super::inbox::Accept;

/// The first failure of the writer, once there was one.
pub(super) type Failure = Arc<OnceLock<Arc<StoreError>>>;

/// What the writer's thread is asked to do.
pub(super) enum Command {
    /// Events with this writer's number belong to this job.
    Begin { writer: u64, job: JobId, durable: UnboundedSender<u64> },
    /// The writer's next event.
    Append {
        writer: u64,
        event: Event,
        note: Option<Irreversible>,
        witness: Option<Box<Witness>>,
        sought: Sealed,
    },
    /// The writer's next events, which go to the disk together or not at all.
    Together { writer: u64, events: Vec<(Event, Sealed)> },
    /// No more events come from this writer.
    End { writer: u64 },
    /// What came in, together with whatever else is written then.
    Accept(Box<Accept>),
    /// Something else with what writes, in transactions of its own.
    Task(Task),
    /// Commit what came before, and stop.
    Stop,
}

/// What looks ask for, sealed, of requests that an event ends ([`super::Sealer::seal_sought`]); empty where it
/// could not be sealed.
pub type Sealed = Vec<(Position, Vec<u8>)>;

/// Is called with what writes, or with the reason why nothing is written any more.
pub(super) type Task = Box<dyn FnOnce(Result<&mut Committer, &Arc<StoreError>>) + Send>;

/// Appends events of one job, in order.
pub struct Writer {
    number: u64,
    appended: u64,
    commands: Sender<Command>,
    failure: Failure,
}

impl Writer {
    pub(super) fn new(number: u64, commands: Sender<Command>, failure: Failure) -> Writer {
        Writer { number, appended: 0, commands, failure }
    }

    /// Hands an event over to be written, and gives its number in this writer: 1 for the first. The
    /// event is durable when that number or a higher one comes through the writer's channel.
    pub fn append(&mut self, event: Event) -> u64 {
        self.append_sought(event, None, None, Vec::new())
    }

    /// As [`Writer::append`], of events that are durable together or not at all; gives the number of the last.
    pub fn append_together(&mut self, events: Vec<Event>) -> u64 {
        self.append_all(events.into_iter().map(|event| (event, Sealed::new())).collect())
    }

    /// As [`Writer::append_together`], each with what is kept of the requests that end for looks at them.
    pub fn append_all(&mut self, events: Vec<(Event, Sealed)>) -> u64 {
        self.appended += events.len() as u64;
        drop(self.commands.send(Command::Together { writer: self.number, events }));
        self.appended
    }

    /// As [`Writer::append`], with a note for the guard and what the ledger is to know besides in the same
    /// transaction.
    pub fn append_with(
        &mut self,
        event: Event,
        note: Option<Irreversible>,
        witness: Option<Box<Witness>>,
    ) -> u64 {
        self.append_sought(event, note, witness, Vec::new())
    }

    /// As [`Writer::append_with`], with what is kept of the requests that end for looks at them.
    pub fn append_sought(
        &mut self,
        event: Event,
        note: Option<Irreversible>,
        witness: Option<Box<Witness>>,
        sought: Sealed,
    ) -> u64 {
        self.appended += 1;
        // Without a thread to take it the event never becomes durable, and the closed channel says so.
        drop(self.commands.send(Command::Append { writer: self.number, event, note, witness, sought }));
        self.appended
    }

    /// Does something else once what came before is written; nobody waits for it, and what goes wrong is logged.
    pub(super) fn later(
        &self,
        task: impl FnOnce(&mut Connection) -> Result<(), StoreError> + Send + 'static,
    ) {
        let task: Task = Box::new(move |committer| {
            // Why nothing is written any more is told by what waits.
            if let Ok(Err(error)) = committer.map(|committer| task(&mut committer.connection)) {
                tracing::warn!(%error, "a note could not be written: {error}");
            }
        });
        drop(self.commands.send(Command::Task(task)));
    }

    /// Why nothing is written any more; `None` while all is well.
    pub fn error(&self) -> Option<Arc<StoreError>> {
        self.failure.get().cloned()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without a thread there is nothing to end.
        drop(self.commands.send(Command::End { writer: self.number }));
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("number", &self.number).field("appended", &self.appended).finish()
    }
}
