//! Reading a store: its jobs and their events, beside whoever writes.
//!
//! A [`Reader`] sees what is durable at the moment it looks. It takes no lock on the store, so that
//! a command can show a job while another process runs it.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use crate::job::{Event, JobId, Position, State};
use crate::ledger::{Blinds, Chain, PublicKey, Signer};

use super::directory::{database_in, keys_in};
use super::error::{Doing, StoreError};
use super::events::{self, Row};
use super::jobs::{self, JobRecord};
use super::keys::{Masters, Ring};
use super::ledger::{self, Stored};
use super::pseudonyms::Pseudonyms;
use super::seal::Keys;
use super::{codec, guard, inbox, made, marks, schema};

/// Events read at once: two megabytes when every one of them is a full batch of failures.
/// More come when they stand in one row.
const READ_AT_ONCE: usize = 64;

/// Reads a store. Clone it freely.
#[derive(Debug, Clone)]
pub struct Reader {
    connection: Arc<Mutex<Connection>>,
    inbox_lock: inbox::Lock,
}

impl Reader {
    /// Opens the store of a directory to read it only; another process may own it.
    pub fn open(path: &Path) -> Result<Reader, StoreError> {
        Reader::open_with(path, Masters::default())
    }

    /// As [`Reader::open`], where the settings name a master key.
    pub fn open_with(path: &Path, masters: Masters) -> Result<Reader, StoreError> {
        Reader::of_database(&there(path)?, Reader::lock_of(path, masters))
    }

    /// As [`Reader::open`], also of a store that an earlier release wrote: only to back it up as it is.
    pub fn open_to_back_up(path: &Path) -> Result<Reader, StoreError> {
        let connection = Arc::new(Mutex::new(schema::open_to_copy(&there(path)?)?));
        Ok(Reader { connection, inbox_lock: Reader::lock_of(path, Masters::default()) })
    }

    /// Whether there is a store that can be worked on, of whichever format: who opens it to write brings it up
    /// to date.
    pub fn must_be_there(path: &Path) -> Result<(), StoreError> {
        match Reader::open(path) {
            Ok(_) | Err(StoreError::Older { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn of_database(database: &Path, inbox_lock: inbox::Lock) -> Result<Reader, StoreError> {
        Ok(Reader { connection: Arc::new(Mutex::new(schema::open_reader(database)?)), inbox_lock })
    }

    fn lock_of(path: &Path, masters: Masters) -> inbox::Lock {
        inbox::Lock::new(Keys::new(keys_in(path)), Ring::beside(keys_in(path), masters))
    }

    /// All jobs, oldest first.
    pub fn jobs(&self) -> Result<Vec<JobRecord>, StoreError> {
        jobs::all(&self.lock())
    }

    /// One job.
    pub fn job(&self, job: JobId) -> Result<JobRecord, StoreError> {
        jobs::one(&self.lock(), job)
    }

    /// The newest job that carries out this workflow on this input and was not cancelled.
    pub fn find_job(
        &self,
        workflow_name: &str,
        workflow_digest: &[u8; 32],
        input_digest: &[u8; 32],
    ) -> Result<Option<JobRecord>, StoreError> {
        jobs::find(&self.lock(), workflow_name, workflow_digest, input_digest)
    }

    /// The jobs of a workflow that are open or held, oldest first.
    pub fn open_jobs(&self, workflow_name: &str) -> Result<Vec<JobRecord>, StoreError> {
        jobs::open(&self.lock(), workflow_name)
    }

    /// All jobs that are open, oldest first; those that their guard holds are not.
    pub fn all_open_jobs(&self) -> Result<Vec<JobId>, StoreError> {
        jobs::all_open(&self.lock())
    }

    /// The events of a job in the order they happened, read piece by piece.
    pub fn events(&self, job: JobId) -> Events {
        Events { reader: self.clone(), job, after: 0, pending: VecDeque::new(), is_over: false }
    }

    /// The records of a job that a person ever had tried again, in the order of the input; asks an index, so that it
    /// costs nothing for the many jobs without.
    pub fn reopened(&self, job: JobId) -> Result<BTreeSet<Position>, StoreError> {
        let doing = "read its events";
        let connection = self.lock();
        // The kind stands in the text, because the index is of this kind only.
        let (columns, kind) = (events::COLUMNS, codec::kind::REOPENED);
        let sql = format!("SELECT {columns} FROM events WHERE job = ?1 AND kind = {kind}");
        let mut statement = connection.prepare_cached(&sql).doing(doing)?;
        let mut rows = statement.query([job.0]).doing(doing)?;
        let mut positions = BTreeSet::new();
        while let Some(row) = rows.next().doing(doing)? {
            let row = events::of(row)?;
            match codec::decode(&row.body) {
                Ok(Event::Reopened(reopened)) => positions.extend(reopened.positions),
                Ok(_) => {
                    return Err(StoreError::Damaged { what: "an event is not of the kind it stands under" });
                }
                Err(source) => return Err(StoreError::Event { job, event: row.id, source }),
            }
        }
        Ok(positions)
    }

    /// Where a job stands: all its events, folded.
    pub fn state(&self, job: JobId) -> Result<State, StoreError> {
        self.fold(job, |_| ())
    }

    /// As [`Reader::state`], and shows every event on the way.
    pub fn fold(&self, job: JobId, mut see: impl FnMut(&Recorded)) -> Result<State, StoreError> {
        let mut state = State::expecting(self.reopened(job)?);
        for recorded in self.events(job) {
            let recorded = recorded?;
            see(&recorded);
            state.apply(&recorded.event);
        }
        Ok(state)
    }

    /// Makes the digests under which the store keeps identifiers.
    pub fn pseudonyms(&self) -> Result<Pseudonyms, StoreError> {
        let secret = marks::known_secret(&self.lock())?;
        let none = StoreError::Damaged { what: "its secret is not there" };
        secret.map(Pseudonyms::new).ok_or(none)
    }

    /// People irreversibly written to in a workspace at or after a moment in Unix milliseconds.
    pub fn irreversible(&self, workspace: &str, since_ms: i64) -> Result<u64, StoreError> {
        guard::count(&self.lock(), workspace, since_ms).doing("count the people it wrote to")
    }

    /// Entries of the ledger behind one, the first so many, in order.
    pub fn ledger(&self, after: u64, most: u32) -> Result<Vec<Stored>, StoreError> {
        ledger::rows(&self.lock(), after, most)
    }

    /// The number of the ledger's first entry at or after a moment in Unix milliseconds; behind the last when
    /// there is none.
    pub fn ledger_since(&self, since_ms: i64) -> Result<u64, StoreError> {
        ledger::first_since(&self.lock(), since_ms)
    }

    /// Where the ledger stands at an entry, if it has it; zero is before the first.
    pub fn ledger_at(&self, seq: u64) -> Result<Option<Chain>, StoreError> {
        ledger::chain_at(&self.lock(), seq)
    }

    /// The keys that ever signed the ledger, in their order.
    pub fn ledger_keys(&self) -> Result<Vec<PublicKey>, StoreError> {
        ledger::keys(&self.lock())
    }

    /// The key that signs the ledger.
    pub fn ledger_signer(&self) -> Result<Signer, StoreError> {
        self.inbox_lock.keys().ledger()
    }

    /// Makes the blinds of an event's leaves in the ledger.
    pub fn blinds(&self, job: JobId, event: i64) -> Result<Blinds, StoreError> {
        let secret = marks::known_secret(&self.lock())?;
        let none = StoreError::Damaged { what: "its secret is not there" };
        secret.map(|secret| Blinds::of(secret.as_slice(), job.0, event)).ok_or(none)
    }

    /// A connection of its own to the same database, for what takes long.
    pub(super) fn beside(&self) -> Result<Connection, StoreError> {
        let path = self.lock().path().map(PathBuf::from);
        schema::open_to_copy(&path.unwrap_or_default())
    }

    /// The key of what came in.
    pub(super) fn inbox_lock(&self) -> &inbox::Lock {
        &self.inbox_lock
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The database of a store that is there.
fn there(path: &Path) -> Result<PathBuf, StoreError> {
    let database = database_in(path);
    match made::is_filled(&database)? {
        true => Ok(database),
        false if made::was_made(path)? => Err(StoreError::Lost { database }),
        false => Err(StoreError::Missing { path: path.to_owned() }),
    }
}

/// An event with when it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Number of the event in the store; grows with time, over all jobs.
    pub number: i64,
    /// When it was written, in Unix milliseconds.
    pub at_ms: i64,
    /// What happened.
    pub event: Event,
}

/// The events of a job. Takes memory for a few of them at a time.
#[derive(Debug)]
pub struct Events {
    reader: Reader,
    job: JobId,
    after: i64,
    pending: VecDeque<Row>,
    is_over: bool,
}

impl Events {
    fn read_on(&mut self) -> Result<(), StoreError> {
        let connection = self.reader.lock();
        self.pending = events::rows(&connection, self.job, self.after, READ_AT_ONCE)?.into();
        Ok(())
    }
}

impl Iterator for Events {
    type Item = Result<Recorded, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.pending.is_empty() && !self.is_over {
            if let Err(error) = self.read_on() {
                self.is_over = true;
                return Some(Err(error));
            }
            self.is_over = self.pending.is_empty();
        }
        let Row { id: number, at_ms, body, .. } = self.pending.pop_front()?;
        self.after = number;
        let event = codec::decode(&body);
        Some(match event {
            Ok(event) => Ok(Recorded { number, at_ms, event }),
            Err(source) => {
                // What follows an event that cannot be read means something else without it.
                self.pending.clear();
                self.is_over = true;
                Err(StoreError::Event { job: self.job, event: number, source })
            }
        })
    }
}
