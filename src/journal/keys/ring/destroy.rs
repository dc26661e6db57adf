//! Which keys are needed no more, and that they are gone from the disk soon after.
//!
//! They go together, because each time the database of keys is written over with its log; who wants one gone at
//! once asks for it by itself. Whose end makes a key needless is the work of the ring.

use std::time::{Duration, Instant};

use super::{LINGER, Ring};
use crate::job::JobId;
use crate::journal::error::StoreError;

impl Ring {
    /// Nothing of a job is needed any more.
    pub(in crate::journal) fn close(&self, job: JobId) -> Result<(), StoreError> {
        self.load(job)?;
        let mut memory = self.memory();
        memory.new.retain(|new| new.run.is_none_or(|(of, _)| of != job));
        let of_job = memory.jobs.remove(&job).unwrap_or_default();
        memory.over.extend(of_job.keys.into_values().map(|(number, _)| number));
        memory.over.extend(of_job.older.into_values().chain(of_job.lasting.into_values()).flatten());
        Ok(())
    }

    /// Nobody works on a job for now: its keys are read again when they are needed.
    pub(in crate::journal) fn rest(&self, job: JobId) {
        self.memory().jobs.remove(&job);
    }

    /// These keys are needed no more.
    pub(in crate::journal) fn over(&self, numbers: impl IntoIterator<Item = i64>) {
        self.memory().over.extend(numbers);
    }

    /// In what time something is to be destroyed, if anything is.
    pub(in crate::journal) fn destroys_in(&self) -> Option<Duration> {
        let memory = self.memory();
        let is_due = !memory.over.is_empty() || memory.in_the_log;
        let since = memory.destroyed.map_or(LINGER, |destroyed| destroyed.elapsed());
        is_due.then(|| LINGER.saturating_sub(since))
    }

    /// Gives room that destroyed keys left back to the system.
    pub(in crate::journal) fn give_room_back(&self) -> Result<(), StoreError> {
        self.file().as_ref().map_or(Ok(()), |open| open.table.give_room_back())
    }

    /// Destroys what is needed no more; `last_event` as for [`Ring::write`].
    pub(in crate::journal) fn destroy(&self, last_event: i64) -> Result<(), StoreError> {
        let (over, in_the_log) = {
            let mut memory = self.memory();
            memory.destroyed = Some(Instant::now());
            (std::mem::take(&mut memory.over), std::mem::take(&mut memory.in_the_log))
        };
        let mut file = self.file();
        let Some(open) = file.as_mut().filter(|_| in_the_log || !over.is_empty()) else { return Ok(()) };
        if !over.is_empty() {
            open.table.write(&[], &over, last_event)?;
        }
        let is_empty = open.table.empty_log()?;
        self.memory().in_the_log |= !is_empty;
        Ok(())
    }
}
