//! Decisions of people about a job: give it up, or let it begin.
//!
//! A job that is under way here is stopped in order before it is given up, and nobody goes on with it
//! meanwhile (`deciding`); so the decision is the last thing in its journal.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::command::Talk;
use super::deciding::GivesUp;
use super::error::{HostError, with_causes};
use super::owner::Host;
use super::prepare;
use super::report::{Ending, Report};
use crate::engine::{
    self, Decided, EngineError, Fate, Fates, JobError, Kept, Summary, Undecidable, may_be_cancelled,
    may_be_retried,
};
use crate::intake::Input;
use crate::job::{Event, JobId, Position, RunId, Status, WindowId};
use crate::journal::{Approval, JobRecord, Store, Writer};
use crate::source::Source;
use crate::workflow::Known;

impl Host {
    /// Gives a job up for good; what is not finished counts as failed.
    pub(super) async fn cancel(
        &self,
        job: JobId,
        folder: PathBuf,
        by: String,
        talk: &Talk,
    ) -> Result<Summary, HostError> {
        let stopped = self.stop_job(job, GivesUp::Job, talk).await?;
        let record = self.store().reader().job(job)?;
        if record.status.is_closed() {
            return Err(HostError::NothingToDecide { job, status: record.status });
        }
        let unanswered =
            self.store().state(job)?.unresolved().map(|exchange| u64::from(exchange.calls)).sum::<u64>();
        if unanswered > 0 {
            let calls = if unanswered == 1 { "call" } else { "calls" };
            talk.say(format!(
                "warning: {unanswered} {calls} of {job} had no answer: what was done is not known, and nobody looks any \
                 more"
            ));
        }
        let (store, says, of) = (Arc::clone(self.store()), talk.clone(), record.clone());
        let (sender, durable) = tokio::sync::mpsc::unbounded_channel();
        let mut end = End { writer: self.store().writer(job, sender), together: Vec::new() };
        // First of all: nobody is given up whom the gate does not know then.
        let presumed = self.store().reader().presumed(job, None, self.now_ms())?;
        let presumes = presumed.as_ref().map_or(0, |presumed| presumed.positions.len());
        presumed.into_iter().for_each(|presumed| end.push(Event::Presumed(presumed)));
        let listed = tokio::task::spawn_blocking(move || {
            end_the_rest(&store, &of, &folder, &mut end, &says);
            end
        });
        let end = listed.await.map_err(|_| EngineError::Stopped("listing what is cancelled"))?;
        let (last, _writer) = end.with(Event::Cancelled { at_ms: self.now_ms(), by });
        written(job, durable, last).await?;
        say_presumed(presumes, talk);
        self.shared().give_up(job);
        drop(stopped);
        self.summary(job)
    }

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
        engine::reopen(self.store(), &fates, &positions, even_if_sent, &decided).await?;
        let summary = self.summary(job);
        drop(stopped);
        summary
    }

    /// Gives runs up, if each of them still may be.
    pub(super) async fn give_up(
        &self,
        job: JobId,
        positions: Vec<Position>,
        folder: PathBuf,
        by: String,
        talk: &Talk,
    ) -> Result<Summary, HostError> {
        let wanted: BTreeSet<Position> = positions.iter().copied().collect();
        let stopped = self.stop_job(job, GivesUp::Runs(&wanted), talk).await?;
        let mut record = self.store().reader().job(job)?;
        let fates = Fates::of(self.store().reader(), record.clone())?;
        if record.input_path != "-" && record.input_path.parse::<WindowId>().is_err() {
            record.input_path = folder.join(&record.input_path).display().to_string();
        }
        // A request without its record is given up all the same; only its id is not known then.
        let mut known = match Kept::open(self.store().reader(), &record) {
            Ok(kept) => kept.look_up(&wanted)?,
            Err(_) => Default::default(),
        };
        let found =
            chosen_of(&fates, &positions, |position| known.contains_key(&position), may_be_cancelled)?;
        let found: Vec<_> = found
            .into_iter()
            .map(|fate| {
                let known = known.remove(&fate.position);
                (fate, known)
            })
            .collect();
        let decided = Decided { by, at_ms: self.now_ms() };
        let presumes = engine::give_up(self.store(), &fates, &found, &decided).await?;
        say_presumed(presumes, talk);
        self.free_lanes(job)?;
        let summary = self.summary(job);
        drop(stopped);
        summary
    }

    /// Runs of a job were given up: where nothing else of it is in the air, it holds nobody up any more.
    pub(super) fn free_lanes(&self, job: JobId) -> Result<(), HostError> {
        let state = self.store().reader().state(job)?;
        if state.status().is_closed() || !state.is_any_in_the_air() {
            self.shared().give_up(job);
        }
        Ok(())
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

/// Says what the gate makes of requests that were given up and may have erased somebody.
fn say_presumed(requests: usize, talk: &Talk) {
    if requests > 0 {
        talk.say(format!(
            "warning: {requests} of the requests that are given up may have erased somebody at the service; for the \
             gate they did, so that no older change brings anybody back: `privaflow gate list` shows it, and \
             `privaflow gate release` lets somebody through"
        ));
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
fn chosen_of(
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
async fn written(
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

/// Events of one commit when a job is given up: 65,536 requests. A crash between two leaves the job open and the gate
/// knowing whom it may have erased, and giving it up once more ends the rest.
const MOST_TOGETHER: usize = 128;

/// The last events of a job: durable together, unless they are very many.
struct End {
    writer: Writer,
    together: Vec<Event>,
}

impl End {
    fn push(&mut self, event: Event) {
        self.together.push(event);
        if self.together.len() >= MOST_TOGETHER {
            self.writer.append_together(std::mem::take(&mut self.together));
        }
    }

    /// The number of the last event, and who writes it.
    fn with(mut self, last: Event) -> (u64, Writer) {
        self.together.push(last);
        (self.writer.append_together(self.together), self.writer)
    }
}

/// Ends every request of a job that is not over, so that the failures file lists it.
fn end_the_rest(store: &Store, record: &JobRecord, folder: &Path, end_of_job: &mut End, talk: &Talk) {
    let warn = |why: &str| {
        talk.say(format!("warning: what is cancelled cannot be listed request by request: {why}"));
    };
    let mut end = || -> Result<(), HostError> {
        if record.input_path == "-" {
            warn("the input was standard input");
            return Ok(());
        }
        let name = format!("{} as it was when {} began", record.workflow_name, record.id);
        let source = Source::new(name, record.workflow_text.clone());
        let workflow = prepare::workflow(source, &Known::default(), talk)?;
        let path = folder.join(&record.input_path);
        let input = prepare::open_again(store.reader(), record, &workflow, &path, &record.input_path)?;
        if input.digest() != record.input_digest {
            warn("the input is not what it was");
            return Ok(());
        }
        let state = store.reader().state(record.id)?;
        engine::cancelled(record, &state, &workflow, input.records()?, |ended| {
            end_of_job.push(Event::Ended { ended });
        })?;
        Ok(())
    };
    if let Err(error) = end() {
        warn(&error.refusal().text);
    }
}
