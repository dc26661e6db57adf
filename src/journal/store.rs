//! The store of a process: opening it, and everything one can ask of it.
//!
//! Opening takes the lock, brings the database up to date, and folds what the indexes had not written
//! yet. Dropping commits what was handed over before, and gives the lock back.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::mpsc::UnboundedSender;

use crate::job::JobId;

use super::commit::{Committer, now_ms};
use super::compact::Compactor;
use super::directory::{Directory, file};
use super::error::{Doing, StoreError};
use super::holds::Holds;
use super::ids::Ids;
use super::inbox::{self, Amount, Lock, MOST_BYTES, MOST_ROWS};
use super::index::{self, Index};
use super::jobs::{self, NewJob};
use super::keys::{Masters, Ring, Rotated, Sealer};
use super::ledger::Ledger;
use super::marks::{self, Marks};
use super::reader::Reader;
use super::seal::Keys;
use super::segments::RECENT_RECORDS;
use super::unwatched::Unwatched;
use super::writer::{Command, Failure, Writer};
use super::{backup, made, schema};

/// What an inbox holds at most.
const MOST: Amount = Amount { rows: MOST_ROWS, bytes: MOST_BYTES };

/// A store that this process owns. Reads go through the [`Reader`] it dereferences to.
#[derive(Debug)]
pub struct Store {
    reader: Reader,
    ids: Ids,
    marks: Marks,
    pub(super) holds: Holds,
    keys: Keys,
    ring: Ring,
    commands: Sender<Command>,
    failure: Failure,
    thread: Option<JoinHandle<()>>,
    next_writer: AtomicU64,
    // Last, so that the lock goes back and a throw-away directory goes away after all else.
    directory: Directory,
}

impl Store {
    /// Opens the store of a directory, making what is missing. Fails when another process owns it.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        Store::open_with(path, Masters::default())
    }

    /// As [`Store::open`], where the settings name a master key.
    pub fn open_with(path: &Path, masters: Masters) -> Result<Store, StoreError> {
        Store::of(Directory::take(path)?, RECENT_RECORDS, MOST, masters)
    }

    /// A store in a directory of its own that is removed when the store is dropped.
    pub fn temporary() -> Result<Store, StoreError> {
        Store::of(Directory::temporary()?, RECENT_RECORDS, MOST, Masters::default())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Reads beside the writer; clone it for another thread.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The index of ids.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// The index of what accepted writes leave behind: freshness and the gate.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Writes a new job down.
    pub fn create_job(&self, job: NewJob) -> Result<JobId, StoreError> {
        self.task(move |connection| {
            let doing = "write a job";
            let transaction = connection.transaction().doing(doing)?;
            let id = jobs::insert(&transaction, &job).doing(doing)?;
            transaction.commit().doing(doing)?;
            Ok(id)
        })
    }

    /// A writer of a job's events. After every commit `durable` gets the number of the newest of its
    /// events that is on the disk; it closes when the writer is dropped, or when a write fails.
    pub fn writer(&self, job: JobId, durable: UnboundedSender<u64>) -> Writer {
        let number = self.next_writer.fetch_add(1, Ordering::Relaxed);
        // Without a thread to take it, the channel closes and says so.
        drop(self.commands.send(Command::Begin { writer: number, job, durable }));
        Writer::new(number, self.commands.clone(), Arc::clone(&self.failure))
    }

    /// Seals what unfinished requests of a job must remember.
    pub fn sealer(&self, job: JobId) -> Result<Sealer, StoreError> {
        Ok(Sealer::new(job, self.ring.clone(), self.keys.of_job(job)?))
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(super) fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Wraps the keys with the master key of the settings, or with a new one when the store has its own.
    pub fn rotate_keys(&self) -> Result<Rotated, StoreError> {
        self.with_committer(Committer::rotate_keys)
    }

    /// Fails when nothing can be written any more. Waits for what was handed over before.
    pub fn check_writer(&self) -> Result<(), StoreError> {
        self.task(|_| Ok(()))
    }

    /// Why nothing can be written any more, once a write failed. Asks nobody and waits for nothing.
    pub fn failure(&self) -> Option<StoreError> {
        self.failure.get().map(|failure| StoreError::Stopped(Some(Arc::clone(failure))))
    }

    /// With an index that makes segments of fewer records, so that a test needs fewer.
    #[cfg(test)]
    pub(super) fn with_small_segments(path: &Path, records: usize) -> Result<Store, StoreError> {
        Store::of(Directory::take(path)?, records, MOST, Masters::default())
    }

    /// With an inbox that holds fewer rows.
    #[cfg(test)]
    pub(super) fn with_small_inbox(path: &Path, rows: u64) -> Result<Store, StoreError> {
        Store::of(Directory::take(path)?, RECENT_RECORDS, Amount { rows, ..MOST }, Masters::default())
    }

    fn of(
        directory: Directory,
        recent_records: usize,
        inbox_most: Amount,
        masters: Masters,
    ) -> Result<Store, StoreError> {
        let database = directory.database();
        let connection = match made::was_made(directory.path())? {
            true => schema::open_writer(&database)?,
            false => schema::open_or_make(&database)?,
        };
        let keys = Keys::new(directory.keys());
        let ring = Ring::open(directory.keys(), masters)?;
        ring.check(&connection)?;
        let reader = Reader::of_database(&database, Lock::new(keys.clone(), ring.clone()))?;
        // After a restore a person may want the replaced database back, and its keys with it.
        if backup::restored(&connection)?.is_none() {
            destroy_leftover_keys(&connection, &keys)?;
        }
        let Index { keepers, ids, marks, last_event } = index::open(&connection, &database, recent_records)?;
        let holds = Holds::open(&connection, &marks)?;
        marks.read_releases(&connection)?;
        let restored = backup::restored(&connection)?;
        marks.set_unknown_until(restored.as_ref().and_then(backup::Restored::unknown_until_ms));
        if restored.is_none() {
            ring.sweep(&connection, last_event)?;
        }
        let inbox = inbox::amount(&connection).doing("count what came in")?;
        let compactor = Compactor::open(&connection)?;
        let unwatched = Unwatched::open(&connection).doing("read what it watches")?;
        let ledger = Ledger::open(&connection, keys.ledger_or_new()?, marks::secret(&connection)?)?;
        let failure: Failure = Arc::new(OnceLock::new());
        let committer = Committer {
            connection,
            path: directory.path().to_owned(),
            keys: keys.clone(),
            ring: ring.clone(),
            keepers,
            compactor,
            ledger,
            inbox,
            inbox_most,
            failure: Arc::clone(&failure),
            writers: HashMap::new(),
            keeps_key: HashSet::new(),
            unwatched,
            last_event,
            body: Vec::new(),
        };
        let (commands, received) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || committer.run(&received))
            .map_err(file("start the thread that writes", directory.path()))?;
        let is_restored = reader.restored()?.is_some();
        let store = Store {
            reader,
            ids,
            marks,
            holds,
            keys,
            ring,
            commands,
            failure,
            thread: Some(thread),
            next_writer: AtomicU64::new(1),
            directory,
        };
        // After a restore a person may want the replaced database back, and its keys with it.
        if !is_restored {
            store.end_retention(now_ms())?;
        }
        Ok(store)
    }

    /// Does something with the one connection that writes, after what was handed over before.
    pub(super) fn task<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.with_committer(move |committer| task(&mut committer.connection))
    }

    /// Does something with all that writes, after what was handed over before.
    pub(super) fn with_committer<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Committer) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = mpsc::sync_channel(1);
        let task = move |committer: Result<&mut Committer, &Arc<StoreError>>| {
            let result = match committer {
                Ok(committer) => task(committer),
                Err(failure) => Err(StoreError::Stopped(Some(Arc::clone(failure)))),
            };
            // Whoever asked waits for exactly this.
            drop(answer.send(result));
        };
        self.tell(Command::Task(Box::new(task)))?;
        answered.recv().map_err(|_| self.stopped())?
    }

    /// Tells the thread that writes.
    pub(super) fn tell(&self, command: Command) -> Result<(), StoreError> {
        self.commands.send(command).map_err(|_| self.stopped())
    }

    /// Why the thread that writes does not answer.
    pub(super) fn stopped(&self) -> StoreError {
        StoreError::Stopped(self.failure.get().cloned())
    }
}

impl Deref for Store {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // A thread that is gone needs no telling.
        drop(self.commands.send(Command::Stop));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(store = %self.path().display(), "the thread that writes the store panicked");
        }
    }
}

/// Destroys the keys of jobs that are over for good: a crash can come between their last event and that.
fn destroy_leftover_keys(connection: &Connection, keys: &Keys) -> Result<(), StoreError> {
    for job in keys.jobs()? {
        if !jobs::needs_key(connection, job).doing("read its jobs")? {
            keys.destroy(job)?;
        }
    }
    if !inbox::holds_of_one_key(connection).doing("read what came in")? {
        keys.destroy_inbox()?;
    }
    Ok(())
}
