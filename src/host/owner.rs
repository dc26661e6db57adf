//! The process that owns a store: its own job, and those that others handed over.
//!
//! Every job is driven by an engine of its own; they share the store, the lanes, and the brake. A job
//! is driven once at a time: who asks for one that is under way waits for it, and then goes on with it
//! or hears what it came to.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::clients::Clients;
use super::command::Talk;
use super::deciding::Deciding;
use super::entered::{Entry, Running, Wanted};
use super::error::{HostError, StillInTheAir, Unanswered};
use super::guests::Guests;
use super::protocol::SettingsName;
use super::report::{Ending, Report};
use super::settle::{Beginning, Begun, MOST};
use super::turns::Turns;
use crate::clock::{Clock, SystemClock, VirtualClock};
use crate::config::Settings;
use crate::engine::{self, Brake, Extent, JobError, Order, Patience, Place, Progress, Service, Shared};
use crate::intake::Input;
use crate::job::{JobId, Status};
use crate::journal::Store;
use crate::workflow::{Known, Workflow};

/// A job that is ready to be carried out.
pub struct Job {
    /// What is carried out.
    pub workflow: Arc<Workflow>,
    /// On what.
    pub input: Input,
    /// Through which profiles.
    pub services: Vec<Arc<Service>>,
    /// How long to stay through pauses.
    pub patience: Patience,
    /// Time of its own, against the sandbox.
    pub virtual_clock: Option<Arc<VirtualClock>>,
    /// Asks it to stop; what is under way is written down first.
    pub stop: CancellationToken,
    /// The job to go on with: no other is begun if it was given up meanwhile.
    pub goes_on_with: Option<JobId>,
}

/// The owner of a store.
#[derive(Debug)]
pub struct Host {
    store: Arc<Store>,
    shared: Arc<Shared>,
    brake: Arc<Brake>,
    clients: Arc<Clients>,
    settings_name: SettingsName,
    known: Known,
    failures: PathBuf,
    stop: CancellationToken,
    running: Mutex<HashMap<JobId, Running>>,
    deciding: Deciding,
    /// Held while a job is looked up and entered, so that none is begun twice.
    opening: tokio::sync::Mutex<()>,
    /// Held while a person is forgotten: whoever stops several jobs does so alone.
    forgetting: tokio::sync::Mutex<()>,
    turns: Turns,
    /// Open jobs that are known to have left nothing in the air.
    left_nothing: Mutex<HashSet<JobId>>,
    guests: Guests,
    /// Jobs of which requests were let go that a person kept back, for whoever goes on with them.
    let_go: Mutex<BTreeSet<JobId>>,
    /// Held while the staff of OneTrust is read.
    syncing: tokio::sync::Mutex<()>,
    /// Held while certificates are written, and from where more are owed until what they are owed for is on the disk.
    certifying: tokio::sync::Mutex<()>,
}

/// The profile for which another job waits, whose people wait with it.
fn stopped_by(left: &HostError) -> Option<engine::Stopped> {
    let HostError::InTheAir { why: StillInTheAir::Left(Unanswered::Stopped { profile, why }), .. } = left
    else {
        return None;
    };
    Some(engine::Stopped { profile: profile.clone(), why: why.clone() })
}

impl Host {
    /// Of a store that this process owns, with its settings. `stop` ends all jobs in order.
    pub fn new(
        store: Store,
        clients: Arc<Clients>,
        settings_name: SettingsName,
        known: Known,
        failures: PathBuf,
        stop: CancellationToken,
    ) -> Arc<Host> {
        let brake = Arc::new(Brake::of(store.path()));
        Arc::new(Host {
            store: Arc::new(store),
            shared: Arc::new(Shared::new(Arc::clone(&brake), clients.settings().quiet)),
            brake,
            clients,
            settings_name,
            known,
            failures,
            stop,
            running: Mutex::default(),
            deciding: Deciding::default(),
            opening: tokio::sync::Mutex::default(),
            forgetting: tokio::sync::Mutex::default(),
            turns: Turns::default(),
            left_nothing: Mutex::default(),
            guests: Guests::default(),
            let_go: Mutex::default(),
            syncing: tokio::sync::Mutex::default(),
            certifying: tokio::sync::Mutex::default(),
        })
    }

    /// Carries a job out, as far as it goes.
    pub async fn carry_out(&self, job: Job, talk: &Talk) -> Result<Report, HostError> {
        let Job { workflow, input, services, patience, virtual_clock, stop, goes_on_with } = job;
        let clock: Arc<dyn Clock> = match &virtual_clock {
            Some(clock) => Arc::clone(clock) as Arc<dyn Clock>,
            None => Arc::new(SystemClock),
        };
        let place = match (self.settings().shadow, &virtual_clock) {
            (true, _) => Place::Shadow,
            (false, Some(_)) => Place::Sandbox,
            (false, None) => Place::Services,
        };
        let now_ms = clock.now_ms();
        let wanted = Wanted { workflow: &workflow, input: &input, now_ms, place, goes_on_with };
        let entered = match self.enter(wanted, &stop, talk).await? {
            Entry::Entered(entered) => entered,
            Entry::Cancelled(job) => {
                return Ok(Report::of_closed(self.summary(job)?, Ending::WasCancelled));
            }
        };
        let certifies = workflow.certificate && matches!(place, Place::Services) && !input.is_canary();
        loop {
            // Anew each time: who decided about it meanwhile wrote the pages, and owes none any more.
            if certifies && let Err(error) = self.store.owe_first_pages(entered.job) {
                return self.as_far_as_known(entered.job, input, error.into()).await;
            }
            let (watcher, (asked, cut)) = (talk.clone(), entered.asked());
            let beginning = Beginning {
                job: entered.job,
                workflow: &workflow,
                services: &services,
                patience,
                stop: &asked,
                place,
            };
            let Begun { turn, left, refused } = match self.turn_of(&beginning, talk).await {
                Err(HostError::Interrupted) if !stop.is_cancelled() => {
                    entered.begin_again(&stop).await;
                    if self.store.reader().job(entered.job)?.status != Status::Cancelled {
                        continue;
                    }
                    return Ok(Report::of_closed(self.summary(entered.job)?, Ending::Cancelled));
                }
                begun => begun?,
            };
            let order = Order {
                workflow: Arc::clone(&workflow),
                input: input.clone(),
                services: services.clone(),
                retries: self.settings().retries.clone(),
                store: Arc::clone(&self.store),
                shared: Arc::clone(&self.shared),
                clock: Arc::clone(&clock),
                virtual_clock: virtual_clock.clone(),
                patience,
                stop: asked,
                cut,
                progress: Progress::to(move |standing| watcher.progress(standing)),
                failures: self.failures.clone(),
                place,
                extent: if refused.is_some() { Extent::InTheAir(MOST) } else { Extent::All },
                turn,
            };
            let outcome = Box::pin(engine::run(order)).await;
            // Whoever looked before it began may have noted that it had left nothing then.
            self.left_nothing().remove(&entered.job);
            let was_decided_about = entered.wait_for_decisions().await;
            if let Some(refused) = refused {
                outcome?;
                return Err(refused);
            }
            let mut behind = BTreeSet::new();
            let mut report = match outcome {
                Ok(mut outcome) => {
                    std::mem::swap(&mut behind, &mut outcome.behind);
                    if outcome.summary.waiting > 0 {
                        outcome.stopped.extend(left.iter().filter_map(stopped_by));
                    }
                    Report::from(outcome)
                }
                Err(JobError::Engine(error)) => {
                    self.as_far_as_known(entered.job, input.clone(), error).await?
                }
                Err(error) => return Err(error.into()),
            };
            let is_waiting = report.summary.waiting > 0;
            let makes_way = is_waiting && self.makes_way(&behind, &stop).await;
            let goes_on = (was_decided_about || makes_way)
                && !stop.is_cancelled()
                && self.store.reader().job(entered.job)?.status == Status::Open;
            match goes_on {
                true => entered.begin_again(&stop).await,
                false if is_waiting => self.say_behind(&left, &behind, talk),
                false => {}
            }
            match self.store.reader().job(entered.job)?.status {
                Status::Cancelled => {
                    report.summary = self.summary(entered.job)?;
                    report.ending = Ending::Cancelled;
                }
                // It only stopped so that somebody could decide about requests of it.
                Status::Open if goes_on => continue,
                // What was decided about was all that was left of it.
                Status::Finished if was_decided_about => {
                    report.summary = self.summary(entered.job)?;
                    report.ending = Ending::Worked;
                }
                Status::Open | Status::Held | Status::Finished => {}
            }
            if certifies {
                self.write_certificates(entered.job).await;
            }
            return Ok(report);
        }
    }

    /// Stays until no other process has anything done here, or until this one is to stop; then takes
    /// nobody in any more.
    pub async fn stay_for_guests(&self) {
        tokio::select! {
            () = self.guests.close_when_empty() => {}
            () = self.stop.cancelled() => self.guests.close(),
        }
    }

    /// How many other processes have something done here.
    pub fn guests(&self) -> usize {
        self.guests.count()
    }

    /// Jobs of which requests were let go since this was asked last.
    pub(crate) fn take_let_go(&self) -> BTreeSet<JobId> {
        std::mem::take(&mut *self.let_go.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn note_let_go(&self, job: JobId) {
        self.let_go.lock().unwrap_or_else(PoisonError::into_inner).insert(job);
    }

    /// Looks at the emergency stop for as long as it is polled.
    pub(super) async fn watch_brake(&self) {
        self.brake.watch().await;
    }

    /// The emergency stop.
    pub(super) fn brake(&self) -> &Brake {
        &self.brake
    }

    /// The store.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The clients of its profiles.
    pub fn clients(&self) -> &Arc<Clients> {
        &self.clients
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn syncing(&self) -> &tokio::sync::Mutex<()> {
        &self.syncing
    }

    pub(super) fn turns(&self) -> &Turns {
        &self.turns
    }

    pub(super) fn left_nothing(&self) -> MutexGuard<'_, HashSet<JobId>> {
        self.left_nothing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn running(&self) -> MutexGuard<'_, HashMap<JobId, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn settings(&self) -> &Settings {
        self.clients.settings()
    }

    pub(super) fn settings_name(&self) -> &SettingsName {
        &self.settings_name
    }

    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    pub(super) fn failures(&self) -> &Path {
        &self.failures
    }

    pub(super) fn now_ms(&self) -> i64 {
        SystemClock.now_ms()
    }

    pub(super) fn admission(&self) -> &Guests {
        &self.guests
    }

    /// Asked to end all jobs in order.
    pub(super) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    pub(super) fn forgetting(&self) -> &tokio::sync::Mutex<()> {
        &self.forgetting
    }

    /// Who decides about which jobs.
    pub(super) fn deciding(&self) -> &Deciding {
        &self.deciding
    }

    /// While this is held nobody begins or goes on with a job. Whoever holds it waits for nothing but the disk:
    /// everybody who begins anything waits for them.
    pub(super) async fn opening(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.opening.lock().await
    }

    /// While this is held nobody writes certificates, and nobody notes that they are written.
    pub(super) async fn certifying(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.certifying.lock().await
    }
}
