//! Which jobs are under way here: entered once at a time, stopped in order, decided about in between.
//!
//! Who asks for a job that is under way waits until it is over; who decides about one has it stopped first,
//! and nobody goes on with it until that is done. How a job is carried out is the work of `owner`.

use std::collections::HashMap;

use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::command::Talk;
use super::error::HostError;
use super::owner::Host;
use super::turns::Place;
use crate::engine;
use crate::intake::Input;
use crate::job::{JobId, Status};
use crate::workflow::Workflow;

/// A job that is under way.
#[derive(Debug)]
pub(super) struct Running {
    stop: CancellationToken,
    /// True once its engine is gone.
    is_left: watch::Receiver<bool>,
    /// Those who decide about it before anybody else goes on; each is done when its sender is dropped.
    deciding: Vec<oneshot::Receiver<()>>,
    /// Closed when it is over.
    over: watch::Receiver<()>,
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

/// Somebody decides about a job, and nobody goes on with it meanwhile.
#[derive(Debug)]
pub(super) struct Decider {
    _place: Place,
    _decided: oneshot::Sender<()>,
}

impl Host {
    /// Stops a job that is under way, or is settled for others, in order. Nobody goes on with it until what this
    /// gives is dropped.
    pub(super) async fn stop_job(&self, job: JobId) -> Decider {
        let (decided, deciding) = oneshot::channel();
        let under_way = self.running().get_mut(&job).map(|running| {
            running.deciding.push(deciding);
            (running.stop.clone(), running.is_left.clone())
        });
        if let Some((stop, mut is_left)) = under_way {
            stop.cancel();
            // An error means that it is over altogether.
            drop(is_left.wait_for(|is_left| *is_left).await);
        }
        Decider { _place: self.turns().to_decide(job).await, _decided: decided }
    }

    /// Enters a job, when nobody else carries it out any more: the one to go on with, else that of the input.
    pub(super) async fn enter(
        &self,
        wanted: Wanted<'_>,
        stop: &CancellationToken,
        talk: &Talk,
    ) -> Result<Entry<'_>, HostError> {
        let Wanted { workflow, input, now_ms, place, mut goes_on_with } = wanted;
        loop {
            let (job, mut over) = {
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
                    Some(other) => (record.id, other.over.clone()),
                    None => return Ok(Entry::Entered(self.entered(&mut running, record.id, stop))),
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
        let stop = stop.child_token();
        running.insert(job, Running { stop, is_left: has_left, deciding: Vec::new(), over: is_over });
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
            if running.deciding.is_empty() {
                running.stop = stop.child_token();
                self.is_left.send_replace(false);
                return;
            }
        }
    }

    pub(super) fn stop(&self) -> CancellationToken {
        self.host.running().get(&self.job).map(|running| running.stop.clone()).unwrap_or_default()
    }

    /// The engine is gone: whoever decides about the job does so now. Tells if somebody did.
    pub(super) async fn wait_for_decisions(&self) -> bool {
        self.is_left.send_replace(true);
        let mut was_decided_about = false;
        loop {
            let next = self.host.running().get_mut(&self.job).and_then(|running| running.deciding.pop());
            match next {
                // An error means decided: nothing is ever sent.
                Some(deciding) => {
                    was_decided_about = true;
                    drop(deciding.await);
                }
                None => return was_decided_about,
            }
        }
    }
}
