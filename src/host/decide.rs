//! Decisions of people about a job: let it begin, try requests of it again, remove old ones.
//!
//! A job that is under way here is stopped in order before it is decided about, and nobody goes on with it
//! meanwhile (`deciding`); so the decision is the last thing in its journal. Giving up is the work of `give_up`.

use std::sync::Arc;

use super::command::Talk;
use super::deciding::GivesUp;
use super::error::{HostError, with_causes};
use super::owner::Host;
use super::report::{Ending, Report};
use crate::engine::{
    self, Decided, EngineError, Fate, Fates, JobError, Summary, Undecidable, may_be_retried,
};
use crate::intake::Input;
use crate::job::{Event, JobId, Position, RunId, Status};
use crate::journal::Approval;

impl Host {
    /// Lets a job begin that its guard holds.
    pub(super) async fn approve(&self, job: JobId, by: String) -> Result<Summary, HostError> {
        let _nobody_begins = self.opening().await;
        let record = self.store().reader().job(job)?;
        if record.status != Status::Held {
            return Err(HostError::NothingToDecide { job, status: record.status });
        }
        let (sender, durable) = tokio::sync::mpsc::unbounded_channel();
        let mut writer = self.store().writer(job, sender);
        let last = writer.append(Event::Approved { at_ms: self.now_ms(), by });
        written(job, durable, last).await?;
        self.summary(job)
    }

    /// Opens runs again, if each of them still may be; going on with the job then carries them out.
    pub(super) async fn reopen(
        &self,
        job: JobId,
        positions: Vec<Position>,
        even_if_sent: bool,
        by: String,
        talk: &Talk,
    ) -> Result<Summary, HostError> {
        let stopped = self.stop_job(job, GivesUp::Nothing, talk).await?;
        let fates = Fates::of(self.store().reader(), self.store().reader().job(job)?)?;
        let check = |run, fate: &Fate| may_be_retried(run, fate, even_if_sent);
        chosen(&fates, &positions, check)?;
        let decided = Decided { by, at_ms: self.now_ms() };
        let certifying = self.owe_reopened(&fates, &positions).await?;
        engine::reopen(self.store(), &fates, &positions, even_if_sent, &decided).await?;
        drop(certifying);
        let summary = self.summary(job);
        drop(stopped);
        summary
    }

    /// Lets texts of workflows start by themselves; gives how many.
    pub(super) fn approve_workflows(
        &self,
        workflows: Vec<(String, [u8; 32])>,
        by: &str,
    ) -> Result<usize, HostError> {
        let (count, at_ms) = (workflows.len(), self.now_ms());
        let approval = |(workflow, digest)| Approval { workflow, digest, by: by.to_owned(), at_ms };
        self.store().approve_workflows(workflows.into_iter().map(approval).collect())?;
        Ok(count)
    }

    /// Removes jobs that were over before a moment; what it came to, as the command's own result.
    pub(super) async fn prune(&self, before_ms: i64) -> Result<serde_json::Value, HostError> {
        let store = Arc::clone(self.store());
        let pruned = tokio::task::spawn_blocking(move || store.prune(before_ms));
        let pruned = pruned.await.map_err(|_| EngineError::Stopped("removing old jobs"))??;
        let jobs: Vec<String> = pruned.jobs.iter().map(ToString::to_string).collect();
        Ok(serde_json::json!({
            "jobs": jobs, "events": pruned.events, "bytes_before": pruned.bytes_before,
            "bytes_after": pruned.bytes_after,
        }))
    }

    /// Wraps the keys of the store anew; what it came to, as the command's own result.
    pub(super) async fn rotate_keys(&self) -> Result<serde_json::Value, HostError> {
        let store = Arc::clone(self.store());
        let rotated = tokio::task::spawn_blocking(move || store.rotate_keys());
        let rotated = rotated.await.map_err(|_| EngineError::Stopped("wrapping the keys anew"))??;
        Ok(serde_json::json!({ "keys": rotated.keys, "master": rotated.to }))
    }

    /// What a job came to until it had to be given up half-way. The disk may be full, so nothing is written;
    /// where not even that can be told, only why it ended.
    pub(super) async fn as_far_as_known(
        &self,
        job: JobId,
        input: Input,
        why: EngineError,
    ) -> Result<Report, HostError> {
        let reader = self.store().reader();
        let requests = tokio::task::spawn_blocking(move || count(&input)).await.ok().flatten();
        let known =
            reader.job(job).and_then(|record| Ok(engine::standing(&record, &reader.state(job)?, requests)));
        match known {
            Ok(summary) => {
                let why = with_causes(&why);
                tracing::error!(%job, "{job} had to be given up half-way: {why}");
                Ok(Report::of_closed(summary, Ending::GaveUp(why)))
            }
            Err(_) => Err(HostError::Job(JobError::Engine(why))),
        }
    }

    /// What a job came to so far.
    pub(super) fn summary(&self, job: JobId) -> Result<Summary, HostError> {
        let reader = self.store().reader();
        let record = reader.job(job)?;
        let state = reader.state(job)?;
        Ok(engine::summary(reader, &record, &state, None, self.failures())?)
    }
}

/// How many requests an input has; `None` when it cannot be read.
fn count(input: &Input) -> Option<u64> {
    let (mut records, mut requests) = (input.records().ok()?, 0);
    while let Some(chunk) = records.next_chunk(512, 1 << 20).ok()? {
        requests += chunk.len() as u64;
    }
    Some(requests)
}

/// Runs of a job, each of them checked once more: the journal may have gone on since they were chosen.
pub(super) fn chosen(
    fates: &Fates,
    positions: &[Position],
    check: impl Fn(RunId, &Fate) -> Result<(), Undecidable>,
) -> Result<Vec<Fate>, HostError> {
    chosen_of(fates, positions, |_| false, check)
}

/// The same, where `is_there` knows of runs that the journal says nothing of yet.
pub(super) fn chosen_of(
    fates: &Fates,
    positions: &[Position],
    is_there: impl Fn(Position) -> bool,
    check: impl Fn(RunId, &Fate) -> Result<(), Undecidable>,
) -> Result<Vec<Fate>, HostError> {
    let job = fates.record().id;
    let mut found = fates.some(&positions.iter().copied().collect())?;
    let mut good = Vec::with_capacity(positions.len());
    for position in positions {
        let run = RunId { job, position: *position };
        let unheard_of = || fates.unheard_of(*position).filter(|_| is_there(*position));
        let Some(fate) = found.remove(position).or_else(unheard_of) else {
            return Err(HostError::NoSuchRun(run));
        };
        check(run, &fate)?;
        good.push(fate);
    }
    Ok(good)
}

/// Waits until an event is on the disk.
pub(super) async fn written(
    job: JobId,
    mut durable: tokio::sync::mpsc::UnboundedReceiver<u64>,
    last: u64,
) -> Result<(), HostError> {
    loop {
        match durable.recv().await {
            Some(number) if number >= last => return Ok(()),
            Some(_) => {}
            None => return Err(HostError::NotWritten(job)),
        }
    }
}
