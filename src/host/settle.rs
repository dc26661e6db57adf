//! What other jobs of the store left in the air is answered before a job writes to the same people.
//!
//! A process that was killed, or gave up, leaves requests of which nobody knows whether they were made.
//! The same state is answered before a newer one leaves, whichever job of the store sets the newer one: so
//! when a job is about to write, every other open job that left something in the air in one of its
//! workspaces first takes the lanes of those people, and is then driven beside it until they are answered.
//! Whoever else the job names is not kept waiting. A job at work here needs none of this, because its
//! people's lanes are its own, and one that left them keeps those of what it left in the air.
//!
//! A job has one engine at a time: whoever goes on with a job that is driven beside another, or decides about it,
//! stops that first.
//!
//! Jobs begin one after another: a [`Turn`] is held until the job has what it left itself in its lanes. Where
//! nobody can tell whom a job left in the air (its input is gone, or its credentials are), nothing newer
//! leaves: the error names it, and how to go on.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::beside::{Beside, Settled, Settling};
use super::command::Talk;
use super::error::{HostError, StillInTheAir, Unanswered};
use super::owner::Host;
use super::prepare;
use crate::clock::{Clock, SystemClock};
use crate::engine::{self, EngineError, Extent, Order, Patience, Place, Progress, Service, Turn};
use crate::intake::Input;
use crate::job::{JobId, Status};
use crate::journal::{JobRecord, Reader};
use crate::source::Source;
use crate::workflow::{Workflow, load};

/// A job that is about to be driven.
pub(super) struct Beginning<'b> {
    /// Which.
    pub job: JobId,
    /// What it carries out.
    pub workflow: &'b Workflow,
    /// Through which profiles.
    pub services: &'b [Arc<Service>],
    /// How long to stay through pauses.
    pub patience: Patience,
    /// Asks it to stop.
    pub stop: &'b CancellationToken,
    /// Where its calls go.
    pub place: Place,
}

/// How a job begins.
pub(super) struct Begun<'h> {
    /// Held until it has what it left itself in its lanes; `None` when nothing that it does needs it.
    pub turn: Option<Turn>,
    /// What others left in the air, under way beside it.
    pub beside: Beside<'h>,
}

impl Host {
    /// How a job begins that is about to be driven: whom others left in the air is in their lanes by then.
    pub(super) async fn turn_of<'h>(
        &'h self,
        beginning: &Beginning<'_>,
        talk: &Talk,
    ) -> Result<Begun<'h>, HostError> {
        // What only looks leaves nothing in the air.
        if matches!(beginning.place, Place::Sandbox | Place::Shadow) {
            return Ok(Begun { turn: None, beside: Beside::default() });
        }
        let turn = tokio::select! {
            turn = Arc::clone(self.turns()).lock_owned() => turn,
            () = beginning.stop.cancelled() => return Err(HostError::Interrupted),
        };
        // It goes on itself with what it left in the air.
        self.stop_settling(beginning.job).await;
        self.left_nothing().remove(&beginning.job);
        let mut beside = Beside { stop: beginning.stop.child_token(), ..Beside::default() };
        if beginning.workflow.writes
            && let Err(error) = self.settle_others(beginning, &mut beside, talk).await
        {
            // What went before is not left half-way.
            drop(beside.drive(std::future::ready(())).await);
            return Err(error);
        }
        Ok(Begun { turn: Some(Box::new(turn)), beside })
    }

    async fn settle_others<'h>(
        &'h self,
        beginning: &Beginning<'_>,
        beside: &mut Beside<'h>,
        talk: &Talk,
    ) -> Result<(), HostError> {
        let open = self.store().reader().all_open_jobs()?;
        self.left_nothing().retain(|job| open.binary_search(job).is_ok());
        for job in open {
            let is_of_no_concern = job == beginning.job || self.shared().is_at_work(job);
            if is_of_no_concern || self.left_nothing().contains(&job) {
                continue;
            }
            let record = self.store().reader().job(job)?;
            if record.sandbox || !self.store().reader().state(job)?.is_any_in_the_air() {
                self.left_nothing().insert(job);
                continue;
            }
            let source = Source::new(record.workflow_name.clone(), record.workflow_text.clone());
            let Some(workflow) = load(&source, self.known()).0.map(Arc::new) else {
                return Err(still(job, StillInTheAir::Workflow));
            };
            if !workflow.writes || !self.shares_a_workspace(&workflow, beginning.services) {
                continue;
            }
            talk.say(format!("{job} was left with requests in the air: they are answered first"));
            let (has_lanes, mut is_ready) = oneshot::channel::<()>();
            let (patience, stop) = (beginning.patience, beside.stop.clone());
            let mut settling: Settling<'h> =
                Box::pin(self.settle(record, workflow, patience, stop, Box::new(has_lanes)));
            // The sender is dropped once their people are in the lanes, or never will be.
            tokio::select! {
                biased;
                settled = &mut settling => match settled {
                    Err(error @ HostError::InTheAir { why: StillInTheAir::Left(_), .. }) => {
                        beside.settled.push(Err(error));
                    }
                    settled => settled?,
                },
                _ = &mut is_ready => beside.settling.push(settling),
            }
        }
        Ok(())
    }

    /// Whether calls of a workflow may go where these profiles lead; yes when nobody knows any more.
    fn shares_a_workspace(&self, workflow: &Workflow, services: &[Arc<Service>]) -> bool {
        let ours: HashSet<(&str, &str)> =
            services.iter().map(|service| (service.system.as_str(), service.workspace.as_str())).collect();
        let mut theirs = super::profiles(self.settings(), workflow).peekable();
        theirs.peek().is_none()
            || theirs.any(|profile| ours.contains(&(profile.system.word(), profile.workspace.as_str())))
    }

    /// Has a job answered what it left in the air, and no more. Its people are in its lanes when `turn` is
    /// dropped, unless it is over with an error by then.
    async fn settle(
        &self,
        record: JobRecord,
        workflow: Arc<Workflow>,
        patience: Patience,
        asked_to_stop: CancellationToken,
        turn: Turn,
    ) -> Settled {
        let job = record.id;
        let (asked_to_stop, _under_way) = self.note_settling(job, &asked_to_stop);
        let unready = |error: HostError| match error {
            HostError::Interrupted => HostError::Interrupted,
            error => still(job, StillInTheAir::Unready(Box::new(error))),
        };
        let input = open_again(self.store().reader().clone(), record, Arc::clone(&workflow)).await?;
        let services = self.clients().services(&workflow).await.map_err(unready)?;
        // Somebody may wait to go on with it, or decide about it meanwhile.
        let entered = self.enter_beside(job, &asked_to_stop);
        let stop = entered.as_ref().map_or_else(|| asked_to_stop.clone(), |entered| entered.stop());
        let order = Order {
            workflow,
            input,
            services,
            retries: self.settings().retries.clone(),
            store: Arc::clone(self.store()),
            shared: Arc::clone(self.shared()),
            clock: Arc::new(SystemClock) as Arc<dyn Clock>,
            virtual_clock: None,
            patience,
            stop,
            progress: Progress::to(drop),
            failures: self.failures().to_owned(),
            place: Place::Services,
            extent: Extent::InTheAir,
            turn: Some(turn),
        };
        let outcome = Box::pin(engine::run(order)).await;
        if let Some(entered) = &entered {
            entered.wait_for_decisions().await;
        }
        let outcome = outcome.map_err(|error| unready(HostError::Job(error)))?;
        let reader = self.store().reader();
        let is_given_up = reader.job(job)?.status != Status::Open;
        match outcome.stopped.into_iter().next() {
            _ if is_given_up || !reader.state(job)?.is_any_in_the_air() => Ok(()),
            Some(engine::Stopped { profile, why }) => {
                Err(still(job, StillInTheAir::Left(Unanswered::Stopped { profile, why })))
            }
            None => Err(still(job, StillInTheAir::Left(Unanswered::NoAnswer))),
        }
    }
}

fn still(job: JobId, why: StillInTheAir) -> HostError {
    HostError::InTheAir { job, why }
}

/// The input of a job that began before, if it is still what the job was given.
async fn open_again(reader: Reader, record: JobRecord, workflow: Arc<Workflow>) -> Result<Input, HostError> {
    let job = record.id;
    if record.input_path == "-" {
        return Err(still(job, StillInTheAir::StandardInput));
    }
    let digest = record.input_digest;
    let opened = tokio::task::spawn_blocking(move || {
        prepare::open_again(&reader, &record, &workflow, &record.input_at(), &record.input_path)
    });
    let opened = opened.await.map_err(|_| EngineError::Stopped("opening the input"))?;
    let input = opened.map_err(|error| still(job, StillInTheAir::Unready(Box::new(error))))?;
    if input.digest() != digest {
        let changed = crate::intake::InputError::Changed { name: input.name() };
        return Err(still(job, StillInTheAir::Unready(Box::new(HostError::Input(changed)))));
    }
    Ok(input)
}
