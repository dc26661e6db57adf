//! Deciding about a job: whoever carries it out leaves it first, and nobody goes on with it until that is done.
//!
//! A job that leaves in order waits for the answers of what it has sent. A decision waits some seconds for them, and
//! then has the wait cut: what has no answer by then is unknown, as after a crash, and the journal says so. A service
//! could still carry out what was cut after what left later, so nothing is cut that a slow service answers. What
//! must not be repeated is cut only for a decision that gives it up: for any other its answer is worth the wait,
//! because without one a person would have to find out what it did. Meanwhile only this job stands still; nobody
//! waits who does not ask for it.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::command::Talk;
use super::entered::Running;
use super::error::HostError;
use super::owner::Host;
use super::turns::Place;
use crate::engine::Cut;
use crate::job::{JobId, Position};

/// How long a decision waits for answers: a service that has not answered by then hangs.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// How long it does so without a word, and how long a job may take to leave once its wait is cut.
const MOMENT: Duration = Duration::from_millis(1500);

/// What a decision gives up.
#[derive(Debug, Clone, Copy)]
pub(super) enum GivesUp<'d> {
    /// The job.
    Job,
    /// These requests of it.
    Runs(&'d BTreeSet<Position>),
    /// Nothing: all of it goes on.
    Nothing,
}

/// How many decide about each job, or wait to.
pub(super) type Deciding = watch::Sender<BTreeMap<JobId, usize>>;

/// Somebody decides about a job, and nobody goes on with it meanwhile.
#[derive(Debug)]
pub(super) struct Decider<'h> {
    // Before it is noted that the decision is over.
    _place: Place,
    _noted: Noted<'h>,
}

/// A job that somebody wants to decide about, and that is asked for.
#[derive(Debug)]
pub(super) struct Leaving<'h> {
    noted: Noted<'h>,
    since: Instant,
    under_way: Option<UnderWay>,
}

/// What a decision needs of a job that is under way: to hear that its engine is gone, and an end to its waiting.
pub(super) type UnderWay = (watch::Receiver<bool>, Cut);

/// That somebody decides about a job is noted for as long as this lives.
#[derive(Debug)]
struct Noted<'h> {
    host: &'h Host,
    job: JobId,
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.host.deciding().send_modify(|all| {
            if let Some(count) = all.get_mut(&self.job) {
                *count -= 1;
                if *count == 0 {
                    all.remove(&self.job);
                }
            }
        });
    }
}

impl Host {
    /// Stops a job that is under way, or is settled for others, in order. Nobody goes on with it until what this
    /// gives is dropped. Whoever holds what others need (`opening`) must not wait for it.
    pub(super) async fn stop_job(
        &self,
        job: JobId,
        gives_up: GivesUp<'_>,
        talk: &Talk,
    ) -> Result<Decider<'_>, HostError> {
        self.stopped(self.ask_to_leave(job), gives_up, talk).await
    }

    /// Asks whoever carries a job out, or settles it, to leave it, and nobody to go on with it.
    pub(super) fn ask_to_leave(&self, job: JobId) -> Leaving<'_> {
        let since = Instant::now();
        // With the lock held: whoever enters a job looks at both.
        let mut running = self.running();
        self.deciding().send_modify(|all| *all.entry(job).or_default() += 1);
        let under_way = running.get_mut(&job).map(Running::leave_for_decision);
        self.turns().ask_to_leave(job);
        Leaving { noted: Noted { host: self, job }, since, under_way }
    }

    /// Waits until a job is left that was asked for.
    pub(super) async fn stopped<'h>(
        &'h self,
        leaving: Leaving<'h>,
        gives_up: GivesUp<'_>,
        talk: &Talk,
    ) -> Result<Decider<'h>, HostError> {
        let Leaving { noted, since, under_way } = leaving;
        let job = noted.job;
        let (is_left, cut) = under_way.unzip();
        let mut left = pin!(async {
            if let Some(mut is_left) = is_left {
                // An error means that it is over altogether.
                drop(is_left.wait_for(|is_left| *is_left).await);
            }
            self.turns().to_decide(job).await
        });
        let mut place = timeout_at(since + MOMENT, &mut left).await.ok();
        if place.is_none() {
            let seconds = GRACE.as_secs();
            talk.say(format!(
                "{job} waits for answers to what it has sent: this waits {seconds} s for them at most"
            ));
            place = timeout_at(since + GRACE, &mut left).await.ok();
        }
        let mut gives_all_up = true;
        if place.is_none() {
            gives_all_up = self.gives_up_what_hangs(job, gives_up)?;
            for cut in cut.iter().chain(&self.turns().cut_of(job)) {
                match gives_all_up {
                    true => cut.all(),
                    false => cut.repeatable(),
                }
            }
            place = timeout(MOMENT, &mut left).await.ok();
        }
        let place = match place {
            Some(place) => place,
            None => {
                let hangs = self.store().state(job)?.unresolved().any(|exchange| !exchange.repeatable);
                talk.say(match hangs && !gives_all_up {
                    true => format!(
                        "{job} has sent requests that must not be repeated: this waits for their answers; \
                         `privaflow jobs cancel {job}` does not"
                    ),
                    false => format!("{job} is being left in order, and this waits for it"),
                });
                left.await
            }
        };
        Ok(Decider { _place: place, _noted: noted })
    }

    /// Whether what must not be repeated and has no answer is given up.
    fn gives_up_what_hangs(&self, job: JobId, gives_up: GivesUp<'_>) -> Result<bool, HostError> {
        let positions = match gives_up {
            GivesUp::Job => return Ok(true),
            GivesUp::Nothing => return Ok(false),
            GivesUp::Runs(positions) => positions,
        };
        let state = self.store().reader().state(job)?;
        let mut hanging = state.unresolved().filter(|exchange| !exchange.repeatable);
        Ok(hanging.any(|exchange| exchange.positions.iter().any(|position| positions.contains(position))))
    }

    /// Whether somebody decides about a job. To enter it, look while nobody else can.
    pub(super) fn is_decided_about(&self, job: JobId) -> bool {
        self.deciding().borrow().contains_key(&job)
    }

    /// Waits until nobody decides about a job.
    pub(super) async fn decided(&self, job: JobId) {
        let mut deciding = self.deciding().subscribe();
        // The host keeps the other end.
        drop(deciding.wait_for(|all| !all.contains_key(&job)).await);
    }
}
