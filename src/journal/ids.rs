//! Which requests were finished before: the index behind idempotency.
//!
//! An entry comes with the event that ends a request and counts only once that event is durable: an
//! id that counts too early is a lost opt-out. A done or skipped request is finished for good; a
//! failed one counts only within its job, so that a later job may try again. A request that waits,
//! that repeats another, or that has other content under a used id adds nothing: if the request it
//! repeats is never finished, nobody was.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::job::{Event, Fail, IdEntry, JobId, Skip, Verdict};

use super::error::StoreError;
use super::segments::{Family, Key, Looked, Sorted, Value};

/// The family of ids. A value is content (8 bytes), job (7), [`FINISHED`] or [`FAILED`] (1).
pub(super) const FAMILY: Family = Family { number: 1, keep };

const FINISHED: u8 = 1;
const FAILED: u8 = 2;

/// What is known of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Nothing that hinders the request.
    New,
    /// The same content was finished before.
    Duplicate,
    /// Other content came under the same id before.
    Conflict,
}

/// What the index held of some ids when they were looked for.
#[derive(Debug, Clone)]
pub struct IdsLooked(Looked);

/// The index of ids. Clone it freely; asking takes no turn behind the writer.
#[derive(Debug, Clone)]
pub struct Ids {
    sorted: Arc<Sorted>,
}

impl Ids {
    pub(super) fn new(sorted: Arc<Sorted>) -> Ids {
        Ids { sorted }
    }

    /// What it keeps.
    pub(super) fn family(&self) -> Arc<Sorted> {
        Arc::clone(&self.sorted)
    }

    /// What is known of an id, as seen from a job. Knows what is durable; what is in flight is the
    /// caller's to know.
    pub fn check(&self, entry: &IdEntry, job: JobId) -> Result<Seen, StoreError> {
        self.decide(entry, job, None)
    }

    /// The same of an id that was looked for before with others.
    pub fn check_looked(&self, entry: &IdEntry, job: JobId, looked: &IdsLooked) -> Result<Seen, StoreError> {
        self.decide(entry, job, Some(looked))
    }

    /// Looks for many ids at once, so that each of them is soon told when its turn comes.
    pub fn look(&self, entries: impl Iterator<Item = IdEntry>) -> Result<IdsLooked, StoreError> {
        let keys: Vec<Key> = entries.map(|entry| Key::from_be_bytes(entry.key)).collect();
        Ok(IdsLooked(self.sorted.look(&keys)?))
    }

    fn decide(&self, entry: &IdEntry, job: JobId, looked: Option<&IdsLooked>) -> Result<Seen, StoreError> {
        let compare = |content| if content == entry.content { Seen::Duplicate } else { Seen::Conflict };
        let mut failed_here = None;
        let decide = |value| {
            let (content, by, state) = parts(value);
            if state == FINISHED {
                return ControlFlow::Break(compare(content));
            }
            if by == job_bits(job) {
                failed_here = Some(compare(content));
            }
            ControlFlow::Continue(())
        };
        let key = Key::from_be_bytes(entry.key);
        let finished = match looked {
            Some(IdsLooked(looked)) => self.sorted.find_looked(key, looked, decide)?,
            None => self.sorted.find(key, decide)?,
        };
        Ok(finished.or(failed_here).unwrap_or(Seen::New))
    }

    /// What is known of the id of a request that is tried again: what failed does not hinder it, only
    /// what was finished.
    pub fn check_again(&self, entry: &IdEntry) -> Result<Seen, StoreError> {
        let finished = self.sorted.find(Key::from_be_bytes(entry.key), |value| {
            let (content, _, state) = parts(value);
            match (state, content == entry.content) {
                (FINISHED, true) => ControlFlow::Break(Seen::Duplicate),
                (FINISHED, false) => ControlFlow::Break(Seen::Conflict),
                _ => ControlFlow::Continue(()),
            }
        })?;
        Ok(finished.unwrap_or(Seen::New))
    }
}

/// The records that an event adds once it is durable.
pub(super) fn records_of(job: JobId, event: &Event) -> impl Iterator<Item = (Key, Value)> {
    event.ends().iter().filter_map(move |ended| {
        let state = match ended.verdict {
            Verdict::Skipped(Skip::Duplicate) | Verdict::Failed(Fail::IdConflict) | Verdict::Waiting(_) => {
                return None;
            }
            Verdict::Done | Verdict::Skipped(_) => FINISHED,
            Verdict::Failed(_) => FAILED,
        };
        Some((Key::from_be_bytes(ended.id.key), value(ended.id.content, job, state)))
    })
}

/// A finished request stays, and the first of two; of two failed ones, the later job's.
fn keep(older: Value, newer: Value) -> Value {
    if parts(older).2 == FINISHED { older } else { newer }
}

fn value(content: u64, job: JobId, state: u8) -> Value {
    let low = u128::from(content);
    let high = u128::from(job_bits(job) | u64::from(state) << 56);
    (low | high << 64).to_le_bytes()
}

fn parts(value: Value) -> (u64, u64, u8) {
    let bits = u128::from_le_bytes(value);
    let high = (bits >> 64) as u64;
    (bits as u64, high & JOB_BITS, (high >> 56) as u8)
}

const JOB_BITS: u64 = (1 << 56) - 1;

fn job_bits(job: JobId) -> u64 {
    job.0 as u64 & JOB_BITS
}
