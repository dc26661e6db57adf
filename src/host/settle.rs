//! What other jobs of the store left in the air is answered before a job writes to the same people.
//!
//! A process that was killed, or gave up, leaves requests of which nobody knows whether they were made.
//! The same state is answered before a newer one leaves, whichever job of the store sets the newer one: so
//! a job that is about to write first has every other open job asked for what it left in the air in one of
//! its workspaces. Where there is no answer soon, those people stay in the lanes of that job, and whoever
//! else is named goes on: all others together are waited for no longer than [`MOST`]. A job at work here needs
//! none of this, because its people's lanes are its own, and one that left them keeps those of what it left in
//! the air.
//!
//! Jobs of a workspace begin one after another: its turn is held until the job has what it left itself in its
//! lanes. Where nobody can tell whom a job left in the air (its input is gone, or its credentials are), nothing
//! newer leaves: the error names it, and how to go on. What the job left itself is no newer: that is asked for
//! all the same, so that of two such jobs neither waits for the other.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::command::Talk;
use super::deciding::GRACE;
use super::error::{HostError, StillInTheAir, Unanswered};
use super::owner::Host;
use super::{prepare, turns};
use crate::clock::{Clock, SystemClock};
use crate::engine::{self, EngineError, Extent, Order, Patience, Place, Progress, Service, Turn};
use crate::intake::Input;
use crate::job::{JobId, Status};
use crate::journal::{JobRecord, Reader};
use crate::source::Source;
use crate::workflow::{Workflow, load};

/// The longest pause between two attempts for which a job waits until another one is answered.
const ANSWERS: Duration = Duration::from_secs(2);
/// How long a job waits for the answers of all others. Their requests may hang for as long as a service keeps a
/// connection open, and wait for a place under a limit.
pub(super) const MOST: Duration = Duration::from_secs(5);

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
pub(super) struct Begun {
    /// Held until it has what it left itself in its lanes; `None` when nothing that it does needs it.
    pub turn: Option<Turn>,
    /// Why what others left in the air is not answered: their people wait.
    pub left: Vec<HostError>,
    /// Why it may do no more than ask for what it left in the air itself.
    pub refused: Option<HostError>,
}

impl Host {
    /// How a job begins that is about to be driven: whom others left in the air is in their lanes by then.
    pub(super) async fn turn_of(&self, beginning: &Beginning<'_>, talk: &Talk) -> Result<Begun, HostError> {
        // What only looks leaves nothing in the air, and waits for nothing.
        if matches!(beginning.place, Place::Sandbox | Place::Shadow) || !beginning.workflow.writes {
            return Ok(Begun { turn: None, left: Vec::new(), refused: None });
        }
        let until = match beginning.patience {
            Patience::Endless => None,
            Patience::Until(wait) => Some(Instant::now() + wait),
        };
        loop {
            let turn = tokio::select! {
                turn = self.turns().of(beginning.services) => turn,
                () = beginning.stop.cancelled() => return Err(HostError::Interrupted),
            };
            self.left_nothing().remove(&beginning.job);
            let (left, refused) = match self.settle_others(beginning, talk).await {
                Ok(left) => (left, None),
                Err(HostError::InTheAir { job, why }) => {
                    let refused = HostError::InTheAir { job, why };
                    if !self.store().reader().state(beginning.job)?.is_any_in_the_air() {
                        return Err(refused);
                    }
                    (Vec::new(), Some(refused))
                }
                Err(error) => return Err(error),
            };
            if left.iter().any(is_without_an_answer) && self.is_held(beginning) {
                // Nobody else waits for its turn meanwhile.
                drop(turn);
                talk.say("what has no answer yet is asked for again once the pause is over".to_owned());
                if self.is_let_go(beginning, until).await? {
                    continue;
                }
                return Ok(Begun {
                    turn: Some(Box::new(self.turns().of(beginning.services).await)),
                    left,
                    refused,
                });
            }
            return Ok(Begun { turn: Some(Box::new(turn)), left, refused });
        }
    }

    /// Has other jobs answered what they left in the air; gives why some are not.
    async fn settle_others(
        &self,
        beginning: &Beginning<'_>,
        talk: &Talk,
    ) -> Result<Vec<HostError>, HostError> {
        let (mut left, began) = (Vec::new(), Instant::now());
        let open = self.store().reader().all_open_jobs()?;
        self.left_nothing().retain(|job| open.binary_search(job).is_ok());
        for job in open {
            let is_of_no_concern = job == beginning.job || self.shared().is_at_work(job);
            if is_of_no_concern || self.left_nothing().contains(&job) {
                continue;
            }
            let record = self.store().reader().job(job)?;
            // Read before its state is: who waits for its turn has left nothing yet, and may.
            let is_under_way = self.running().contains_key(&job);
            if record.sandbox || !self.store().reader().state(job)?.is_any_in_the_air() {
                if !is_under_way {
                    self.left_nothing().insert(job);
                }
                continue;
            }
            let source = Source::new(record.workflow_name.clone(), record.workflow_text.clone());
            let Some(workflow) = load(&source, self.known()).0.map(Arc::new) else {
                return Err(still(job, StillInTheAir::Workflow));
            };
            if !workflow.writes || !self.shares_a_workspace(&workflow, beginning.services) {
                continue;
            }
            // It was asked for somebody else, and its people are in its lanes.
            if self.shared().has_left(job)
                && let Some(why) = self.turns().unanswered(job)
            {
                left.push(still(job, StillInTheAir::Left(why)));
                continue;
            }
            talk.say(format!("{job} was left with requests in the air: they are answered first"));
            let (asked, at_most) = (Instant::now(), MOST.saturating_sub(began.elapsed()));
            match self.settle(job, workflow, beginning, at_most).await {
                // Its people stay in its lanes.
                Err(HostError::InTheAir { job, why: StillInTheAir::Left(why) }) => {
                    self.turns().note_unanswered(job, why.clone(), asked.elapsed());
                    left.push(still(job, StillInTheAir::Left(why)));
                }
                settled => settled?,
            }
        }
        Ok(left)
    }

    /// Whether calls of a workflow may go where these profiles lead; yes when nobody knows any more.
    fn shares_a_workspace(&self, workflow: &Workflow, services: &[Arc<Service>]) -> bool {
        let ours: HashSet<(&str, &str)> =
            services.iter().map(|service| (service.system.as_str(), service.workspace.as_str())).collect();
        let mut theirs = super::profiles(self.settings(), workflow).peekable();
        theirs.peek().is_none()
            || theirs.any(|profile| ours.contains(&(profile.system.word(), profile.workspace.as_str())))
    }

    /// Has a job answered what it left in the air, and no more, and stays so long at most.
    async fn settle(
        &self,
        job: JobId,
        workflow: Arc<Workflow>,
        beginning: &Beginning<'_>,
        at_most: Duration,
    ) -> Result<(), HostError> {
        let unready = |error: HostError| match error {
            HostError::Interrupted => HostError::Interrupted,
            error => still(job, StillInTheAir::Unready(Box::new(error))),
        };
        let (place, turns::Asked { stop, cut }) = self.place_of(job, beginning).await?;
        // Somebody else may have settled it meanwhile, or given it up.
        let reader = self.store().reader();
        let record = reader.job(job)?;
        if record.status != Status::Open || !reader.state(job)?.is_any_in_the_air() {
            return Ok(());
        }
        let input = open_again(reader.clone(), record, Arc::clone(&workflow)).await?;
        let services = tokio::select! {
            services = self.clients().services(&workflow) => Some(services.map_err(unready)?),
            // A credential may come from a command that takes its time.
            () = stop.cancelled() => None,
        };
        let order = |services| Order {
            workflow,
            input,
            services,
            retries: self.settings().retries.clone(),
            store: Arc::clone(self.store()),
            shared: Arc::clone(self.shared()),
            clock: Arc::new(SystemClock) as Arc<dyn Clock>,
            virtual_clock: None,
            patience: shorter(beginning.patience),
            stop: stop.clone(),
            cut: cut.clone(),
            progress: Progress::to(drop),
            failures: self.failures().to_owned(),
            place: Place::Services,
            extent: Extent::InTheAir(at_most),
            turn: None,
        };
        let stopped = match services {
            Some(services) => {
                let mut run = Box::pin(engine::run(order(services)));
                let outcome = tokio::select! {
                    outcome = &mut run => outcome,
                    // Who asked for it goes, and waits no longer than a decision does.
                    () = leaves(beginning.stop) => {
                        cut.repeatable();
                        run.await
                    }
                };
                outcome.map_err(|error| unready(HostError::Job(error)))?.stopped
            }
            None => Vec::new(),
        };
        if beginning.stop.is_cancelled() {
            return Err(HostError::Interrupted);
        }
        drop(place);
        let _decided = match stop.is_cancelled() {
            true => Some(self.place_of(job, beginning).await?),
            false => None,
        };
        let is_given_up = reader.job(job)?.status != Status::Open;
        match stopped.into_iter().next() {
            _ if is_given_up || !reader.state(job)?.is_any_in_the_air() => Ok(()),
            Some(engine::Stopped { profile, why }) => {
                Err(still(job, StillInTheAir::Left(Unanswered::Stopped { profile, why })))
            }
            None => Err(still(job, StillInTheAir::Left(Unanswered::NoAnswer))),
        }
    }

    /// The place of a job, once nobody else settles it or decides about it.
    async fn place_of(
        &self,
        job: JobId,
        beginning: &Beginning<'_>,
    ) -> Result<(turns::Place, turns::Asked), HostError> {
        tokio::select! {
            place = self.turns().to_settle(job, beginning.stop) => Ok(place),
            () = beginning.stop.cancelled() => Err(HostError::Interrupted),
        }
    }
}

/// Some time after a job is asked to stop.
async fn leaves(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// How long a job waits for the answers of another: those of other people go on after that.
fn shorter(patience: Patience) -> Patience {
    match patience {
        Patience::Endless => Patience::Until(ANSWERS),
        Patience::Until(wait) => Patience::Until(wait.min(ANSWERS)),
    }
}

fn is_without_an_answer(error: &HostError) -> bool {
    matches!(error, HostError::InTheAir { why: StillInTheAir::Left(Unanswered::NoAnswer), .. })
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
