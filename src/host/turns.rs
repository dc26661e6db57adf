//! Whose turn it is to begin in a workspace, and to settle what a job left in the air.
//!
//! Jobs that write to one workspace begin one after another: see `settle`. Those of other workspaces do not wait
//! for them. A job that is settled for others has one engine at a time too: who settles it, or decides about it,
//! holds its place; who decides has whoever settles it stop first.
//!
//! The rule that keeps it free of deadlocks: workspaces are taken in the order of their names, before any job;
//! and nobody who holds a job's place waits for anything but its engine.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

use super::error::Unanswered;
use crate::engine::{Cut, Service};
use crate::job::JobId;

/// A system and a workspace of it.
type Workspace = (String, String);

/// The turns of one process.
#[derive(Debug, Default)]
pub(super) struct Turns {
    workspaces: Mutex<HashMap<Workspace, Arc<Turn<()>>>>,
    settled: Mutex<HashMap<JobId, Settled>>,
    /// Jobs that gave no answer, with until when they are not asked again.
    unanswered: Mutex<HashMap<JobId, (Instant, Unanswered)>>,
}

#[derive(Debug, Default)]
struct Settled {
    place: Arc<Turn<()>>,
    asked: Asked,
}

/// What asks whoever settles a job to stop, and ends the wait for answers then.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub stop: CancellationToken,
    pub cut: Cut,
}

/// The place of a job, while nobody else settles it or decides about it.
#[derive(Debug)]
pub(super) struct Place {
    _held: OwnedMutexGuard<()>,
}

impl Turns {
    /// The turns of the workspaces that these profiles lead to, in their order.
    pub(super) async fn of(&self, services: &[Arc<Service>]) -> Vec<OwnedMutexGuard<()>> {
        let key = |service: &Arc<Service>| (service.system.clone(), service.workspace.clone());
        let wanted: BTreeSet<Workspace> = services.iter().map(key).collect();
        let mut held = Vec::with_capacity(wanted.len());
        for workspace in wanted {
            let turn = Arc::clone(locked(&self.workspaces).entry(workspace).or_default());
            held.push(turn.lock_owned().await);
        }
        held
    }

    /// The place of a job, to settle it until `stop`, or until somebody decides about it.
    pub(super) async fn to_settle(&self, job: JobId, stop: &CancellationToken) -> (Place, Asked) {
        let place = self.place_of(job);
        let held = Place { _held: place.lock_owned().await };
        let asked = Asked { stop: stop.child_token(), cut: Cut::default() };
        locked(&self.settled).entry(job).or_default().asked = asked.clone();
        (held, asked)
    }

    /// The place of a job, to decide about it: who settles it stops in order.
    pub(super) async fn to_decide(&self, job: JobId) -> Place {
        let place = self.place_of(job);
        self.ask_to_leave(job);
        Place { _held: place.lock_owned().await }
    }

    /// Has whoever settles a job stop in order.
    pub(super) fn ask_to_leave(&self, job: JobId) {
        if let Some(settled) = locked(&self.settled).get(&job) {
            settled.asked.stop.cancel();
        }
    }

    /// What ends the wait for answers of whoever settles a job.
    pub(super) fn cut_of(&self, job: JobId) -> Option<Cut> {
        locked(&self.settled).get(&job).map(|settled| settled.asked.cut.clone())
    }

    /// Why a job gave no answer when it was asked a moment ago.
    pub(super) fn unanswered(&self, job: JobId) -> Option<Unanswered> {
        let mut unanswered = locked(&self.unanswered);
        unanswered.retain(|_, (until, _)| *until > Instant::now());
        unanswered.get(&job).map(|(_, why)| why.clone())
    }

    /// Notes that a job gave no answer, for as long again as that took to learn: a service that hangs costs those
    /// who begin half of their time, and one that refuses at once costs nothing.
    pub(super) fn note_unanswered(&self, job: JobId, why: Unanswered, took: Duration) {
        locked(&self.unanswered).insert(job, (Instant::now() + took, why));
    }

    /// Forgets which jobs gave no answer: whoever begins next asks them again.
    pub(super) fn forget_unanswered(&self) {
        locked(&self.unanswered).clear();
    }

    fn place_of(&self, job: JobId) -> Arc<Turn<()>> {
        let mut settled = locked(&self.settled);
        // Those that nobody holds or waits for are not needed.
        settled.retain(|other, settled| *other == job || Arc::strong_count(&settled.place) > 1);
        Arc::clone(&settled.entry(job).or_default().place)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_decides_about_a_job_has_its_settling_stop_and_nobody_settles_it_meanwhile() {
        let (turns, stop) = (Turns::default(), CancellationToken::new());
        let (place, asked) = turns.to_settle(JobId(1), &stop).await;
        let settling = async {
            asked.stop.cancelled().await;
            drop(place);
        };

        let (decides, ()) = tokio::join!(turns.to_decide(JobId(1)), settling);
        let mut next = std::pin::pin!(turns.to_settle(JobId(1), &stop));
        assert!(futures_now(next.as_mut()).await.is_none());
        drop(decides);
        let (_place, asked) = next.await;

        assert!(!asked.stop.is_cancelled() && !stop.is_cancelled());
    }

    #[tokio::test]
    async fn a_job_without_an_answer_is_asked_again_after_as_long_as_it_took() {
        let turns = Turns::default();
        turns.note_unanswered(JobId(1), Unanswered::NoAnswer, Duration::from_secs(600));
        turns.note_unanswered(JobId(2), Unanswered::NoAnswer, Duration::ZERO);

        assert!(turns.unanswered(JobId(1)).is_some());
        assert!(turns.unanswered(JobId(2)).is_none() && turns.unanswered(JobId(3)).is_none());
    }

    /// What a future gives without waiting for anything.
    async fn futures_now<T>(future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            found = future => Some(found),
            () = std::future::ready(()) => None,
        }
    }
}
