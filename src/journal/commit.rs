//! The thread that writes: everything that came meanwhile, in one transaction.
//!
//! The order within a commit is what makes it safe: events and their notes go to the disk, then the
//! indexes of ids and marks learn of them, then the callers hear of it. A caller that hears that a
//! request ended may forget its id, because the index has it. The first failure ends all writing: a
//! hole in a job's events could not be told from what happened.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use tokio::sync::mpsc::UnboundedSender;

use crate::job::{Event, JobId};
use crate::ledger::Witness;

use super::compact::Compactor;
use super::error::{Doing, StoreError};
use super::events::{self, Row};
use super::guard::{self, Irreversible};
use super::inbox::{self, Accept};
use super::keys::{Ring, Rotated};
use super::ledger::{Ledger, Packing};
use super::seal::Keys;
use super::segments::Keepers;
use super::unwatched::Unwatched;
use super::writer::{Command, Failure, Sealed};
use super::{codec, index, jobs, sought};

/// Events in one commit at most: bounds what a caller waits for and what the log grows by.
const MOST_EVENTS: usize = 1024;
/// Calls with arrivals in one commit at most, for the same reason.
const MOST_ACCEPTS: usize = 256;
/// Index records that a commit with events, or one without, merges by the way: half a millisecond,
/// and a few.
const SLICE_WITH_EVENTS: usize = 4096;
const SLICE_WHEN_IDLE: usize = 32_768;

/// Owns the connection that writes.
pub(super) struct Committer {
    pub connection: Connection,
    pub path: PathBuf,
    pub keys: Keys,
    pub ring: Ring,
    pub keepers: Keepers,
    pub compactor: Compactor,
    pub ledger: Ledger,
    /// What the inbox holds, and what it may.
    pub inbox: inbox::Amount,
    pub inbox_most: inbox::Amount,
    pub failure: Failure,
    pub writers: HashMap<u64, Open>,
    /// Jobs that are known to keep their keys.
    pub keeps_key: HashSet<JobId>,
    /// Jobs that may leave looks.
    pub unwatched: Unwatched,
    /// Number of the newest event.
    pub last_event: i64,
    pub body: Vec<u8>,
}

/// A writer whose events are taken.
pub(super) struct Open {
    job: JobId,
    durable: UnboundedSender<u64>,
    /// Events of it that are in the group or on the disk.
    taken: u64,
}

/// An event that is to be written.
struct Taking {
    writer: u64,
    job: JobId,
    event: Event,
    note: Option<Irreversible>,
    witness: Option<Box<Witness>>,
    sought: Sealed,
}

/// What one transaction will hold.
#[derive(Default)]
struct Group {
    events: Vec<Taking>,
    accepts: Vec<Accept>,
    ended: Vec<u64>,
}

/// What became of the accepts of a group, in their order.
type Taken = Vec<Result<Vec<inbox::Accepted>, StoreError>>;

/// What came after a group and must wait for it.
enum Then {
    GoOn,
    Do(super::writer::Task),
    Stop,
}

impl Committer {
    /// Works until it is told to stop or nobody is left to tell it.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        loop {
            let first = if self.failure.get().is_none() && self.has_work() {
                match commands.try_recv() {
                    Ok(command) => Some(command),
                    Err(TryRecvError::Empty) => None,
                    Err(TryRecvError::Disconnected) => break,
                }
            } else {
                match self.next(commands) {
                    Some(command) => Some(command),
                    None => break,
                }
            };
            let (group, then) = self.gather(first, commands);
            self.commit(group);
            match then {
                Then::GoOn => {}
                Then::Do(task) => match self.failure.get() {
                    Some(failure) => task(Err(failure)),
                    None => task(Ok(&mut self)),
                },
                Then::Stop => break,
            }
        }
        if let Err(error) = self.ring.destroy(self.last_event) {
            // The next start sweeps them up.
            tracing::warn!(%error, "keys of requests that are over were not destroyed");
        }
        if let Err(error) = self.sign_ledger() {
            // The next process signs it with what it writes itself.
            tracing::warn!(%error, "the last entries of the ledger are not signed yet");
        }
        // Everything is in the log already; moving it into the database only saves the next start time.
        if let Err(error) = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::debug!(%error, "the log of the store stays beside it");
        }
    }

    /// Signs what was written last.
    fn sign_ledger(&mut self) -> Result<(), StoreError> {
        if self.failure.get().is_some() || !self.ledger.is_unsigned() {
            return Ok(());
        }
        let transaction = self.connection.transaction().doing("sign its ledger")?;
        self.ledger.sign(&transaction, now_ms())?;
        transaction.commit().doing("sign its ledger")
    }

    /// The next command; `None` when nobody is left to give one. While nothing comes, what was written last
    /// is signed, and keys that nothing needs are destroyed, when it is time for that.
    fn next(&mut self, commands: &Receiver<Command>) -> Option<Command> {
        while self.failure.get().is_none() {
            let signs_in = self.ledger.is_unsigned().then(|| self.ledger.unsigned_for(now_ms()));
            let destroys_in = self.ring.destroys_in();
            let Some(patience) = signs_in.into_iter().chain(destroys_in).min() else { break };
            match commands.recv_timeout(patience) {
                Ok(command) => return Some(command),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    let done = match destroys_in == Some(patience) {
                        true => self.ring.destroy(self.last_event),
                        false => self.sign_ledger(),
                    };
                    if let Err(error) = done {
                        self.fail(error);
                    }
                }
            }
        }
        commands.recv().ok()
    }

    /// Wraps every key anew.
    pub(super) fn rotate_keys(&mut self) -> Result<Rotated, StoreError> {
        self.ring.write(self.last_event)?;
        self.ring.rotate()
    }

    /// Whether there is something to do while nobody asks for anything.
    pub(super) fn has_work(&self) -> bool {
        self.keepers.has_work(self.last_event)
            || self.compactor.has_work(self.keepers.covered_by_all())
            || self.must_pack()
    }

    /// Whether it is time to pack entries of the ledger.
    fn must_pack(&self) -> bool {
        self.ledger.has_work(if self.writers.is_empty() { Packing::Idle } else { Packing::Busy })
    }

    fn gather(&mut self, first: Option<Command>, commands: &Receiver<Command>) -> (Group, Then) {
        let mut group = Group::default();
        let mut next = first;
        while let Some(command) = next {
            match command {
                Command::Begin { writer, job, durable } => {
                    // Dropping the sender is how a writer hears that nothing will be written.
                    if self.failure.get().is_none() {
                        self.writers.insert(writer, Open { job, durable, taken: 0 });
                    }
                }
                Command::Append { writer, event, note, witness, sought } => {
                    if let Some(open) = self.writers.get_mut(&writer) {
                        open.taken += 1;
                        let job = open.job;
                        group.events.push(Taking { writer, job, event, note, witness, sought });
                    }
                }
                Command::Together { writer, events } => {
                    if let Some(open) = self.writers.get_mut(&writer) {
                        open.taken += events.len() as u64;
                        let job = open.job;
                        let taking = |(event, sought)| {
                            let (note, witness) = (None, None);
                            Taking { writer, job, event, note, witness, sought }
                        };
                        group.events.extend(events.into_iter().map(taking));
                    }
                }
                Command::End { writer } => group.ended.push(writer),
                Command::Accept(accept) => group.accepts.push(*accept),
                Command::Task(task) => return (group, Then::Do(task)),
                Command::Stop => return (group, Then::Stop),
            }
            if group.events.len() >= MOST_EVENTS || group.accepts.len() >= MOST_ACCEPTS {
                break;
            }
            next = commands.try_recv().ok();
        }
        (group, Then::GoOn)
    }

    fn commit(&mut self, group: Group) {
        let mut taken = Taken::new();
        if self.failure.get().is_none() {
            match self.try_commit(&group) {
                Ok(accepted) => taken = accepted,
                Err(error) => self.fail(error),
            }
        }
        let mut taken = taken.into_iter();
        for accept in group.accepts {
            let stopped = || Err(StoreError::Stopped(self.failure.get().cloned()));
            // Whoever asked waits for exactly this.
            drop(accept.answer.send(taken.next().unwrap_or_else(stopped)));
        }
        for writer in group.ended {
            self.writers.remove(&writer);
        }
    }

    fn try_commit(&mut self, group: &Group) -> Result<Taken, StoreError> {
        let (has_work, must_pack) = (self.keepers.has_work(self.last_event), self.must_pack());
        let is_idle = group.events.is_empty() && group.accepts.is_empty();
        if is_idle && !self.has_work() {
            return Ok(Taken::new());
        }
        let (mut closed, mut keys) = (Vec::new(), Vec::new());
        let covered = self.last_event;
        // What is sealed must never be on the disk without its key.
        let is_first = self.ring.write(covered)?;
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begun.doing("begin to write")?;
        let at_ms = now_ms();
        if is_first {
            self.ring.note_identity(&transaction)?;
        }
        for Taking { job, event, note, witness, sought, .. } in &group.events {
            self.last_event += 1;
            self.body.clear();
            codec::encode(event, &mut self.body);
            let (id, kind, body) = (self.last_event, codec::kind_of(event), self.body.as_slice());
            let row = Row { id, job: *job, kind, at_ms, body };
            write(&transaction, &row, event, note.as_ref()).doing("write an event")?;
            self.ledger.event(&transaction, at_ms, *job, (id, event), witness.as_deref())?;
            for (position, sealed) in sought {
                sought::write(&transaction, (*job, id), *position, sealed).doing("write an event")?;
            }
            self.unwatched.note(&transaction, (*job, id, at_ms), event)?;
            if jobs::leaves_something_to_try(event) && self.keeps_key.insert(*job) {
                jobs::keep_key(&transaction, *job).doing("write an event")?;
            }
            if jobs::status_after(event).is_some_and(crate::job::Status::is_closed) {
                closed.push(*job);
            }
        }
        for job in &closed {
            let gone = inbox::job_is_gone(&transaction, *job, &mut keys)?;
            self.inbox = self.inbox.less(gone);
        }
        let mut taken = Taken::new();
        for accept in &group.accepts {
            let accepted = inbox::write(&transaction, accept, &mut self.inbox, self.inbox_most, at_ms)?;
            keys.extend(accept.keys_of_refused(&accepted));
            if let Ok(accepted) = &accepted {
                self.ledger.received(&transaction, at_ms, accept, accepted)?;
            }
            taken.push(accepted);
        }
        self.ledger.sign_if_due(&transaction, at_ms)?;
        if has_work {
            let slice = if is_idle { SLICE_WHEN_IDLE } else { SLICE_WITH_EVENTS };
            self.keepers.work(&transaction, covered, slice)?;
        } else if is_idle && must_pack {
            self.ledger.work(&transaction)?;
            self.compactor.may_shrink();
        } else if is_idle {
            self.compactor.work(&transaction, self.keepers.covered_by_all(), &self.ring)?;
        }
        transaction.commit().doing("bring events to the disk")?;
        self.keepers.committed();
        self.ring.over(keys);
        self.tell(group, &closed);
        if self.ring.destroys_in().is_some_and(|destroys_in| destroys_in.is_zero()) {
            self.ring.destroy(self.last_event)?;
        }
        Ok(taken)
    }

    /// What follows from a commit that is on the disk.
    fn tell(&mut self, group: &Group, closed: &[JobId]) {
        index::add(&self.keepers, group.events.iter().map(|taking| (taking.job, &taking.event)));
        for Taking { job, event, .. } in &group.events {
            if let Err(error) = self.ring.ended(*job, event) {
                // The next start finds out.
                tracing::warn!(job.id = %job, %error, "keys of {job} that nothing needs were not destroyed");
            }
        }
        for job in closed {
            let needed = jobs::needs_key(&self.connection, *job).doing("read its jobs");
            let destroyed = needed.and_then(|needed| match needed {
                true => {
                    self.ring.rest(*job);
                    Ok(())
                }
                false => self.keys.destroy(*job).and_then(|()| self.ring.close(*job)),
            });
            if let Err(error) = self.compactor.add(&self.connection, *job) {
                // The next start finds it.
                tracing::warn!(job.id = %job, %error, "the events of {job}, which is over, stay as they are");
            }
            if let Err(error) = destroyed {
                // The next start destroys it.
                tracing::warn!(job.id = %job, %error, "the key of {job}, which is over, was not destroyed");
            }
        }
        let mut told = None;
        for Taking { writer, .. } in &group.events {
            if told != Some(writer)
                && let Some(open) = self.writers.get(writer)
                // A caller that no longer listens has nothing to wait for.
                && open.durable.send(open.taken).is_ok()
            {
                told = Some(writer);
            }
        }
    }

    pub(super) fn fail(&mut self, error: StoreError) {
        let error = match error {
            StoreError::Sqlite { doing: _, source }
                if source.sqlite_error_code() == Some(ErrorCode::DiskFull) =>
            {
                StoreError::Full { path: self.path.clone() }
            }
            error => error,
        };
        tracing::error!(store = %self.path.display(), %error, "the store stopped writing: {error}");
        // Only this thread sets it, and only when it is not set.
        drop(self.failure.set(Arc::new(error)));
        self.writers.clear();
    }
}

fn write(
    transaction: &Transaction<'_>,
    row: &Row<&[u8]>,
    event: &Event,
    note: Option<&Irreversible>,
) -> rusqlite::Result<()> {
    events::insert(transaction, row)?;
    if let Some(status) = jobs::status_after(event) {
        jobs::set_status(transaction, row.job, status)?;
    } else if row.kind == codec::kind::REOPENED {
        jobs::reopen(transaction, row.job)?;
    }
    note.map_or(Ok(()), |note| guard::note(transaction, note))
}

pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
