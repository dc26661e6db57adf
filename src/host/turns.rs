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
use crate::engine::Service;
use crate::job::JobId;

/// How long a job that was asked and gave no answer is not asked again for others: its people are in its lanes.
const NOT_AGAIN: Duration = Duration::from_secs(5);

/// The turns of one process.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// By system and workspace.
    workspaces: Mutex<HashMap<(String, String), Arc<Turn<()>>>>,
    settled: Mutex<HashMap<JobId, Settled>>,
    /// Jobs that gave no answer, with when.
    unanswered: Mutex<HashMap<JobId, (Instant, Unanswered)>>,
}

#[derive(Debug, Default)]
struct Settled {
    place: Arc<Turn<()>>,
    stop: CancellationToken,
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
        let wanted: BTreeSet<(String, String)> = services.iter().map(key).collect();
        let mut held = Vec::with_capacity(wanted.len());
        for workspace in wanted {
            let turn = Arc::clone(locked(&self.workspaces).entry(workspace).or_default());
            held.push(turn.lock_owned().await);
        }
        held
    }

    /// The place of a job, to settle it until `stop`, or until somebody decides about it.
    pub(super) async fn to_settle(&self, job: JobId, stop: &CancellationToken) -> (Place, CancellationToken) {
        let place = self.place_of(job);
        let held = Place { _held: place.lock_owned().await };
        let stop = stop.child_token();
        locked(&self.settled).entry(job).or_default().stop = stop.clone();
        (held, stop)
    }

    /// The place of a job, to decide about it: who settles it stops in order.
    pub(super) async fn to_decide(&self, job: JobId) -> Place {
        let place = self.place_of(job);
        locked(&self.settled).entry(job).or_default().stop.cancel();
        Place { _held: place.lock_owned().await }
    }

    /// Why a job gave no answer when it was asked a moment ago.
    pub(super) fn unanswered(&self, job: JobId) -> Option<Unanswered> {
        let mut unanswered = locked(&self.unanswered);
        unanswered.retain(|_, (since, _)| since.elapsed() < NOT_AGAIN);
        unanswered.get(&job).map(|(_, why)| why.clone())
    }

    /// Notes that a job gave no answer.
    pub(super) fn note_unanswered(&self, job: JobId, why: Unanswered) {
        locked(&self.unanswered).insert(job, (Instant::now(), why));
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
