//! Giving up: a job for good, or single requests of one.
//!
//! What is under way here is stopped in order first, and nobody goes on with it meanwhile (`deciding`). Whom a request that is given up
//! erased, or may have, is not given up with it: the gate counts them as erased, and where the workflow watches they
//! are looked for like any other. Whatever is needed for that is written down with the decision itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::command::Talk;
use super::decide::{chosen_of, written};
use super::deciding::GivesUp;
use super::error::HostError;
use super::owner::Host;
use super::{prepare, profiles};
use crate::engine::{self, Decided, EngineError, Fates, Kept, Recall, Summary, may_be_cancelled};
use crate::job::{Event, JobId, Position, Presumed, WindowId};
use crate::journal::{JobRecord, Sealed, Store, WATCH, Writer};
use crate::run::Spaces;
use crate::source::{Source, duration_word};
use crate::workflow::{Known, load};

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
        // First of all: nobody is given up whom the gate does not know then.
        let presumed = self.store().reader().presumed(job, None, self.now_ms())?;
        let presumes = presumed.as_ref().map_or(0, |presumed| presumed.positions.len());
        let recall = self.recall(&record, presumed.as_ref())?;
        let given_up: BTreeSet<Position> = recall.iter().flat_map(Recall::wanted).collect();
        let state = self.store().state(job)?;
        // Of whom one was sent again, more than one has no answer.
        let unanswered: BTreeSet<Position> =
            state.unresolved().flat_map(|exchange| exchange.positions.iter().copied()).collect();
        if !unanswered.is_empty() {
            let rest = if recall.is_some() { "" } else { ", and nobody looks any more" };
            let requests = if unanswered.len() == 1 { "request" } else { "requests" };
            talk.say(format!(
                "warning: calls of {} {requests} of {job} had no answer: what they did is not known{rest}",
                unanswered.len()
            ));
        }
        let certifying = self.owe_given_up(&record, &state, &given_up).await?;
        let (store, says, of) = (Arc::clone(self.store()), talk.clone(), record.clone());
        let (sender, durable) = tokio::sync::mpsc::unbounded_channel();
        let mut end = End { writer: self.store().writer(job, sender), together: Vec::new() };
        presumed.into_iter().for_each(|presumed| end.push(Event::Presumed(presumed), Sealed::new()));
        let listed = tokio::task::spawn_blocking(move || {
            let left = end_the_rest(&store, &of, &folder, recall.as_ref(), &mut end, &says);
            (end, left)
        });
        let (end, left) = listed.await.map_err(|_| EngineError::Stopped("listing what is cancelled"))?;
        let (last, _writer) = end.with(Event::Cancelled { at_ms: self.now_ms(), by }, left);
        written(job, durable, last).await?;
        drop(certifying);
        say_presumed(presumes, talk);
        say_looks(&record, given_up.len(), talk);
        self.certify_given_up(&record).await;
        self.shared().give_up(job);
        drop(stopped);
        self.summary(job)
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
        let decided = Decided { by, at_ms: self.now_ms() };
        let presumed = self.store().reader().presumed(job, Some(&wanted), decided.at_ms)?;
        // Of some the gate was told before, when a hold kept them back.
        let told = wanted.iter().filter(|position| fates.state().is_presumed(**position)).copied();
        let presumes: BTreeSet<Position> =
            presumed.iter().flat_map(|presumed| presumed.positions.iter().copied()).chain(told).collect();
        let recall = self.recall(&record, presumed.as_ref())?;
        let given_up: BTreeSet<Position> = wanted
            .iter()
            .copied()
            .filter(|at| recall.as_ref().is_some_and(|recall| recall.wants(*at)))
            .collect();
        // A request without its record is given up all the same; only its id is not known then.
        let (mut known, sealed) = match Kept::open(self.store().reader(), &record) {
            Ok(kept) => kept.look_up_and_seal(&wanted, recall.as_ref())?,
            Err(_) => (Default::default(), given_up.iter().map(|position| (*position, Vec::new())).collect()),
        };
        let is_there = |position| known.contains_key(&position);
        let found = chosen_of(&fates, &positions, is_there, may_be_cancelled)?;
        let found: Vec<_> = found
            .into_iter()
            .map(|fate| {
                let known = known.remove(&fate.position);
                (fate, known)
            })
            .collect();
        let certifying = self.owe_given_up(&record, fates.state(), &given_up).await?;
        engine::give_up(self.store(), &fates, &found, (presumed, sealed), &decided).await?;
        drop(certifying);
        if !given_up.is_empty() {
            self.store().leave_looks_of(job)?;
        }
        say_presumed(presumes.len(), talk);
        say_looks(&record, given_up.len(), talk);
        self.certify_given_up(&record).await;
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

    /// What the requests of a job remember that is needed to look for their people; `None` where nobody looks.
    fn recall(&self, record: &JobRecord, presumed: Option<&Presumed>) -> Result<Option<Recall>, HostError> {
        let source = Source::new(record.workflow_name.clone(), record.workflow_text.clone());
        let Some(workflow) = load(&source, &Known::default()).0.map(Arc::new) else { return Ok(None) };
        let mut spaces = Spaces::default();
        for profile in profiles(self.settings(), &workflow) {
            spaces.add(profile.system.word(), &profile.name, &profile.workspace, false);
        }
        let presumed = presumed.map_or(&[][..], |presumed| presumed.positions.as_slice());
        Ok(Recall::of(self.store(), record, (workflow, spaces), presumed, self.now_ms())?)
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

/// Says when it is looked whether the people of requests that were given up are gone.
fn say_looks(record: &JobRecord, requests: usize, talk: &Talk) {
    let after = record.format.get(WATCH).and_then(|after| after.as_array());
    let after = after.into_iter().flatten().filter_map(|after| after.as_u64());
    let after: Vec<String> =
        after.map(|after_ms| duration_word(std::time::Duration::from_millis(after_ms))).collect();
    if requests > 0 {
        talk.say(format!(
            "note: {requests} of the requests that are given up erased somebody, or may have: whether they are gone, and \
             stay gone, is looked at after {}; until then it counts at most as accepted, and not as verified. These looks tell, \
             and erase nobody",
            after.join(", ")
        ));
    }
}

/// Events of one commit when a job is given up: 65,536 requests. A crash between two leaves the job open and the gate
/// knowing whom it may have erased, and giving it up once more ends the rest.
const MOST_TOGETHER: usize = 128;

/// The last events of a job: durable together, unless they are very many.
struct End {
    writer: Writer,
    together: Vec<(Event, Sealed)>,
}

impl End {
    fn push(&mut self, event: Event, sealed: Sealed) {
        self.together.push((event, sealed));
        if self.together.len() >= MOST_TOGETHER {
            self.writer.append_all(std::mem::take(&mut self.together));
        }
    }

    /// The number of the last event, and who writes it.
    fn with(mut self, last: Event, sealed: Sealed) -> (u64, Writer) {
        self.together.push((last, sealed));
        (self.writer.append_all(self.together), self.writer)
    }
}

/// Ends every request of a job that is not over, so that the failures file lists it. Gives those that cannot be
/// listed and are looked at, so that nobody says that they are gone who could not be looked for.
fn end_the_rest(
    store: &Store,
    record: &JobRecord,
    folder: &Path,
    recall: Option<&Recall>,
    end_of_job: &mut End,
    talk: &Talk,
) -> Sealed {
    let warn = |why: &str| {
        talk.say(format!("warning: what is cancelled cannot be listed request by request: {why}"));
    };
    let mut ended = BTreeSet::new();
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
        engine::cancelled(record, &state, &workflow, input.records()?, recall, |all, sealed| {
            if let Some(recall) = recall {
                ended.extend(all.iter().map(|ended| ended.position).filter(|at| recall.wants(*at)));
            }
            end_of_job.push(Event::Ended { ended: all }, sealed);
        })?;
        Ok(())
    };
    if let Err(error) = end() {
        warn(&error.refusal().text);
    }
    let left = recall.into_iter().flat_map(Recall::wanted).filter(|position| !ended.contains(position));
    left.map(|position| (position, Vec::new())).collect()
}
