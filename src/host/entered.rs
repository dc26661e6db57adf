//! Which jobs are under way here: entered once at a time, stopped in order, decided about in between.
//!
//! Who asks for a job that is under way waits until it is over; who decides about one has it stopped first
//! (`deciding`), and nobody goes on with it until that is done. How a job is carried out is the work of `owner`.

use std::collections::HashMap;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::command::Talk;
use super::deciding::UnderWay;
use super::error::HostError;
use super::owner::Host;
use crate::engine::{self, Cut};
use crate::intake::Input;
use crate::job::{JobId, Status};
use crate::workflow::Workflow;

/// A job that is under way.
#[derive(Debug)]
pub(super) struct Running {
    stop: CancellationToken,
    /// Ends the wait for what has no answer.
    cut: Cut,
    /// True once its engine is gone.
    is_left: watch::Receiver<bool>,
    /// Somebody decided about it since its engine began, or decides.
    was_decided_about: bool,
    /// Closed when it is over.
    over: watch::Receiver<()>,
}

impl Running {
    /// Asks it to leave, for somebody who decides about it.
    pub(super) fn leave_for_decision(&mut self) -> UnderWay {
        self.was_decided_about = true;
        self.stop.cancel();
        (self.is_left.clone(), self.cut.clone())
    }
}

/// A job that this task carries out.
pub(super) struct Entered<'h> {
    host: &'h Host,
    pub job: JobId,
    is_left: watch::Sender<bool>,
    _over: watch::Sender<()>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.host.running().remove(&self.job);
    }
}

/// A job that is asked for.
pub(super) struct Wanted<'w> {
    /// What is carried out.
    pub workflow: &'w Workflow,
    /// On what.
    pub input: &'w Input,
    /// When it begins, if it is a new one.
    pub now_ms: i64,
    /// Where its calls go.
    pub place: engine::Place,
    /// The one to go on with.
    pub goes_on_with: Option<JobId>,
}

/// What came of asking for a job.
pub(super) enum Entry<'h> {
    /// This task carries it out.
    Entered(Entered<'h>),
    /// It was given up while it was waited for.
    Cancelled(JobId),
}

impl Host {
    /// Enters a job, when nobody else carries it out any more: the one to go on with, else that of the input.
    pub(super) async fn enter(
        &self,
        wanted: Wanted<'_>,
        stop: &CancellationToken,
        talk: &Talk,
    ) -> Result<Entry<'_>, HostError> {
        let Wanted { workflow, input, now_ms, place, mut goes_on_with } = wanted;
        loop {
            let (job, over) = {
                let _opening = self.opening().await;
                // Another one would be begun in its place.
                if let Some(job) = goes_on_with
                    && self.store().reader().job(job)?.status == Status::Cancelled
                {
                    return Ok(Entry::Cancelled(job));
                }
                let record = engine::find_or_create(self.store(), workflow, input, now_ms, place)?;
                let mut running = self.running();
                match running.get(&record.id) {
                    Some(other) => (record.id, Some(other.over.clone())),
                    None if self.is_decided_about(record.id) => (record.id, None),
                    None => return Ok(Entry::Entered(self.entered(&mut running, record.id, stop))),
                }
            };
            let Some(mut over) = over else {
                tokio::select! {
                    () = self.decided(job) => continue,
                    () = stop.cancelled() => return Err(HostError::Interrupted),
                }
            };
            goes_on_with = Some(job);
            talk.say(format!("{job} is being carried out already; this command waits for it"));
            tokio::select! {
                // It never changes: it closes.
                _ = over.changed() => {}
                () = stop.cancelled() => return Err(HostError::Interrupted),
            }
        }
    }

    fn entered(
        &self,
        running: &mut HashMap<JobId, Running>,
        job: JobId,
        stop: &CancellationToken,
    ) -> Entered<'_> {
        let (is_left, has_left) = watch::channel(false);
        let (over, is_over) = watch::channel(());
        let (stop, cut) = (stop.child_token(), Cut::default());
        let was_decided_about = false;
        running.insert(job, Running { stop, cut, is_left: has_left, was_decided_about, over: is_over });
        Entered { host: self, job, is_left, _over: over }
    }
}

impl Entered<'_> {
    /// Another engine takes the job on, once nobody decides about it any more: who does from now on stops that one.
    pub(super) async fn begin_again(&self, stop: &CancellationToken) {
        loop {
            self.wait_for_decisions().await;
            let mut running = self.host.running();
            let Some(running) = running.get_mut(&self.job) else { return };
            if !running.was_decided_about && !self.host.is_decided_about(self.job) {
                (running.stop, running.cut) = (stop.child_token(), Cut::default());
                self.is_left.send_replace(false);
                return;
            }
        }
    }

    /// What asks its engine to stop, and what ends the wait for answers then.
    pub(super) fn asked(&self) -> (CancellationToken, Cut) {
        let running = self.host.running();
        running.get(&self.job).map(|running| (running.stop.clone(), running.cut.clone())).unwrap_or_default()
    }

    /// The engine is gone: whoever decides about the job does so now. Tells if somebody did.
    pub(super) async fn wait_for_decisions(&self) -> bool {
        self.is_left.send_replace(true);
        let mut was_decided_about = false;
        loop {
            if let Some(running) = self.host.running().get_mut(&self.job) {
                was_decided_about |= std::mem::take(&mut running.was_decided_about);
                if !self.host.is_decided_about(self.job) {
                    return was_decided_about;
                }
            } else {
                return was_decided_about;
            }
            self.host.decided(self.job).await;
        }
    }
}
