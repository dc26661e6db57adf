//! What people are told by the channels of a workflow: how its jobs stand, and which deadlines are near.
//!
//! A standing is noted whenever a job was worked on; after a start those of the last days are noted once
//! more, so that what a killed process did not tell is told. The channels know what they told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::shelf::Shelf;
use crate::clock::{Clock, SystemClock};
use crate::engine::Summary;
use crate::host::after;
use crate::job::JobId;
use crate::journal::{Store, StoreError, Watch};
use crate::notify::{Late, Notifier, Standing};
use crate::workflow::{Notify, Occasion};

/// How often deadlines are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// Jobs that are noted again after a start: those of so long, and so many.
const AGAIN_MS: i64 = 3 * 24 * 3_600_000;
const MOST_AGAIN: usize = 500;

/// Who tells people, if the settings have channels. Clone it freely.
#[derive(Debug, Clone)]
pub(super) struct Teller {
    pub notifier: Option<Arc<Notifier>>,
    pub shelf: Arc<Shelf>,
}

impl Teller {
    /// A job was worked on.
    pub fn note(&self, summary: &Summary) {
        self.to(&summary.workflow, |notifier, notify| notifier.note(notify, &Standing::of(summary)));
    }

    /// A job of one workflow is in the way of others: its people are told, and those of a workflow that waits.
    pub fn note_in_the_way(&self, job: JobId, workflow: &str, waits: &str) {
        let standing = Standing::in_the_way(workflow, &job.to_string());
        for workflow in BTreeSet::from([workflow, waits]) {
            self.to(workflow, |notifier, notify| {
                if notify.on.contains(&Occasion::Waiting) {
                    notifier.note(notify, &standing);
                }
            });
        }
    }

    /// A look at the people whom a job erased was carried out as far as it went.
    pub fn note_look(&self, store: &Store, watch: &Watch) -> Result<(), StoreError> {
        let workflow = store.job(watch.job)?.workflow_name;
        let found = watch.found.clone().unwrap_or_default();
        let why = found.why.as_deref().unwrap_or_default();
        let found = [
            ("came_back", found.came_back),
            ("erased_again", found.erased_again),
            ("newer_consent", found.returned),
            ("unknown", found.unknown),
            (why, u64::from(!why.is_empty() && why != "missed")),
        ];
        let waiting = match watch.look {
            Some(look) if watch.over_ms.is_none() => store.state(look)?.totals().waiting_by,
            Some(_) | None => BTreeMap::new(),
        };
        let waiting = waiting.iter().map(|(pause, count)| (pause.word(), *count)).collect();
        let name = format!("{}-watch-{}", watch.job, after(watch));
        let standing = Standing::of_look(&workflow, &name, &found, &waiting);
        self.to(&workflow, |notifier, notify| notifier.note(notify, &standing));
        Ok(())
    }

    /// Notes what the last process may not have told, then deadlines now and then, until `stop`.
    pub async fn keep_telling(self, store: Arc<Store>, stop: CancellationToken) {
        if self.notifier.is_none() {
            return;
        }
        let (again, of) = (self.clone(), Arc::clone(&store));
        told(tokio::task::spawn_blocking(move || again.note_again(&of)).await);
        loop {
            let (teller, of) = (self.clone(), Arc::clone(&store));
            told(tokio::task::spawn_blocking(move || teller.note_deadlines(&of)).await);
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => break,
            }
        }
        if let Some(notifier) = &self.notifier {
            notifier.stopped().await;
        }
    }

    fn note_again(&self, store: &Store) -> Result<(), StoreError> {
        let since_ms = SystemClock.now_ms().saturating_sub(AGAIN_MS);
        let jobs = store.jobs()?;
        let lately = jobs.iter().rev().filter(|job| job.started_ms >= since_ms && !job.is_canary());
        for job in lately.take(MOST_AGAIN) {
            if self.notify_of(&job.workflow_name).is_none() {
                continue;
            }
            let state = store.state(job.id)?;
            let standing = Standing::of_totals(&job.workflow_name, &job.id.to_string(), &state.totals());
            self.to(&job.workflow_name, |notifier, notify| notifier.note(notify, &standing));
        }
        let is_late = |watch: &Watch| watch.over_ms.is_none_or(|over_ms| over_ms >= since_ms);
        let looked = store.watches(None)?.into_iter().filter(|watch| watch.due_ms <= SystemClock.now_ms());
        for watch in looked.filter(is_late).take(MOST_AGAIN) {
            self.note_look(store, &watch)?;
        }
        Ok(())
    }

    fn note_deadlines(&self, store: &Store) -> Result<(), StoreError> {
        let before = |notify: &Notify| i64::try_from(notify.before.as_millis()).unwrap_or(i64::MAX);
        let shown = self.shelf.shown();
        let furthest =
            shown.workflows.values().filter_map(|placed| placed.workflow.notify.as_ref()).map(before);
        let Some(furthest) = furthest.max() else { return Ok(()) };
        let now_ms = SystemClock.now_ms();
        for due in store.due_before(now_ms.saturating_add(furthest))? {
            self.to(&due.workflow, |notifier, notify| {
                if due.due_ms <= now_ms.saturating_add(before(notify)) {
                    let late = Late::of(&due.workflow, &due.row.to_be_bytes(), due.due_ms);
                    notifier.note_late(notify, &late);
                }
            });
        }
        Ok(())
    }

    fn notify_of(&self, workflow: &str) -> Option<Notify> {
        self.shelf.shown().workflows.get(workflow)?.workflow.notify.clone()
    }

    fn to(&self, workflow: &str, tell: impl FnOnce(&Notifier, &Notify)) {
        if let (Some(notifier), Some(notify)) = (&self.notifier, self.notify_of(workflow)) {
            tell(notifier, &notify);
        }
    }
}

fn told(result: Result<Result<(), StoreError>, tokio::task::JoinError>) {
    let why = match result {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::error!("what people are to be told cannot be read from the store: {why}");
}
