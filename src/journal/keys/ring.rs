//! The keys of the requests that are not over, in memory and on the disk.
//!
//! Whoever seals gets the key of a request at once; it goes to the disk with the group of events that has
//! what it sealed, before them. Keys of requests that are over are gathered and destroyed together, at most
//! a second later. One process writes; others open the file for what they want to read.

mod destroy;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::super::error::StoreError;
use super::master::{Master, Masters};
use super::table::{Row, Table};
use super::wanted::{self, Found};
use crate::job::{ABANDONED, Event, Fail, JobId, Position, Verdict};

/// How long a key may outlive its request, so that many are destroyed together.
const LINGER: Duration = Duration::from_secs(1);

/// The key of one request.
#[derive(Clone)]
pub(in crate::journal) struct Key(Zeroizing<[u8; 32]>);

impl Key {
    pub(super) fn random() -> Result<Key, StoreError> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice()).map_err(StoreError::Random)?;
        Ok(Key(key))
    }

    pub(super) fn of(bytes: &[u8]) -> Option<Key> {
        bytes.try_into().ok().map(|bytes| Key(Zeroizing::new(bytes)))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The keys of a store. Clone it freely.
#[derive(Clone)]
pub(in crate::journal) struct Ring {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    masters: Masters,
    /// Whether this process owns the store, and writes.
    owns: bool,
    last: AtomicI64,
    memory: Mutex<Memory>,
    file: Mutex<Option<Open>>,
}

/// The file, and the master key that its keys are wrapped with.
pub(super) struct Open {
    pub(super) table: Table,
    pub(super) master: Master,
}

#[derive(Default)]
struct Memory {
    /// Made, and not on the disk yet.
    new: Vec<New>,
    jobs: HashMap<JobId, OfJob>,
    /// Of requests that are over; still on the disk.
    over: Vec<i64>,
    /// What was destroyed may still stand in the log of the file.
    in_the_log: bool,
    destroyed: Option<Instant>,
}

struct New {
    number: i64,
    run: Option<(JobId, Position)>,
    key: Key,
}

#[derive(Default)]
struct OfJob {
    keys: HashMap<Position, (i64, Key)>,
    /// Keys that an earlier process made, beside newer ones of the same request.
    older: HashMap<Position, Vec<i64>>,
    /// Keys of what is kept of requests beyond their end.
    lasting: HashMap<Position, Vec<i64>>,
    /// Calls of requests that are over are still in the air: what they were made of is needed.
    keeps_all: bool,
}

impl Ring {
    /// Of the process that owns the store. The file is made when there is something to put in.
    pub(in crate::journal) fn open(folder: PathBuf, masters: Masters) -> Result<Ring, StoreError> {
        let is_there = folder.join(super::TABLE).exists();
        let ring = Ring::new(folder, masters, true);
        if is_there {
            let mut file = ring.file();
            let open = ring.opened(&mut file)?;
            ring.shared.last.store(open.table.last()?, Ordering::Relaxed);
        } else if let Some(source) = &ring.shared.masters.wanted {
            // A mistake is told now, and not when the first key is needed.
            source.read()?;
        }
        Ok(ring)
    }

    /// Of a process that only reads.
    pub(in crate::journal) fn beside(folder: PathBuf, masters: Masters) -> Ring {
        Ring::new(folder, masters, false)
    }

    fn new(folder: PathBuf, masters: Masters, owns: bool) -> Ring {
        let (last, memory, file) = (AtomicI64::new(0), Mutex::default(), Mutex::default());
        Ring { shared: Arc::new(Shared { folder, masters, owns, last, memory, file }) }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.shared.folder
    }

    pub(super) fn masters(&self) -> &Masters {
        &self.shared.masters
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.shared.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn file(&self) -> MutexGuard<'_, Option<Open>> {
        self.shared.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file, opened now if it was not, and made if there is none.
    pub(super) fn opened<'f>(&self, file: &'f mut Option<Open>) -> Result<&'f mut Open, StoreError> {
        if file.is_none() {
            let table = Table::open(&self.shared.folder)?;
            let print = table.print()?;
            let Found { master, is_previous } =
                wanted::find(&self.shared.folder, &self.shared.masters, print)?;
            if print.is_none() {
                table.set_print(master.print())?;
            }
            if is_previous {
                tracing::warn!(
                    "the keys of the store are wrapped with the master key before: `privaflow keys rotate` wraps them anew"
                );
            }
            *file = Some(Open { table, master });
        }
        file.as_mut().ok_or(StoreError::Damaged { what: "its keys are not open" })
    }

    /// The file as it is now, if there is one.
    fn looked<'f>(&self, file: &'f mut Option<Open>) -> Result<Option<&'f mut Open>, StoreError> {
        if self.shared.owns {
            return Ok(file.as_mut());
        }
        let print = file.as_ref().map(|open| open.table.print()).transpose()?.flatten();
        if file.is_none() || print != file.as_ref().map(|open| open.master.print()) {
            let Some(table) = Table::look(&self.shared.folder)? else { return Ok(None) };
            let Some(print) = table.print()? else { return Ok(None) };
            let master = wanted::find(&self.shared.folder, &self.shared.masters, Some(print))?.master;
            *file = Some(Open { table, master });
        }
        Ok(file.as_mut())
    }

    fn next(&self) -> i64 {
        self.shared.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A new key for a record that came in. It is on the disk with the next [`Ring::write`].
    pub(in crate::journal) fn new_key(&self) -> Result<(i64, Key), StoreError> {
        let (number, key) = (self.next(), Key::random()?);
        self.memory().new.push(New { number, run: None, key: key.clone() });
        Ok((number, key))
    }

    /// The key of a request of a job; made if it has none.
    pub(super) fn key_of(&self, job: JobId, position: Position) -> Result<(i64, Key), StoreError> {
        self.load(job)?;
        let mut memory = self.memory();
        if let Some(known) = memory.jobs.get(&job).and_then(|of_job| of_job.keys.get(&position)) {
            return Ok(known.clone());
        }
        let (number, key) = (self.next(), Key::random()?);
        memory.new.push(New { number, run: Some((job, position)), key: key.clone() });
        memory.jobs.entry(job).or_default().keys.insert(position, (number, key.clone()));
        Ok((number, key))
    }

    /// A key for what is kept of a request of a job beyond its end.
    pub(super) fn lasting_key(&self, job: JobId, position: Position) -> Result<(i64, Key), StoreError> {
        self.load(job)?;
        let (number, key) = (self.next(), Key::random()?);
        let mut memory = self.memory();
        memory.new.push(New { number, run: Some((job, position)), key: key.clone() });
        memory.jobs.entry(job).or_default().lasting.entry(position).or_default().push(number);
        Ok((number, key))
    }

    /// The key of a number, if it is not destroyed.
    pub(in crate::journal) fn key(&self, number: i64) -> Result<Option<Key>, StoreError> {
        let mut file = self.file();
        let Some(open) = self.looked(&mut file)? else { return Ok(None) };
        let wrapped = open.table.wrapped(number)?;
        Ok(wrapped.and_then(|wrapped| open.master.unwrap(number, &wrapped)))
    }

    /// The key of a number that is probably that of a request of a job.
    pub(super) fn known(
        &self,
        job: JobId,
        position: Position,
        number: i64,
    ) -> Result<Option<Key>, StoreError> {
        self.load(job)?;
        let memory = self.memory();
        let known = memory.jobs.get(&job).and_then(|of_job| of_job.keys.get(&position));
        match known.filter(|(known, _)| *known == number) {
            Some((_, key)) => Ok(Some(key.clone())),
            None => {
                drop(memory);
                self.key(number)
            }
        }
    }

    /// Has the keys of a job in memory.
    fn load(&self, job: JobId) -> Result<(), StoreError> {
        if self.memory().jobs.contains_key(&job) {
            return Ok(());
        }
        let mut of_job = OfJob::default();
        if let Some(open) = self.file().as_ref() {
            for (position, number, wrapped) in open.table.of_job(job)? {
                if let Some(key) = open.master.unwrap(number, &wrapped) {
                    let before = of_job.keys.insert(position, (number, key));
                    let before = before.map(|(number, _)| number);
                    of_job.older.entry(position).or_default().extend(before);
                }
            }
        }
        self.memory().jobs.entry(job).or_insert(of_job);
        Ok(())
    }

    /// Brings new keys to the disk; `true` when they are the first of this store. `last_event`: every end up
    /// to that event was told by [`Ring::ended`].
    pub(in crate::journal) fn write(&self, last_event: i64) -> Result<bool, StoreError> {
        let (new, over) = {
            let mut memory = self.memory();
            if memory.new.is_empty() {
                return Ok(false);
            }
            (std::mem::take(&mut memory.new), std::mem::take(&mut memory.over))
        };
        let mut file = self.file();
        let is_first = file.is_none();
        let Open { table, master } = self.opened(&mut file)?;
        let wrap = |New { number, run, key }| Ok(Row { number, run, wrapped: master.wrap(number, &key)? });
        let rows = new.into_iter().map(wrap).collect::<Result<Vec<_>, StoreError>>()?;
        table.write(&rows, &over, last_event)?;
        self.memory().in_the_log |= !over.is_empty();
        Ok(is_first)
    }

    /// An event is on the disk: keys of requests that are over for good with it are needed no more. Of one
    /// that failed or waits a person may want another try.
    pub(in crate::journal) fn ended(&self, job: JobId, event: &Event) -> Result<(), StoreError> {
        if let Event::Answered(answered) = event
            && answered.status == ABANDONED
        {
            self.keep_all(job)?;
        }
        if event.ends().is_empty() {
            return Ok(());
        }
        self.load(job)?;
        let mut memory = self.memory();
        let Memory { jobs, over, .. } = &mut *memory;
        let Some(of_job) = jobs.get_mut(&job).filter(|of_job| !of_job.keys.is_empty() && !of_job.keeps_all)
        else {
            return Ok(());
        };
        for ended in event.ends() {
            if is_for_good(ended.verdict) {
                over.extend(of_job.keys.remove(&ended.position).map(|(number, _)| number));
                over.extend(of_job.older.remove(&ended.position).unwrap_or_default());
            }
        }
        Ok(())
    }

    /// How many of these runs have a key.
    pub(in crate::journal) fn count(
        &self,
        job: JobId,
        runs: impl IntoIterator<Item = Position>,
    ) -> Result<u64, StoreError> {
        self.load(job)?;
        let memory = self.memory();
        let Some(of_job) = memory.jobs.get(&job) else { return Ok(0) };
        let has =
            |position: &Position| of_job.keys.contains_key(position) || of_job.lasting.contains_key(position);
        Ok(runs.into_iter().filter(has).count() as u64)
    }

    /// The numbers of the keys of some runs, which are then known no more.
    pub(in crate::journal) fn of_runs(
        &self,
        job: JobId,
        positions: &[Position],
    ) -> Result<Vec<i64>, StoreError> {
        self.load(job)?;
        let mut memory = self.memory();
        let Some(of_job) = memory.jobs.get_mut(&job) else { return Ok(Vec::new()) };
        let mut numbers: Vec<i64> = Vec::new();
        for position in positions {
            numbers.extend(of_job.keys.remove(position).map(|(number, _)| number));
            numbers.extend(of_job.older.remove(position).unwrap_or_default());
            numbers.extend(of_job.lasting.remove(position).unwrap_or_default());
        }
        memory.new.retain(|new| !numbers.contains(&new.number));
        Ok(numbers)
    }

    /// Keeps the keys of requests that are over until their job is.
    pub(super) fn keep_all(&self, job: JobId) -> Result<(), StoreError> {
        self.load(job)?;
        self.memory().jobs.entry(job).or_default().keeps_all = true;
        Ok(())
    }

    /// The numbers of the keys that a job has on the disk and in memory, and are not about to be destroyed; `None`
    /// where there is no file of keys.
    pub(super) fn numbers(&self, job: JobId) -> Result<Option<HashSet<i64>>, StoreError> {
        let on_disk = match self.file().as_ref() {
            Some(open) => open.table.of_job(job)?,
            None => return Ok(None),
        };
        let memory = self.memory();
        let of_job = memory.jobs.get(&job).map(|of_job| of_job.keys.values().map(|(number, _)| *number));
        let numbers = on_disk.iter().map(|(_, number, _)| *number).chain(of_job.into_iter().flatten());
        let over: HashSet<i64> = memory.over.iter().copied().collect();
        Ok(Some(numbers.filter(|number| !over.contains(number)).collect()))
    }
}

/// Whether nothing that such a request remembers is ever needed again.
pub(super) fn is_for_good(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Done | Verdict::Skipped(_) | Verdict::Failed(Fail::Forgotten) => true,
        Verdict::Failed(_) | Verdict::Waiting(_) => false,
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").field("folder", &self.shared.folder).finish_non_exhaustive()
    }
}
