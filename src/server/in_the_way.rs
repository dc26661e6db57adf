//! Jobs that stand in the way of others: left with requests in the air of which nobody can tell whom they reach.
//!
//! Until such a job is mended, gone on with or given up by a person, nothing newer leaves to its workspace. So
//! that is said in the log, once and then seldom, in `/readyz`, and to the people of the workflows that wait. Who
//! waits, and why, is found out by whoever tries to go on; nothing here asks for it. A job that is over, or of
//! which something was written down since, is in nobody's way until somebody finds it there again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::carry::Carrier;
use crate::host::{HostError, StillInTheAir};
use crate::job::JobId;
use crate::journal::{Store, StoreError};

/// How often the log says of a job that it is still in the way.
const REMIND: Duration = Duration::from_secs(3600);

/// How often a job on a file looks whether it may go on.
const LOOK: Duration = Duration::from_secs(3);

/// The jobs that are in the way. Clone it freely: all are one.
#[derive(Debug, Clone, Default)]
pub(super) struct InTheWay(Arc<Mutex<BTreeMap<JobId, Obstacle>>>);

/// Why a job is in the way, and of whom.
#[derive(Debug)]
struct Obstacle {
    workflow: String,
    why: String,
    /// Its newest event when it was found in the way.
    event: i64,
    /// Windows and jobs that wait for it; none: it is to be seen whether it still is in the way.
    waiting: BTreeSet<String>,
    said: Instant,
}

impl Carrier {
    /// Somebody cannot go on. Notes it if another job is in the way, and says so as often as is good; false when
    /// the error is another one.
    pub(super) fn is_stopped(&self, who: &str, workflow: &str, error: &HostError) -> bool {
        let HostError::InTheAir { job, why } = error else { return false };
        if let StillInTheAir::Left(_) = why {
            return false;
        }
        if let Err(error) = self.note_in_the_way(who, workflow, *job, why.what_helps(*job)) {
            tracing::error!(%job, %error, "{job}, which is in the way of {who}, cannot be read: {error}");
        }
        true
    }

    fn note_in_the_way(&self, who: &str, workflow: &str, job: JobId, why: String) -> Result<(), StoreError> {
        let store = self.host.store();
        let (theirs, event) = (store.job(job)?.workflow_name, store.newest_event(job)?);
        if self.in_the_way.note(who, job, Obstacle::of(&theirs, &why, event)) {
            tracing::error!(
                %job,
                workflow = theirs,
                "{job} of workflow {theirs} was left with requests in the air and stops what writes to its workspace, such as {who} of workflow {workflow}: {why}, or give it up with `privaflow jobs cancel {job}`"
            );
            self.teller.note_in_the_way(job, &theirs, workflow);
        }
        Ok(())
    }

    /// Waits until whoever was stopped should try again: something became of the job in the way, or it is time.
    pub(super) async fn wait_behind(&self, who: &str, longest: Duration) {
        let began = Instant::now();
        while self.in_the_way.has(who) && began.elapsed() < longest {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }
}

impl Obstacle {
    fn of(workflow: &str, why: &str, event: i64) -> Obstacle {
        let (workflow, why) = (workflow.to_owned(), why.to_owned());
        Obstacle { workflow, why, event, waiting: BTreeSet::new(), said: Instant::now() }
    }

    /// Whether the job is over, or something was written down about it.
    fn has_moved(&self, store: &Store, job: JobId) -> Result<Moved, StoreError> {
        match store.job(job) {
            Ok(record) if record.status.is_closed() => Ok(Moved::Over),
            Ok(_) if store.newest_event(job)? != self.event => Ok(Moved::On),
            Ok(_) => Ok(Moved::Not),
            Err(StoreError::NoSuchJob(_)) => Ok(Moved::Over),
            Err(error) => Err(error),
        }
    }
}

/// What became of a job in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    Not,
    On,
    Over,
}

impl InTheWay {
    /// Notes that somebody waits; says whether people should hear of it.
    fn note(&self, who: &str, job: JobId, found: Obstacle) -> bool {
        let mut jobs = self.jobs();
        for obstacle in jobs.values_mut() {
            obstacle.waiting.remove(who);
        }
        let is_known =
            jobs.get(&job).is_some_and(|known| known.why == found.why && known.said.elapsed() < REMIND);
        let obstacle = jobs.entry(job).or_insert_with(|| Obstacle::of("", "", 0));
        let (waiting, said) = (std::mem::take(&mut obstacle.waiting), obstacle.said);
        *obstacle = Obstacle { waiting, ..found };
        if is_known {
            obstacle.said = said;
        }
        obstacle.waiting.insert(who.to_owned());
        !is_known
    }

    /// Somebody went on, or cannot for another reason.
    pub(super) fn passes(&self, who: &str) {
        self.jobs().retain(|job, obstacle| {
            let waited = obstacle.waiting.remove(who);
            if waited && obstacle.waiting.is_empty() {
                tracing::info!(%job, "{job} is in nobody's way any more");
            }
            !waited || !obstacle.waiting.is_empty()
        });
    }

    /// Whether somebody waits for another job.
    pub(super) fn has(&self, who: &str) -> bool {
        self.jobs().values().any(|obstacle| obstacle.waiting.contains(who))
    }

    /// Looks whether something became of the jobs in the way; true when those who wait should try again.
    pub(super) fn look(&self, store: &Store) -> Result<bool, StoreError> {
        let mut should_try = false;
        for (job, obstacle) in self.jobs().iter_mut() {
            match obstacle.has_moved(store, *job)? {
                Moved::Not => {}
                Moved::On | Moved::Over => {
                    should_try |= !obstacle.waiting.is_empty();
                    obstacle.waiting.clear();
                }
            }
        }
        Ok(should_try)
    }

    /// For `/readyz`.
    pub(super) fn json(&self, store: &Store) -> Value {
        let jobs = self.jobs();
        // A store that cannot be read is a part of its own.
        let is_in_the_way = |(job, obstacle): &(&JobId, &Obstacle)| {
            !obstacle.waiting.is_empty() && matches!(obstacle.has_moved(store, **job), Ok(Moved::Not))
        };
        let jobs: Vec<Value> = jobs
            .iter()
            .filter(is_in_the_way)
            .map(|(job, Obstacle { workflow, why, waiting, .. })| {
                json!({
                    "job": job.to_string(), "workflow": workflow, "waiting": waiting.len(),
                    "why": format!("{why}, or give it up with `privaflow jobs cancel {job}`"),
                })
            })
            .collect();
        let why = (!jobs.is_empty())
            .then_some("there are jobs with requests in the air that stop what writes to their workspace");
        json!({ "ready": why.is_none(), "why": why, "jobs": jobs })
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<JobId, Obstacle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_in_the_way_of_many_is_told_of_once_and_again_when_it_is_for_another_reason() {
        let in_the_way = InTheWay::default();
        let stops = |who: &str, why: &str| in_the_way.note(who, JobId(1), Obstacle::of("erase", why, 7));

        assert!(stops("inbox:1", "its input is gone"));
        assert!(!stops("inbox:2", "its input is gone"));
        assert!(!stops("inbox:1", "its input is gone"));
        assert!(stops("inbox:1", "its input was edited"));

        assert!(in_the_way.has("inbox:1") && in_the_way.has("inbox:2"));
        in_the_way.passes("inbox:1");
        assert!(!in_the_way.has("inbox:1") && in_the_way.has("inbox:2"));
        in_the_way.passes("inbox:2");
        assert!(in_the_way.jobs().is_empty());
    }
}
